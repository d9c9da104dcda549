"""JSON body -> SearchRequest, the same for the HTTP API and the command line.

Raises BadRequest: `search_request` for a wrong key or type, `time_syntax`, `time_range`, `limit`, `cursor`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bklog.query import MAX_ROWS, Cursor, read_cursor
from bklog.query.conditions import Condition
from bklog.records import TimeRange
from bklog.search.addition import read_addition
from bklog.search.given import Given

KEYS: Final = ("query", "addition", "start", "end", "limit", "cursor", "fields", "count", "explain", "masking")
DEFAULT_LIMIT: Final = 100
MAX_FIELDS: Final = 200


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
    given = Given(raw, KEYS)
    return SearchRequest(
        query=given.text("query"),
        time_range=given.time_range(now=now),
        limit=given.whole("limit", DEFAULT_LIMIT, least=1, most=MAX_ROWS),
        cursor=read_cursor(given.text("cursor")) if "cursor" in given else None,
        fields=given.names("fields", most=MAX_FIELDS) if "fields" in given else None,
        count=given.flag("count"),
        explain=given.flag("explain"),
        conditions=read_addition(given.raw("addition", [])),
        masked=given.flag("masking", default=True),
    )
