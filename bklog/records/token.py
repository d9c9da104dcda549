"""Tokens: 32 random bytes as text, kept as a hash. They are too long to guess, so that a plain SHA-256 suffices."""

from __future__ import annotations

import hashlib
import secrets


def new_token(prefix: str) -> str:
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
