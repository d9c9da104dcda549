"""API tokens: made with a secret that is shown once, replaced, granted permissions, listed, revoked.

Whose the token is that came with a request: bklog/accounts/selectors.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from django.db import IntegrityError, transaction

from bklog.accounts.models import ApiToken
from bklog.errors import BadRequest, Conflict, NotFound
from bklog.records import Permission, new_token, token_hash

NAME: Final = re.compile(r"(?!\s)[^\x00-\x1f\ud800-\udfff]{1,64}(?<!\s)")
PREFIX: Final = "bka"


def create_token(name: object, permissions: Iterable[Permission]) -> tuple[ApiToken, str]:
    """The token and its secret, which is not kept. Raises BadRequest (`token_name`), Conflict (`token_exists`)."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        hint = "1 to 64 characters, without space around them"
        raise BadRequest("that is no name of a token", hint=hint, code="token_name")
    secret = new_token(PREFIX)
    try:
        with transaction.atomic():
            made = ApiToken.objects.create(name=name, **_kept(secret, permissions))
    except IntegrityError as error:
        hint = "revoke it first, or choose another name"
        raise Conflict(f"there is a token {name!r} already", hint=hint, code="token_exists") from error
    return made, secret


def replace_api_token(name: str, permissions: Iterable[Permission] = ()) -> str:
    """Makes a token under this name; one that was there before stops working. Returns the secret, which is not kept."""
    secret = new_token(PREFIX)
    ApiToken.objects.update_or_create(name=name, defaults=_kept(secret, permissions))
    return secret


def _kept(secret: str, permissions: Iterable[Permission]) -> dict[str, Any]:
    return {"hash": token_hash(secret), "permissions": sorted(set(permissions))}


def grant(name: str, permissions: Iterable[Permission]) -> None:
    """The token under this name goes on, with exactly these permissions."""
    ApiToken.objects.filter(name=name).update(permissions=sorted(set(permissions)))


def get_token(token_id: int) -> ApiToken:
    """Raises NotFound (`no_token`)."""
    found = ApiToken.objects.filter(pk=token_id).first()
    if found is None:
        raise NotFound(f"there is no token {token_id}", hint="GET /api/v1/accounts/tokens/ lists them", code="no_token")
    return found


def list_tokens() -> list[ApiToken]:
    return list(ApiToken.objects.order_by("name"))


def present_token(token: ApiToken) -> dict[str, Any]:
    names = ("id", "name", "permissions")
    return {**{name: getattr(token, name) for name in names}, "created_at": token.created_at.isoformat()}
