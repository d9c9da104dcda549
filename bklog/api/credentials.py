"""Authorization -> the API token in it: as our own clients send it, as a password, and as the clients of Elasticsearch do.

X-Bkapi-Authorization: {"access_token": …} -> the same, of the clients of the original's gateway.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Final

MAX_CHARACTERS: Final = 8_000
# A token of ours, under the name of either: who asks is the token's owner, whatever else the header says.
SECRETS: Final = ("access_token", "bk_app_secret")


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
