"""Time range, interval, zone -> the edges of a date histogram's buckets: whole ones, as the clocks of the zone show them.

auto, 30s, 5m, 1h, 1d, 1w, 1M ─▶ Interval ─ edges(start, end, zone) ─▶ nanoseconds: n + 1 edges of n buckets

A bucket begins at a whole multiple of its width since local midnight, a week on Monday, a month and a year on the first day.
Where the clocks change a day has 23 or 25 hours, and a bucket longer than the change is that much shorter or longer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import count
from typing import Final
from zoneinfo import ZoneInfo

from bklog.errors import BadRequest
from bklog.query.moment import EARLIEST, LATEST, SECOND
from bklog.records.timerange import EPOCH, to_nanoseconds

DAY_SECONDS: Final = 86_400
MAX_BUCKETS: Final = 1_000
DEFAULT_BUCKETS: Final = 100
_MILLISECOND: Final = 1_000_000
_UNITS: Final = {"ms": _MILLISECOND, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND}
_UNIT_DAYS: Final = {"d": 1, "w": 7, "M": 31, "y": 366}
_INTERVAL: Final = re.compile(r"(?P<count>[1-9]\d{0,5})(?P<unit>ms|s|m|h|d|w|M|y)", re.ASCII)
_OFFSET: Final = re.compile(r"(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d)", re.ASCII)
INTERVAL_HINT: Final = "write auto, or 500ms, 30s, 5m, 1h, 1d, 1w, 1M, 1y; what is shorter than a day must divide it"


@dataclass(frozen=True, slots=True)
class Interval:
    """`count` of `unit`: ms, s, m, h, d, w, M or y. Raises BadRequest (`interval`) for what does not divide its day."""

    count: int
    unit: str

    def __post_init__(self) -> None:
        if self.unit in _UNITS and (DAY_SECONDS * SECOND) % self.nanoseconds:
            raise BadRequest(f"an interval of {self} does not divide a day", hint=INTERVAL_HINT, code="interval")
        if self.unit in ("w", "M", "y") and self.count != 1:
            raise BadRequest(f"an interval of {self} has no first day", hint="write 1w, 1M, 1y or days", code="interval")

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"

    @property
    def nanoseconds(self) -> int:
        """Its width where the clocks do not change; of a month and a year, the longest."""
        return self.count * (_UNITS.get(self.unit) or _UNIT_DAYS[self.unit] * DAY_SECONDS * SECOND)


# Widths that a person reads without counting. The day's parts divide it, so that every day has the same buckets.
_AUTO: Final = tuple(
    Interval(count_of, unit)
    for unit, counts in (
        ("ms", (1, 2, 5, 10, 20, 50, 100, 200, 500)),
        ("s", (1, 2, 5, 10, 15, 30)),
        ("m", (1, 2, 5, 10, 15, 30)),
        ("h", (1, 2, 3, 6, 12)),
        ("d", (1,)),
        ("w", (1,)),
        ("M", (1,)),
        ("y", (1,)),
    )
    for count_of in counts
)


def read_interval(text: str, *, start: int, end: int, buckets: int) -> Interval:
    """`auto` is the narrowest that cuts the range into at most `buckets`. Raises BadRequest (`interval`)."""
    if text == "auto":
        return next((one for one in _AUTO if (end - start) <= buckets * one.nanoseconds), _AUTO[-1])
    found = _INTERVAL.fullmatch(text)
    if not found:
        raise BadRequest(f"the interval {text[:40]!r} cannot be read", hint=INTERVAL_HINT, code="interval")
    interval = Interval(int(found["count"]), found["unit"])
    number = (end - start) // interval.nanoseconds
    if number > MAX_BUCKETS:
        hint = f"take a longer interval or a shorter range: at most {MAX_BUCKETS} buckets are possible"
        raise BadRequest(f"an interval of {interval} cuts the range into {number} buckets", hint=hint, code="interval")
    return interval


def read_zone(text: str) -> tzinfo:
    """`UTC`, an IANA name, or an offset such as +08:00. Raises BadRequest (`zone`)."""
    if offset := _OFFSET.fullmatch(text):
        minutes = int(offset["hours"]) * 60 + int(offset["minutes"])
        if minutes < 24 * 60:
            return timezone(timedelta(minutes=-minutes if offset["sign"] == "-" else minutes))
    try:
        return UTC if text == "UTC" else ZoneInfo(text)
    except (KeyError, ValueError, OSError) as error:  # no such name, no name at all, a folder
        hint = "write UTC, Asia/Shanghai or another IANA name, or an offset such as +08:00"
        raise BadRequest(f"there is no time zone {text[:60]!r}", hint=hint, code="zone") from error


def edges(interval: Interval, *, start: int, end: int, zone: tzinfo) -> tuple[int, ...]:
    """Each bucket lies between two; the first begins at or before `start`, the last ends at or after `end`."""
    start = min(max(start, EARLIEST), LATEST - 1)  # no row is outside of what the engine's times hold
    end = min(max(end, start + 1), LATEST)
    found: set[int] = set()
    for local in _local_edges(interval, _wall_clock(start, zone)):
        instants = _instants(local, zone)
        found |= instants
        if min(instants) >= end:
            break
    ordered = sorted(found)
    first = max(place for place, edge in enumerate(ordered) if edge <= start)
    last = next(place for place, edge in enumerate(ordered) if edge >= end)
    return tuple(ordered[first : last + 1])


def _wall_clock(moment: int, zone: tzinfo) -> datetime:
    return (EPOCH + timedelta(microseconds=moment // 1000)).astimezone(zone).replace(tzinfo=None)


def _instants(local: datetime, zone: tzinfo) -> set[int]:
    """When the clocks show this time: twice where they are set back; where they skip it, as if they had not yet."""
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    shown_twice = second.astimezone(zone).replace(tzinfo=None, fold=0) == local
    return {to_nanoseconds(first), *([to_nanoseconds(second)] if shown_twice else [])}


def _local_edges(interval: Interval, start: datetime) -> Iterator[datetime]:
    """Times without a zone, from one bucket before that of `start`, which a change of the clocks may have moved behind it."""
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    width = timedelta(microseconds=interval.nanoseconds // 1000)
    match interval.unit:
        case "y":
            yield from (midnight.replace(year=year, month=1, day=1) for year in count(start.year - 1))
        case "M":
            months = count(start.year * 12 + start.month - 2)
            yield from (midnight.replace(year=month // 12, month=month % 12 + 1, day=1) for month in months)
        case "w":
            monday = midnight - timedelta(days=midnight.weekday())
            yield from (monday + number * width for number in count(-1))
        case "d":
            first = midnight - timedelta(days=midnight.toordinal() % interval.count)
            yield from (first + number * width for number in count(-1))
        case _:
            first = midnight + (start - midnight) // width * width
            yield from (first + number * width for number in count(-1))
