"""TimeRange: a half-open piece of time, `start <= t < end`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bklog.errors import BadRequest

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_nanoseconds(moment: datetime) -> int:
    """Nanoseconds since 1970, exactly (a float would lose the last digits)."""
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Raises BadRequest (`time_range`) for a naive time or an end that is not after the start."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise BadRequest("a time without a zone is ambiguous", hint="add Z or an offset such as +08:00", code="time_range")
        if self.start >= self.end:
            raise BadRequest(
                f"the range ends at {self.end.isoformat()}, which is not after its start {self.start.isoformat()}",
                hint="swap start and end, or widen the range",
                code="time_range",
            )
