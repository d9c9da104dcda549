"""Passwords: which are taken, how they are kept, and a check that takes as long for a name that nobody has.

scrypt (Django's, of Python's own library) needs 16 MiB and a quarter of a second for each guess.
"""

from __future__ import annotations

import secrets
from functools import lru_cache
from typing import Final

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

from bklog.accounts.models import User
from bklog.errors import BadRequest

LEAST_CHARACTERS: Final = 10
MOST_CHARACTERS: Final = 256


def hashed(password: object, *, name: str) -> str:
    """Raises BadRequest (`password`) for what is too short, well known, or the name."""
    if not isinstance(password, str) or not LEAST_CHARACTERS <= len(password) <= MOST_CHARACTERS:
        raise _refuse("the password is too short or too long")
    if password.strip().casefold() == name:
        raise _refuse("the password is the name")
    try:
        _well_known().validate(password)
    except ValidationError as error:
        raise _refuse("the password is one that everybody tries first") from error
    try:
        return make_password(password)
    except UnicodeEncodeError as error:
        raise _refuse("half of a character stands in the password") from error


def fits(password: str, user: User | None) -> bool:
    """False for nobody, and for who is disabled, after the same work."""
    try:
        if user is None:
            make_password(password)
            return False
        return check_password(password, user.password) and not user.is_disabled
    except UnicodeEncodeError:
        return False


def generated() -> str:
    return secrets.token_urlsafe(15)


@lru_cache(maxsize=1)
def _well_known() -> CommonPasswordValidator:
    """Their list takes memory in each process that has it: only where a password is set."""
    return CommonPasswordValidator()


def _refuse(why: str) -> BadRequest:
    hint = f"{LEAST_CHARACTERS} to {MOST_CHARACTERS} characters that nobody guesses, such as four words"
    return BadRequest(why, hint=hint, code="password")
