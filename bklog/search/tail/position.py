"""Position: how far a tail has come, and its text, which is the id of its events.

Inserts become visible in another order than that of their times: one may take a second while ten later ones take none. So a
position is a moment up to which everything is told, and the names of what is told beyond it.

    ──────────── told ────────────┤ until ├─ told ─ not seen yet ─ told ─ told ─▶ now
                                            (SETTLE_SECONDS wide)
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from bklog.errors import BadRequest
from bklog.query.outputs import Arrival

# What becomes visible later after its time than this is not told, unless its insert runs. It bounds how far apart the
# clocks of ingest may be; each second more is read with every reading.
SETTLE_SECONDS: Final = 5
MICROSECOND: Final = 1_000_000
MAX_NAMES: Final = 500  # an id travels as a header
NAME_BYTES: Final = 6
TIME_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Position:
    """`until` is in microseconds since 1970; `names` are of arrivals after it."""

    until: int
    names: frozenset[bytes] = frozenset()

    def has_told(self, arrival: Arrival) -> bool:
        return arrival.time <= self.until or name_of(arrival) in self.names

    def after(self, listed: Sequence[Arrival], untold: Collection[Arrival], *, settled: int) -> Position:
        """When all that is listed was told but `untold`. Nothing before `settled` is waited for."""
        left = set(untold)
        until = max(self.until, min([settled, *(one.time - 1 for one in left)]))
        told = sorted(one.time for one in listed if one not in left and one.time > until)
        if len(told) > MAX_NAMES:
            until = told[-MAX_NAMES - 1]
        return Position(until, frozenset(name_of(one) for one in listed if one not in left and one.time > until))

    def __str__(self) -> str:
        content = self.until.to_bytes(TIME_BYTES, "big") + b"".join(sorted(self.names))
        return base64.urlsafe_b64encode(content).decode().rstrip("=")


def read_position(text: str) -> Position:
    """Raises BadRequest (`event_id`)."""
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refuse() from error
    names = content[TIME_BYTES:]
    if len(content) < TIME_BYTES or len(names) % NAME_BYTES or len(names) > MAX_NAMES * NAME_BYTES:
        raise _refuse()
    starts = range(0, len(names), NAME_BYTES)
    return Position(
        int.from_bytes(content[:TIME_BYTES], "big"), frozenset(names[start : start + NAME_BYTES] for start in starts)
    )


def settled(now: int, longest_insert_seconds: float) -> int:
    """Up to when everything that arrived can be seen, in microseconds since 1970: an insert that takes long is waited for."""
    return now - int((SETTLE_SECONDS + longest_insert_seconds) * MICROSECOND)


def name_of(arrival: Arrival) -> bytes:
    return blake2b(f"{arrival.batch} {arrival.day}".encode(), digest_size=NAME_BYTES).digest()


def _refuse() -> BadRequest:
    hint = "send the id of the last event as Last-Event-ID, or none to begin with what comes in now"
    return BadRequest("this is no id of an event of a tail", hint=hint, code="event_id")
