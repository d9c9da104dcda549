"""JSON body -> SearchRequest, the same for the HTTP API and the command line.

Raises BadRequest: `search_request` for a wrong key or type, `time_syntax`, `time_range`, `limit`, `cursor`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bklog.errors import BadRequest
from bklog.query import MAX_ROWS, Cursor, read_cursor
from bklog.query.conditions import Condition
from bklog.query.moment import TIME_HINT, read_moment
from bklog.records import TimeRange
from bklog.records.timerange import EPOCH
from bklog.search.addition import read_addition

KEYS: Final = ("query", "addition", "start", "end", "limit", "cursor", "fields", "count", "explain", "masking")
DEFAULT_START: Final = "now-24h"  # an hour, as some products have it, hides what a person has just imported
DEFAULT_LIMIT: Final = 100
MAX_FIELDS: Final = 200
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_RELATIVE: Final = re.compile(r"(?:now(?P<sign>[+-]))?(?P<count>\d{1,9})(?P<unit>[smhdw])", re.ASCII)


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """`fields` names the columns and paths to return, None for all; `count` asks only for the number of rows.

    A row that is found matches `query` and every one of `conditions`.
    Without `masked` raw values are asked for, which only a permission gives.
    """

    query: str
    time_range: TimeRange
    limit: int = DEFAULT_LIMIT
    cursor: Cursor | None = None
    fields: tuple[str, ...] | None = None
    count: bool = False
    explain: bool = False
    conditions: tuple[Condition, ...] = ()
    masked: bool = True


def parse_request(raw: Mapping[str, Any], *, now: datetime) -> SearchRequest:
    if not isinstance(raw, dict):
        raise _refuse("the body is no object", 'send {"query": "error", "start": "now-1h"}')
    unknown = sorted(str(key) for key in set(raw) - set(KEYS))
    if unknown:
        raise _refuse(f"unknown key {unknown[0]!r}", f"known keys: {', '.join(KEYS)}")
    given = {key: value for key, value in raw.items() if value is not None}
    return SearchRequest(
        query=_text(given, "query"),
        time_range=TimeRange(
            read_time(given.get("start", DEFAULT_START), now=now, name="start"),
            read_time(given.get("end", "now"), now=now, name="end"),
        ),
        limit=_limit(given.get("limit", DEFAULT_LIMIT)),
        cursor=read_cursor(_text(given, "cursor")) if "cursor" in given else None,
        fields=_fields(given["fields"]) if "fields" in given else None,
        count=_flag(given, "count"),
        explain=_flag(given, "explain"),
        conditions=read_addition(given.get("addition", [])),
        masked=_flag(given, "masking", default=True),
    )


def read_time(value: object, *, now: datetime, name: str) -> datetime:
    """ISO-8601 with a zone, seconds to nanoseconds since 1970, `now`, `now-15m`, or `15m` for 15 minutes ago."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(int(value))
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
        return now + timedelta(seconds=seconds if relative["sign"] == "+" else -seconds)
    except OverflowError as error:
        raise _no_time(name, relative[0]) from error


def _no_time(name: str, value: object) -> BadRequest:
    shown = repr(value)[:80]
    return BadRequest(f"{name} is {shown}, which is no time", hint=f"{TIME_HINT}, now, now-15m or 15m", code="time_syntax")


def _text(given: Mapping[str, Any], key: str) -> str:
    value = given.get(key, "")
    if not isinstance(value, str):
        raise _refuse(f"{key} is {_kind_of(value)}", f"{key} is a string")
    return value


def _flag(given: Mapping[str, Any], key: str, *, default: bool = False) -> bool:
    value = given.get(key, default)
    if not isinstance(value, bool):
        raise _refuse(f"{key} is {_kind_of(value)}", f"{key} is true or false")
    return value


def _limit(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _refuse(f"limit is {_kind_of(value)}", f"limit is a whole number from 1 to {MAX_ROWS}")
    if not 1 <= value <= MAX_ROWS:
        message = f"the limit is {value}; a page has from 1 to {MAX_ROWS} rows"
        raise BadRequest(message, hint="take further rows with the cursor", code="limit")
    return value


def _fields(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise _refuse(f"fields is {_kind_of(value)}", 'fields is a list of names such as ["host", "status"]')
    if not 1 <= len(value) <= MAX_FIELDS:
        raise _refuse(f"fields has {len(value)} names", f"name from 1 to {MAX_FIELDS}, or leave fields out for all")
    return tuple(value)


def _kind_of(value: object) -> str:
    kinds = {
        str: "a string",
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
    }
    return kinds.get(type(value), type(value).__name__)


def _refuse(message: str, hint: str) -> BadRequest:
    return BadRequest(f"search request: {message}", hint=hint, code="search_request")
