"""A database's failure → Unavailable, where trying again helps: it is away, or its locks were in the way. Else None: a defect.

The three drivers name the same things in three ways: PostgreSQL by SQLSTATE, MySQL and MariaDB by number, SQLite by name.
"""

from __future__ import annotations

from typing import Final

from django.db import InterfaceError, InternalError, OperationalError

from bklog.errors import Unavailable

RETRY_AFTER_SECONDS: Final = 2
# No connection (08), shutting down or starting (57P), no connections or no disk left (53), read-only as a standby is (25006).
_AWAY_SQLSTATES: Final = ("08", "57P", "53", "25006")
_BUSY_SQLSTATES: Final = ("40001", "40P01", "55P03", "57014")
_AWAY_NUMBERS: Final = frozenset({0, 1021, 1040, 1053, 1158, 1159, 1160, 1161, 1290, 1927, 2002, 2003, 2006, 2013, 2055})
_BUSY_NUMBERS: Final = frozenset({1020, 1205, 1213})
_AWAY_NAMES: Final = ("SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_FULL", "SQLITE_READONLY", "SQLITE_PROTOCOL")
_BUSY_NAMES: Final = ("SQLITE_BUSY", "SQLITE_LOCKED")


def as_unavailable(error: BaseException) -> Unavailable | None:
    """For what Django raised; the answer says which of the two it is and is raised or presented by the caller."""
    if not isinstance(error, (OperationalError, InterfaceError, InternalError)):
        return None
    away, busy = _kind(error)
    if away:
        hint = "wait for it and try again; `bklog healthz` says what is wrong with it"
        message = "the database does not answer"
        return Unavailable(message, retry_after_seconds=RETRY_AFTER_SECONDS, hint=hint, code="database_down")
    if busy:
        message = "others changed the same thing at the same time; nothing was done"
        return Unavailable(message, retry_after_seconds=1, hint="send the request again", code="database_busy")
    return None


def _kind(error: BaseException) -> tuple[bool, bool]:
    """(away, busy) of a failure, by what its driver says."""
    cause = error.__cause__ or error
    if hasattr(cause, "sqlstate"):
        state = cause.sqlstate
        if state is None:  # the client's own words: it could not connect, or was cut off
            return not isinstance(error, InternalError), False
        return state.startswith(_AWAY_SQLSTATES), state in _BUSY_SQLSTATES
    name = getattr(cause, "sqlite_errorname", "")
    if name:
        return name.startswith(_AWAY_NAMES), name.startswith(_BUSY_NAMES)
    number = cause.args[0] if cause.args else None
    closed = isinstance(error, InterfaceError) and not isinstance(number, int)  # Django: "connection already closed"
    return number in _AWAY_NUMBERS or closed, number in _BUSY_NUMBERS
