"""Writes: API tokens."""

from __future__ import annotations

from bklog.accounts.models import ApiToken
from bklog.records import new_token, token_hash


def replace_api_token(name: str) -> str:
    """Makes a token under this name; one that was there before stops working. Returns the token, which is not kept."""
    token = new_token("bka")
    ApiToken.objects.update_or_create(name=name, defaults={"hash": token_hash(token)})
    return token
