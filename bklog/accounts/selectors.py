"""Reads: whose API token it is, and what it allows."""

from __future__ import annotations

from bklog.accounts.models import ApiToken
from bklog.records import Bearer, Permission, token_hash


def bearer_of_api_token(token: str) -> Bearer | None:
    """None for a token that opens nothing. A permission that this version does not know allows nothing."""
    found = ApiToken.objects.filter(hash=token_hash(token)).values_list("name", "permissions").first()
    if found is None:
        return None
    name, permissions = found
    return Bearer(name, frozenset(one for one in Permission if one in permissions))
