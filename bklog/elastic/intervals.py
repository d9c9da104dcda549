"""The interval of a date histogram -> its key: buckets of one width since 1970, or the edges that a calendar has.

fixed_interval 90s, 60000ms, 2d    whole multiples since 1970, as the clocks of the zone show it
calendar_interval 1d, week, 1M     whole days, weeks, months, quarters and years of the zone
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from bklog.elastic.keys import illegal
from bklog.query.buckets import Interval, edges
from bklog.query.moment import EARLIEST, SECOND
from bklog.query.plan import EdgeKey, TimeKey
from bklog.records.timerange import EPOCH

MAX_EDGES: Final = 10_000
_FIXED: Final = re.compile(r"(?P<count>\d{1,12})(?P<unit>ms|s|m|h|d|w)", re.ASCII)
_UNITS: Final = {
    "ms": 1_000_000,
    "s": SECOND,
    "m": 60 * SECOND,
    "h": 3600 * SECOND,
    "d": 86_400 * SECOND,
    "w": 604_800 * SECOND,
}
_CALENDAR: Final = {
    **dict.fromkeys(("minute", "1m", "m"), Interval(1, "m")),
    **dict.fromkeys(("hour", "1h", "h"), Interval(1, "h")),
    **dict.fromkeys(("day", "1d", "d"), Interval(1, "d")),
    **dict.fromkeys(("week", "1w", "w"), Interval(1, "w")),
    **dict.fromkeys(("month", "1M", "M"), Interval(1, "M")),
    **dict.fromkeys(("quarter", "1q", "q"), Interval(1, "M")),
    **dict.fromkeys(("year", "1y", "y"), Interval(1, "y")),
}
_QUARTERS: Final = ("quarter", "1q", "q")
_FIRST_MONTHS: Final = (1, 4, 7, 10)


def fixed_width(text: str) -> int:
    """Nanoseconds. Raises BadRequest."""
    found = _FIXED.fullmatch(text)
    width = int(found["count"]) * _UNITS[found["unit"]] if found else 0
    if not SECOND // 1000 <= width <= 10_000 * _UNITS["d"]:
        raise illegal(f"the interval [{text[:40]}] cannot be read", "write 500ms, 30s, 5m, 1h or 1d")
    return width


def is_calendar(text: str) -> bool:
    return text in _CALENDAR


def fixed_key(width: int, *, start: int, end: int, zone: tzinfo) -> TimeKey | EdgeKey:
    """Where the clocks of the zone change within the range the buckets are those of each day, which the width must divide."""
    offset = _offset(start, zone)
    if zone is UTC or all(_offset(start + (end - start) * place // 64, zone) == offset for place in range(65)):
        return TimeKey((EARLIEST + offset) // width * width - offset, width)
    if (86_400 * SECOND) % width:
        hint = "take an interval that divides a day, UTC, or a range in which the clocks do not change"
        raise illegal("the clocks of the time zone change within the range, and the interval does not divide a day", hint)
    return _edge_key(Interval(width // 1_000_000, "ms"), start=start, end=end, zone=zone)


def calendar_key(text: str, *, start: int, end: int, zone: tzinfo) -> TimeKey | EdgeKey:
    interval = _CALENDAR[text]
    if interval.unit in ("m", "h", "d") and zone is UTC:
        return fixed_key(interval.nanoseconds, start=start, end=end, zone=zone)
    if text not in _QUARTERS:
        return _edge_key(interval, start=start, end=end, zone=zone)
    early = start - 92 * 86_400 * SECOND
    months = _edge_key(interval, start=max(early, EARLIEST), end=end, zone=zone).edges
    return EdgeKey(tuple(edge for edge in months if _month(edge, zone) in _FIRST_MONTHS))


def _edge_key(interval: Interval, *, start: int, end: int, zone: tzinfo) -> EdgeKey:
    number = (end - start) // interval.nanoseconds
    if number > MAX_EDGES:
        hint = "ask for a time range, or take a longer interval"
        raise illegal(f"the interval cuts the time range into {number} buckets; at most {MAX_EDGES} are made", hint)
    return EdgeKey(edges(interval, start=start, end=end, zone=zone)[:-1])


def _offset(moment: int, zone: tzinfo) -> int:
    shift = _local(moment, zone).utcoffset() or timedelta()
    return shift // timedelta(seconds=1) * SECOND


def _month(moment: int, zone: tzinfo) -> int:
    return _local(moment, zone).month


def _local(moment: int, zone: tzinfo) -> datetime:
    return (EPOCH + timedelta(microseconds=moment // 1000)).astimezone(zone)
