"""What came with a request to say who asks: an API token in `Authorization`, or a session in the page's cookie.

`Authorization` wins: a program that sends a token is not asked for what protects browsers. The token stands there as our own
clients send it, as a password, or as the clients of Elasticsearch do; those of the original's gateway send
X-Bkapi-Authorization: {"access_token": …}.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from django.conf import settings
from django.http import HttpRequest

from bklog.accounts.selectors import bearer_of_api_token
from bklog.accounts.sessions import COOKIE, PREFIX, bearer_of_session, is_from_the_page
from bklog.errors import Forbidden, Unauthorised
from bklog.esquery import PREFIX as ORIGINAL
from bklog.records import Bearer

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER: Final = "X-CSRFToken"
FORWARDED: Final = "X-Forwarded-For"
MAX_CHARACTERS: Final = 8_000
# A token of ours, under the name of either: who asks is the token's owner, whatever else the header says.
SECRETS: Final = ("access_token", "bk_app_secret")


def cookie_name() -> str:
    """Over HTTPS browsers keep others of the host's domain from setting a cookie of such a name."""
    return f"__Host-{COOKIE}" if settings.BKLOG_HTTPS else COOKIE


def token_in(header: str) -> str:
    """Of `Bearer TOKEN`, `Basic base64(anybody:TOKEN)`, `ApiKey TOKEN`, `ApiKey base64(id:TOKEN)`; else empty."""
    scheme, _, given = header.partition(" ")
    given = given.strip()
    match scheme.lower():
        case "bearer":
            return given
        case "basic":
            return _password_of(given)
        case "apikey":
            return _password_of(given) or given
    return ""


def token_for_gateway(header: str) -> str:
    """Empty where the header is no JSON object with a token."""
    try:
        given = json.loads(header[:MAX_CHARACTERS]) if header else {}
    except (ValueError, RecursionError):
        return ""
    found = [given.get(name) for name in SECRETS] if isinstance(given, dict) else []
    return next((one.strip() for one in found if isinstance(one, str) and one.isascii() and one.isprintable() and one), "")


def _password_of(credentials: str) -> str:
    """What stands behind the colon of `base64(name:password)`; empty where it is no such thing."""
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def token_of(request: HttpRequest) -> str:
    """The token that came with the request, or nothing."""
    given = request.headers.get("Authorization")
    if given is None and request.path.startswith(ORIGINAL):
        return token_for_gateway(request.headers.get("X-Bkapi-Authorization", ""))
    return token_in(given or "")


def secret_of(token: str, cookies: Mapping[str, str]) -> str:
    """A token, or the secret of a session; empty where there is neither."""
    if token:
        return "" if is_session(token) else token  # a session is used in its cookie alone, where no script reads it
    cookie = cookies.get(cookie_name(), "")
    return cookie if is_session(cookie) else ""


def is_session(secret: str) -> bool:
    return secret.startswith(f"{PREFIX}_")


def bearer_of_secret(secret: str) -> Bearer:
    """Raises Unauthorised."""
    if not secret:
        hint = "sign in, or send Authorization: Bearer TOKEN; a local fleet keeps one in $BKLOG_HOME/secrets/api-token"
        raise Unauthorised("the request carries no API token", hint=hint, code="token_missing")
    if is_session(secret):
        return _of_session(secret)
    found = bearer_of_api_token(secret) if "token" in settings.BKLOG_AUTH_METHODS else None
    if found is None:
        raise Unauthorised("nobody has this API token", hint="make another: `bklog token NAME`", code="token_wrong")
    return found


def _of_session(secret: str) -> Bearer:
    found = bearer_of_session(secret, now=datetime.now(UTC)) if "password" in settings.BKLOG_AUTH_METHODS else None
    if found is None:
        raise Unauthorised("the session has ended", hint="sign in again", code="session_ended")
    return found


def require_from_the_page(request: HttpRequest, secret: str) -> None:
    """Another site's page can make a browser send the cookie, but not this header. Raises Forbidden (`csrf`)."""
    if request.method in SAFE_METHODS or not is_session(secret):
        return
    if not is_from_the_page(secret, request.headers.get(CSRF_HEADER, "")):
        hint = f"send the csrf_token of GET /api/v1/accounts/session/ as {CSRF_HEADER}"
        raise Forbidden("the request does not come from the page that was signed in", hint=hint, code="csrf")


def address_of(request: HttpRequest) -> str:
    """Of who asks, as the outermost proxy of ours saw it; what stands before that in the header anybody may invent."""
    there: str = request.META.get("REMOTE_ADDR", "")
    return forwarded_for(request.headers.get(FORWARDED, ""), there, trusted=settings.BKLOG_TRUSTED_PROXIES)


def forwarded_for(header: str, there: str, *, trusted: int) -> str:
    seen = [one.strip() for one in header.split(",") if one.strip()]
    return (seen[-trusted] if 0 < trusted <= len(seen) else there)[:64]
