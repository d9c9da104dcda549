"""Cursor <-> the opaque text that a page ends with: the identity of its last row."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from bklog.errors import BadRequest
from bklog.query.moment import EARLIEST, LATEST

OLDEST: Final = "oldest"


@dataclass(frozen=True, slots=True)
class Cursor:
    """The next page begins after this row, and goes on in its order. `time` is in nanoseconds since 1970."""

    time: int
    batch: UUID
    row: int
    is_oldest_first: bool = False

    def __str__(self) -> str:
        order = [OLDEST] if self.is_oldest_first else []
        raw = json.dumps([self.time, str(self.batch), self.row, *order], separators=(",", ":"))
        return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def read_cursor(text: str) -> Cursor:
    """Raises BadRequest (`cursor`)."""
    try:
        raw = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
        match raw:
            case [int() as time, str() as batch, int() as row, *order] if (
                EARLIEST <= time <= LATEST and 0 <= row < 2**32 and order in ([], [OLDEST])
            ):
                return Cursor(time, UUID(batch), row, is_oldest_first=bool(order))
    except (binascii.Error, UnicodeError, ValueError, RecursionError) as error:
        raise _refuse() from error
    raise _refuse()


def _refuse() -> BadRequest:
    return BadRequest("this is no cursor", hint="pass the cursor of the last page, or none for the first page", code="cursor")
