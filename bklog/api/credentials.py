"""Authorization -> the API token in it: as our own clients send it, as a password, and as the clients of Elasticsearch do."""

from __future__ import annotations

import base64
import binascii


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


def _password_of(credentials: str) -> str:
    """What stands behind the colon of `base64(name:password)`; empty where it is no such thing."""
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
