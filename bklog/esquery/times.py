"""start_time, end_time, time_range, time_zone … of a body -> TimeRange.

A time is seconds, milliseconds or microseconds since 1970, ISO 8601, or `YYYY-MM-DD hh:mm:ss` as clocks of the zone show it.
As in the original the end belongs to the range, to the millisecond, and nothing said means the last quarter of an hour.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from bklog.query.buckets import read_zone
from bklog.query.moment import EARLIEST, LATEST
from bklog.records import TimeRange, to_nanoseconds
from bklog.records.timerange import EPOCH
from bklog.search.context import ALL_TIME
from bklog.search.given import Given, read_time, refuse

TIME_KEYS: Final = (
    "start_time", "end_time", "time_range", "time_zone", "use_time_range", "include_start_time", "include_end_time",
)  # fmt: skip
CUSTOMIZED: Final = "customized"
USUAL: Final = timedelta(minutes=15)
MILLISECOND: Final = timedelta(milliseconds=1)
_SPAN: Final = re.compile(r"\d{1,6}[smhdw]", re.ASCII)
_LOCAL: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)?", re.ASCII)


def read_range(given: Given, *, now: datetime, zone: tzinfo, usual: timedelta = USUAL) -> TimeRange:
    """Raises BadRequest: `time_syntax`, `time_range`, `search_request`."""
    if not given.flag("use_time_range", default=True):
        return ALL_TIME
    span = given.text("time_range")
    if span not in ("", CUSTOMIZED):
        return TimeRange(_ago(span, now), now)
    first, last = given.raw("start_time", ""), given.raw("end_time", "")
    end = now if last == "" else read_moment_of(last, now=now, zone=zone, name="end_time")
    start = end - usual if first == "" else read_moment_of(first, now=now, zone=zone, name="start_time")
    if last != "" and given.flag("include_end_time", default=True):
        end += MILLISECOND
    if first != "" and not given.flag("include_start_time", default=True):
        start += MILLISECOND
    return TimeRange(max(start, ALL_TIME.start), min(end, ALL_TIME.end))


def zone_of(given: Given, header: str) -> tuple[str, tzinfo]:
    """That of the body, else of the request's header, else UTC: its name, and what it is. Raises BadRequest (`zone`)."""
    name = given.text("time_zone") or header or "UTC"
    return name, read_zone(name)


def read_moment_of(value: object, *, now: datetime, zone: tzinfo, name: str) -> datetime:
    """Raises BadRequest (`time_syntax`)."""
    text = value.strip() if isinstance(value, str) else ""
    if not _LOCAL.fullmatch(text):
        return read_time(value, now=now, name=name)
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=zone)
    except ValueError:  # the 31st of February
        return read_time(text, now=now, name=name)
    if not EARLIEST <= to_nanoseconds(moment) <= LATEST:
        return read_time(f"{text} is beyond all rows", now=now, name=name)
    return moment.astimezone(UTC)


def milliseconds(moment: datetime) -> int:
    return (moment - EPOCH) // MILLISECOND


def _ago(span: str, now: datetime) -> datetime:
    if not _SPAN.fullmatch(span):
        raise refuse(f"time_range is {span[:40]!r}", f"time_range is 15m, 4h, 1d, or {CUSTOMIZED} with start_time and end_time")
    return read_time(span, now=now, name="time_range")
