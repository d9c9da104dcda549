"""Given: the keys of a JSON body, each read as what it must be, or refused by name.

Raises BadRequest: `search_request` for a wrong key or type, `limit` for a number out of bounds, `time_syntax`, `time_range`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from bklog.errors import BadRequest
from bklog.query.moment import EARLIEST, LATEST, TIME_HINT, read_moment
from bklog.records import TimeRange, to_nanoseconds
from bklog.records.timerange import EPOCH

DEFAULT_START: Final = "now-24h"  # an hour, as some products have it, hides what a person has just imported
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_RELATIVE: Final = re.compile(r"(?:now(?P<sign>[+-]))?(?P<count>\d{1,9})(?P<unit>[smhdw])", re.ASCII)
_KINDS: Final = {
    str: "a string",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
}


class Given:
    """`keys` are those that may be there. A key with null is as one that is not there."""

    def __init__(self, raw: Mapping[str, Any], keys: Sequence[str]) -> None:
        if not isinstance(raw, dict):
            raise refuse("the body is no object", 'send {"query": "error", "start": "now-1h"}')
        unknown = sorted(str(key) for key in set(raw) - set(keys))
        if unknown:
            raise refuse(f"unknown key {unknown[0]!r}", f"known keys: {', '.join(keys)}")
        self._given = {key: value for key, value in raw.items() if value is not None}

    def __contains__(self, key: str) -> bool:
        return key in self._given

    def raw(self, key: str, default: Any) -> Any:
        """For whoever reads it itself."""
        return self._given.get(key, default)

    def text(self, key: str, default: str = "") -> str:
        value = self._given.get(key, default)
        if not isinstance(value, str):
            raise refuse(f"{key} is {kind_of(value)}", f"{key} is a string")
        return value

    def flag(self, key: str, *, default: bool = False) -> bool:
        value = self._given.get(key, default)
        if not isinstance(value, bool):
            raise refuse(f"{key} is {kind_of(value)}", f"{key} is true or false")
        return value

    def whole(self, key: str, default: int, *, least: int, most: int) -> int:
        value = self._given.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise refuse(f"{key} is {kind_of(value)}", f"{key} is a whole number from {least} to {most}")
        if not least <= value <= most:
            hint = f"{key} is a whole number from {least} to {most}"
            raise BadRequest(f"{key} is {value}", hint=hint, code="limit")
        return value

    def number(self, key: str, *, least: float, most: float) -> float:
        """Raises BadRequest where it is not there either."""
        value = self._given.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise refuse(f"{key} is {kind_of(value)}", f"{key} is a number from {least:g} to {most:g}")
        if not least <= value <= most:
            hint = f"{key} is a number from {least:g} to {most:g}"
            raise BadRequest(f"{key} is {value}", hint=hint, code="limit")
        return float(value)

    def names(self, key: str, *, most: int) -> tuple[str, ...]:
        return self.items(key, str, most=most, example='["host", "status"]')

    def items(self, key: str, *kinds: type, most: int, example: str) -> tuple[Any, ...]:
        """A list of values of these types, from 1 to `most`."""
        value = self._given.get(key)
        if not isinstance(value, list) or any(type(one) not in kinds for one in value):
            raise refuse(f"{key} is {kind_of(value)}", f"{key} is a list such as {example}")
        if not 1 <= len(value) <= most:
            raise refuse(f"{key} has {len(value)} elements", f"give from 1 to {most}, or leave {key} out")
        return tuple(value)

    def time_range(self, *, now: datetime) -> TimeRange:
        return TimeRange(
            read_time(self._given.get("start", DEFAULT_START), now=now, name="start"),
            read_time(self._given.get("end", "now"), now=now, name="end"),
        )


def read_time(value: object, *, now: datetime, name: str) -> datetime:
    """ISO-8601 with a zone, seconds to nanoseconds since 1970, `now`, `now-15m`, or `15m` for 15 minutes ago."""
    if isinstance(value, float):
        value = str(int(value)) if math.isfinite(value) else None
    elif isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise _no_time(name, value)
    text = value.strip()
    if text == "now":
        return now
    if relative := _RELATIVE.fullmatch(text):
        return _shift(now, relative, name)
    moment = read_moment(text)
    if moment is None:
        raise _no_time(name, value)
    return EPOCH + timedelta(microseconds=moment.start // 1000)


def _shift(now: datetime, relative: re.Match[str], name: str) -> datetime:
    seconds = int(relative["count"]) * _UNITS[relative["unit"]]
    try:
        moment = now + timedelta(seconds=seconds if relative["sign"] == "+" else -seconds)
    except OverflowError as error:
        raise _no_time(name, relative[0]) from error
    if not EARLIEST <= to_nanoseconds(moment) <= LATEST:  # as of a time that is written in full
        raise _no_time(name, relative[0])
    return moment


def _no_time(name: str, value: object) -> BadRequest:
    shown = repr(value)[:80]
    return BadRequest(f"{name} is {shown}, which is no time", hint=f"{TIME_HINT}, now, now-15m or 15m", code="time_syntax")


def kind_of(value: object) -> str:
    return _KINDS.get(type(value), type(value).__name__)


def refuse(message: str, hint: str) -> BadRequest:
    return BadRequest(f"search request: {message}", hint=hint, code="search_request")
