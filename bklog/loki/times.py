"""The times of a request: nanoseconds, seconds or RFC 3339, a step, how far back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from bklog.errors import BadRequest
from bklog.query.logql.samples_sql import Times
from bklog.query.logql.units import DURATION, SECOND, nanoseconds_of
from bklog.query.moment import EARLIEST, LATEST, read_moment
from bklog.records import to_nanoseconds

Parameters = Mapping[str, Sequence[str]]
DEFAULT_SINCE: Final = 3_600 * SECOND
DEFAULT_POINTS: Final = 250
MAX_POINTS: Final = 11_000
_DECIMAL: Final = re.compile(r"-?\d{1,12}\.\d{1,9}", re.ASCII)
_WHOLE: Final = re.compile(r"-?\d{1,19}", re.ASCII)


def one(parameters: Parameters, name: str, default: str = "") -> str:
    """The first value, as Go's libraries take it."""
    return next(iter(parameters.get(name, ())), default)


def bounds(parameters: Parameters, *, now: datetime) -> tuple[int, int]:
    """Start and end. Raises BadRequest (`loki_time`)."""
    end = read_time(one(parameters, "end"), to_nanoseconds(now), "end")
    since = one(parameters, "since")
    back = read_duration(since, "since") if since else DEFAULT_SINCE
    start = read_time(one(parameters, "start"), min(end, to_nanoseconds(now)) - back, "start")
    if end < start:
        raise _refuse("end timestamp must not be before or equal to start time")
    return start, end


def steps(parameters: Parameters, start: int, end: int) -> Times:
    """Raises BadRequest (`loki_time`) for a step of nothing, and for more points than a chart has."""
    text = one(parameters, "step")
    default = max(SECOND, (end - start) // SECOND // DEFAULT_POINTS * SECOND)
    step = read_duration(text, "step") if text else default
    if step <= 0:
        raise _refuse("zero or negative query resolution step widths are not accepted. Try a positive integer")
    count = (end - start) // step + 1
    if count > MAX_POINTS:
        raise _refuse(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
        )
    return Times(start, step, count)


def read_time(text: str, default: int, name: str) -> int:
    """Up to ten digits are seconds, more are nanoseconds."""
    if not text:
        return default
    if _DECIMAL.fullmatch(text):
        seconds, _, fraction = text.partition(".")
        part = int(fraction.ljust(9, "0"))
        found = int(seconds) * SECOND + (-part if text.startswith("-") else part)
    elif _WHOLE.fullmatch(text):
        found = int(text) * (SECOND if len(text) <= 10 else 1)
    else:
        moment = read_moment(text) if "T" in text else None
        if moment is None:
            raise _refuse(f"could not parse {text[:60]!r} as a time in {name!r}")
        found = moment.start
    if not EARLIEST <= found < LATEST:
        raise _refuse(f"the time {text!r} in {name!r} is beyond what can be stored")
    return found


def read_duration(text: str, name: str) -> int:
    """Nanoseconds of 5m, 15000ms, or of a number of seconds."""
    if DURATION.fullmatch(text):
        found = nanoseconds_of(text)
    elif re.fullmatch(r"\d{1,12}(\.\d{1,9})?", text, re.ASCII):
        found = round(float(text) * SECOND)
    else:
        raise _refuse(f"cannot parse {text[:60]!r} to a valid duration in {name!r}")
    if found > LATEST:
        raise _refuse(f"{name} {text!r} is longer than time itself is stored")
    return found


def _refuse(message: str) -> BadRequest:
    hint = "times are seconds or nanoseconds since 1970, or 2026-01-02T03:04:05Z; durations 15s or 5m"
    return BadRequest(message, hint=hint, code="loki_time")
