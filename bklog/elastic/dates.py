"""Dates as Elasticsearch's clients write them -> the first and the last nanosecond that is meant, and back.

1700000000000, 2026-11-20, 2026-11-20T10:00:00.123Z, now, now-1h/h, 2026-11-20||+1d/d

A date without a zone is one of `zone`. A date that is written to the day lasts a day, one that is rounded (`/h`) its hour.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime, timedelta, tzinfo
from typing import Final

from bklog.elastic.keys import illegal, wrong
from bklog.errors import BadRequest
from bklog.query.moment import EARLIEST, LATEST, SECOND, Moment
from bklog.records import to_nanoseconds
from bklog.records.timerange import EPOCH

MILLISECOND: Final = 1_000_000
DATES: Final = (
    "strict_date_optional_time",
    "date_optional_time",
    "strict_date_optional_time_nanos",
    "strict_date_time",
    "date_time",
)
COUNTS: Final = {"epoch_millis": MILLISECOND, "epoch_second": SECOND}
MAX_TEXT: Final = 100
_DATE: Final = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)(?:[T ](?P<hour>\d\d)(?::(?P<minute>\d\d)(?::(?P<second>\d\d)"
    r"(?:[.,](?P<fraction>\d{1,9}))?)?)?)?)?)?(?P<zone>Z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_STEP: Final = re.compile(r"(?P<sign>[+-])(?P<count>\d{0,6})(?P<unit>[yMwdhHms])|/(?P<round>[yMwdhHms])", re.ASCII)
_SECONDS: Final = {"w": 604_800, "d": 86_400, "h": 3600, "H": 3600, "m": 60, "s": 1}
_PARTS: Final = ("year", "month", "day", "hour", "minute", "second")
_ROUNDED: Final = {"y": 1, "M": 2, "d": 3, "h": 4, "H": 4, "m": 5, "s": 6}


@dataclass(frozen=True, slots=True)
class Clock:
    """When it is, whose zone dates without one have, and which formats they are written in."""

    now: datetime
    zone: tzinfo = UTC
    formats: tuple[str, ...] = ()

    def read(self, value: object) -> Moment:
        """Within what the engine's times hold. Raises BadRequest (`parsing_exception`)."""
        moment = self._read(value)
        start = min(max(moment.start, EARLIEST), LATEST - 1)
        return Moment(start, min(max(moment.end, start + 1), LATEST) - start)

    def _read(self, value: object) -> Moment:
        count = next((COUNTS[one] for one in self.formats if one in COUNTS), MILLISECOND)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _counted(value, count)
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            raise no_date(value)
        anchor, separator, steps = value.partition("||")
        if not separator and value.startswith("now"):
            anchor, steps = "now", value[3:]
        if re.fullmatch(r"-?\d{5,19}", anchor, re.ASCII) and (not self.formats or set(self.formats) & set(COUNTS)):
            moment = _counted(int(anchor), count)
        else:
            moment = Moment(to_nanoseconds(self.now), 1) if anchor == "now" else self._written(anchor)
        return self._stepped(moment, steps, value) if steps else moment

    def _written(self, text: str) -> Moment:
        found = _DATE.fullmatch(text)
        if not found:
            raise no_date(text)
        given = [int(found[part]) for part in _PARTS if found[part]]
        zone = _zone_of(found["zone"]) or self.zone
        try:
            start = _of_parts(given, zone)
        except ValueError as error:
            raise no_date(text) from error
        fraction = found["fraction"] or ""
        if fraction:
            return Moment(to_nanoseconds(start) + int(fraction.ljust(9, "0")), int(10 ** (9 - len(fraction))))
        return Moment(to_nanoseconds(start), to_nanoseconds(_following(start, len(given))) - to_nanoseconds(start))

    def _stepped(self, moment: Moment, steps: str, text: str) -> Moment:
        position = 0
        while position < len(steps):
            step = _STEP.match(steps, position)
            if not step:
                raise no_date(text)
            position = step.end()
            try:
                moment = self._step(moment, step)
            except (ValueError, OverflowError) as error:
                raise no_date(text) from error
        return moment

    def _step(self, moment: Moment, step: re.Match[str]) -> Moment:
        local = (EPOCH + timedelta(microseconds=moment.start // 1000)).astimezone(self.zone)
        if step["round"]:
            start = _floor(local, step["round"])
            end = start + timedelta(days=7) if step["round"] == "w" else _following(start, _ROUNDED[step["round"]])
            return Moment(to_nanoseconds(start), to_nanoseconds(end) - to_nanoseconds(start))
        count = int(step["count"] or 1) * (-1 if step["sign"] == "-" else 1)
        if step["unit"] in _SECONDS:
            return Moment(moment.start + count * _SECONDS[step["unit"]] * SECOND, moment.width)
        months = count * (12 if step["unit"] == "y" else 1)
        return Moment(to_nanoseconds(_add_months(local, months)) + moment.start % 1000, moment.width)


def _counted(value: float, unit: int) -> Moment:
    try:
        return Moment(int(value * unit), unit)
    except (ValueError, OverflowError) as error:  # not a number, and infinity
        raise no_date(value) from error


def _zone_of(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    return UTC if text == "Z" else datetime.strptime(text, "%z").tzinfo


def _following(start: datetime, parts: int) -> datetime:
    """The end of what lasts as long as its last written part."""
    if start.year == MAXYEAR:  # the calendar ends there, and all rows end before
        return start + timedelta(microseconds=1)
    if parts <= 2:
        return _add_months(start, 12 if parts == 1 else 1)
    width = {3: timedelta(days=1), 4: timedelta(hours=1), 5: timedelta(minutes=1)}.get(parts, timedelta(seconds=1))
    return start + width


def _floor(local: datetime, unit: str) -> datetime:
    if unit == "w":
        local -= timedelta(days=local.weekday())
        unit = "d"
    kept = [getattr(local, part) for part in _PARTS[: _ROUNDED[unit]]]
    return _of_parts(kept, local.tzinfo)


def _of_parts(parts: list[int], zone: tzinfo | None) -> datetime:
    """Parts that are left out are the first of their kind."""
    year, month, day, hour, minute, second = [*parts, *(1, 1, 1, 0, 0, 0)[len(parts) :]]
    return datetime(year, month, day, hour, minute, second, tzinfo=zone)


def _add_months(local: datetime, months: int) -> datetime:
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    return local.replace(year=year, month=month + 1, day=min(local.day, monthrange(year, month + 1)[1]))


def no_date(value: object) -> BadRequest:
    hint = "write milliseconds since 1970, 2026-11-20T10:00:00Z, now-1h or now-1d/d"
    return wrong(f"failed to parse date [{str(value)[:60]}]", hint)


def read_formats(text: str) -> tuple[str, ...]:
    """`a||b`. Raises BadRequest for a format that no date is written in here."""
    formats = tuple(text.split("||"))
    unknown = [one for one in formats if one not in DATES and one not in COUNTS]
    if unknown:
        raise illegal(f"the date format [{unknown[0][:60]}] is not supported", f"there are {', '.join((*DATES, *COUNTS))}")
    return formats


def write_date(nanoseconds: int, form: str = DATES[0], zone: tzinfo = UTC) -> str:
    """To the millisecond, or in a format of nanoseconds to the last."""
    if form in COUNTS:
        return str(nanoseconds // COUNTS[form])
    moment = (EPOCH + timedelta(microseconds=nanoseconds // 1000)).astimezone(zone)
    fraction = f"{nanoseconds % SECOND:09d}" if form.endswith("nanos") else f"{nanoseconds % SECOND // MILLISECOND:03d}"
    offset = f"{moment:%z}"
    written = "Z" if offset == "+0000" else f"{offset[:3]}:{offset[3:5]}"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction}{written}"
