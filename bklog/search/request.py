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
from bklog.query.plan import Order
from bklog.records import TimeRange
from bklog.search.addition import read_addition
from bklog.search.given import Given, refuse

KEYS: Final = (
    "query",
    "addition",
    "start",
    "end",
    "limit",
    "cursor",
    "fields",
    "order",
    "count",
    "explain",
    "masking",
    "budget_seconds",
)
DEFAULT_LIMIT: Final = 100
MAX_FIELDS: Final = 200
LEAST_BUDGET_SECONDS: Final = 0.1
MOST_BUDGET_SECONDS: Final = 3_600.0
EVERYTHING: Final = ("*",)


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """`fields` names the columns and paths to return; `count` asks only for the number of rows.

    Without `fields` the answer has all, or those that the index set shows; EVERYTHING says all whatever it shows.
    A row that is found matches `query` and every one of `conditions`.
    Without `masked` raw values are asked for, which only a permission gives.
    After `budget_seconds` the answer says what it covers; without them a search that does not end in its time is an error.
    `order` is None where nothing was said: newest first, unless the index set has another one. A cursor has its own.
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
    order: Order | None = None
    budget_seconds: float | None = None


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
        order=_order(given),
        budget_seconds=given.number("budget_seconds", least=LEAST_BUDGET_SECONDS, most=MOST_BUDGET_SECONDS)
        if "budget_seconds" in given
        else None,
    )


def _order(given: Given) -> Order | None:
    """Raises BadRequest for a cursor of the other order: its pages would not go on where the last one ended."""
    text = given.text("order")
    if text not in ("", Order.NEWEST, Order.OLDEST):
        raise refuse(f"order is {text[:50]!r}", f"order is {Order.NEWEST} or {Order.OLDEST}")
    order = Order(text) if text else None
    if "cursor" not in given:
        return order
    began = Order.OLDEST if read_cursor(given.text("cursor")).is_oldest_first else Order.NEWEST
    if order not in (None, began):
        raise refuse(f"order is {order}, and the cursor is of a search with {began}", "leave order out, or the cursor")
    return began
