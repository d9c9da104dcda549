"""Text -> Moment: the times that a query and a request write, with how long what was written lasts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bklog.records import to_nanoseconds
from bklog.records.timerange import EPOCH

SECOND: Final = 1_000_000_000
TIME_HINT: Final = "write 2026-01-02T03:04:05Z, 2026-01-02T11:04+08:00, 2026-01-02Z, or seconds or milliseconds since 1970"
# What DateTime64(9) holds: from 1900 to the last nanosecond of a signed 64-bit count.
EARLIEST: Final = -2_208_988_800 * SECOND
LATEST: Final = 9_223_372_036 * SECOND

_ISO: Final = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)(?:[T ](?P<minute>\d\d:\d\d)(?P<second>:\d\d)?(?:[.,](?P<fraction>\d{1,9}))?)?"
    r" ?(?P<zone>Z|[+-]\d\d:?\d\d)",
    re.ASCII,
)
# The digits that a count since 1970 has until the year 5138 and its unit: 11 for seconds, 14, 17, 20.
_EPOCH_UNITS: Final = ((11, SECOND), (14, 1_000_000), (17, 1_000), (20, 1))


@dataclass(frozen=True, slots=True)
class Moment:
    """Nanoseconds since 1970 of the first instant meant; `2026-01-02Z` lasts a day, `…T03:04Z` a minute."""

    start: int
    width: int

    @property
    def end(self) -> int:
        return self.start + self.width


def read_moment(text: str) -> Moment | None:
    """None for text that is no time, or a time without a zone: which one is meant would be a guess."""
    moment = _read_epoch(text) if re.fullmatch(r"-?\d{1,20}", text, re.ASCII) else _read_iso(text)
    return moment if moment and moment.start >= EARLIEST and moment.end <= LATEST else None


def _read_epoch(text: str) -> Moment:
    unit = next(unit for digits, unit in _EPOCH_UNITS if len(text.lstrip("-")) <= digits)
    return Moment(int(text) * unit, unit)


def _read_iso(text: str) -> Moment | None:
    found = _ISO.fullmatch(text)
    if not found or (found["fraction"] and not found["second"]):
        return None
    zone = "+00:00" if found["zone"] == "Z" else found["zone"]
    try:
        whole = datetime.fromisoformat(f"{found['date']}T{found['minute'] or '00:00'}{found['second'] or ':00'}{zone}")
    except ValueError:  # the 31st of February
        return None
    fraction = found["fraction"] or ""
    return Moment(to_nanoseconds(whole) + int(fraction.ljust(9, "0")), _width(found, fraction))


def _width(found: re.Match[str], fraction: str) -> int:
    if fraction:
        return int(10 ** (9 - len(fraction)))
    return SECOND if found["second"] else 60 * SECOND if found["minute"] else 86_400 * SECOND


def moment_text(nanoseconds: int) -> str:
    """As answers write it: 2026-11-20T10:00:01.000000000Z."""
    seconds, rest = divmod(nanoseconds, SECOND)
    return f"{EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
