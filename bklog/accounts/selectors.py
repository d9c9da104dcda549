"""Reads: whose API token it is."""

from __future__ import annotations

from bklog.accounts.models import ApiToken
from bklog.records import token_hash


def owner_of_api_token(token: str) -> str | None:
    """The token's name, or None for a token that opens nothing."""
    return ApiToken.objects.filter(hash=token_hash(token)).values_list("name", flat=True).first()
