"""Writes: API tokens."""

from __future__ import annotations

from collections.abc import Iterable

from bklog.accounts.models import ApiToken
from bklog.accounts.tokens import PREFIX
from bklog.records import Permission, new_token, token_hash


def replace_api_token(name: str, permissions: Iterable[Permission] = ()) -> str:
    """Makes a token under this name; one that was there before stops working. Returns the token, which is not kept."""
    token = new_token(PREFIX)
    found = {"hash": token_hash(token), "permissions": sorted(set(permissions))}
    ApiToken.objects.update_or_create(name=name, defaults=found)
    return token


def grant(name: str, permissions: Iterable[Permission]) -> None:
    """The token under this name goes on, with exactly these permissions."""
    ApiToken.objects.filter(name=name).update(permissions=sorted(set(permissions)))
