"""A body -> Asked: which rows are meant, in which time. And how many of them, from which on, in which order.

keyword, query_string ─ as Lucene reads them ─┐
addition, filter ─ conditions ────────────────┴▶ one tree, in our names of fields ─▶ its text, its Lucene
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bklog.elastic.dates import write_date
from bklog.elastic.reader import TIMESTAMP
from bklog.errors import BadRequest
from bklog.esquery.conditions import every, read_conditions
from bklog.esquery.names import BATCH, PLACE, TIME, in_our_names, lucene_text
from bklog.esquery.times import TIME_KEYS, USUAL, read_range, zone_of
from bklog.query import MAX_ROWS, Query
from bklog.query.lucene import parse_lucene
from bklog.query.parser import MAX_TERMS, TOO_LARGE
from bklog.query.plan import Order
from bklog.query.tree import Node, leaves
from bklog.records import TimeRange, to_nanoseconds
from bklog.search.context import ALL_TIME
from bklog.search.given import Given, refuse

QUESTION_KEYS: Final = ("keyword", "query_string", "addition", "filter", "is_desensitize", *TIME_KEYS)
# Who asks, from where, and how a page shows it: nothing of it changes which rows there are.
PASSED_KEYS: Final = (
    "bk_biz_id", "space_uid", "search_mode", "from_favorite_id", "scenario_id", "storage_cluster_id", "time_field",
    "time_field_type", "time_field_unit", "bkdata_authentication_method", "bkdata_data_token", "search_type_tag", "isTrusted",
    "pickerTimeRange", "is_return_doc_id", "include_nested_fields", "result_table_ids",
)  # fmt: skip
# Only empty: what they ask for is not there.
EMPTY_KEYS: Final = ("host_scopes", "ip_chooser", "custom_indices", "collapse", "slice_search")
COMMON_KEYS: Final = (*QUESTION_KEYS, *PASSED_KEYS, *EMPTY_KEYS)
TIME_FIELDS: Final = (TIME, "time", TIMESTAMP)
DEFAULT_SIZE: Final = 10
MAX_SETS: Final = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """`typed` is the text as it came; `zone` the name of the zone whose clocks are meant."""

    node: Node
    time_range: TimeRange
    zone: str
    typed: str
    masked: bool

    @property
    def query(self) -> str:
        return str(Query(self.node))

    @property
    def in_elastic(self) -> dict[str, Any]:
        """For `bklog.elastic`."""
        clauses: list[dict[str, Any]] = [{"query_string": {"query": lucene_text(self.node)}}]
        if self.time_range != ALL_TIME:
            first, last = (_nanoseconds(moment) for moment in (self.time_range.start, self.time_range.end))
            clauses.insert(0, {"range": {TIMESTAMP: {"gte": first, "lt": last}}})
        return {"bool": {"filter": clauses}}


@dataclass(frozen=True, slots=True)
class Paging:
    begin: int
    size: int


def read_question(given: Given, *, now: datetime, zone: str = "", usual: timedelta = USUAL) -> Asked:
    """`zone` is that of the request's header. Raises BadRequest, and QuerySyntax for the text."""
    for name in EMPTY_KEYS:
        _require_empty(given.raw(name, None), name)
    name, clocks = zone_of(given, zone)
    typed = _typed(given)
    text = in_our_names(parse_lucene(typed, all_must=False).node)
    node = every([text, *(read_conditions(given.raw(key, None), key) for key in ("addition", "filter"))])
    if sum(1 for _ in leaves(node)) > MAX_TERMS:
        message = f"text and conditions have more than {MAX_TERMS} terms"
        raise BadRequest(message, hint="ask in several searches", code=TOO_LARGE)
    time_range = read_range(given, now=now, zone=clocks, usual=usual)
    return Asked(node, time_range, name, typed, given.flag("is_desensitize", default=True))


def _typed(given: Given) -> str:
    """One of two names of the same."""
    found = list(dict.fromkeys(text for key in ("keyword", "query_string") if (text := given.text(key).strip())))
    if len(found) > 1:
        raise refuse("keyword and query_string ask for different things", "send one of them")
    return found[0] if found else "*"


def _require_empty(value: object, name: str) -> None:
    """Also an object or a list whose values are all empty, as pages send it."""
    inner: Sequence[Any] = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else [value]
    if any(one not in (None, "", [], {}, False) for one in inner):
        raise refuse(f"{name} is not supported", f"leave {name} out; rows are found by keyword, addition, filter and time")


def read_paging(given: Given, key: str, *, default: int = DEFAULT_SIZE) -> Paging:
    """Raises BadRequest (`limit`) for what reaches beyond the rows of one answer."""
    begin, size = whole_of(given, key, 0, least=0, most=MAX_ROWS), whole_of(given, "size", default, least=0, most=MAX_ROWS)
    if begin + size > MAX_ROWS:
        hint = "go on with a scroll, or narrow the time"
        raise BadRequest(f"{key} and size reach row {begin + size}; {MAX_ROWS} are in reach", hint=hint, code="limit")
    return Paging(begin, size)


def whole_of(given: Given, key: str, default: int, *, least: int, most: int) -> int:
    """A whole number, which may stand in text. Raises BadRequest."""
    value = given.raw(key, default)
    if isinstance(value, str) and value.isascii() and value.removeprefix("-").isdigit() and len(value) < 20:
        return Given({key: int(value)}, (key,)).whole(key, default, least=least, most=most)
    return given.whole(key, default, least=least, most=most)


def read_order(given: Given) -> Order | None:
    """None where nothing is said. Raises BadRequest (`search_request`) for another order than that of time."""
    keys = given.raw("sort_list", None) or []
    pairs = [one for one in keys if isinstance(one, list) and len(one) == 2] if isinstance(keys, list) else []
    if not isinstance(keys, list) or len(pairs) != len(keys):
        raise refuse("sort_list is no list of pairs", f'sort_list is [["{TIME}", "desc"]]')
    if not pairs:
        return None
    names, orders = [one for one, _ in pairs], {str(order).lower() for _, order in pairs}
    if names[0] not in TIME_FIELDS or any(name not in (*TIME_FIELDS, BATCH, PLACE) for name in names):
        raise refuse(f"rows cannot be sorted by {str(names)[:80]}", f"by {TIME}, then {BATCH} and {PLACE}")
    if orders not in ({"asc"}, {"desc"}):
        raise refuse("sort_list has neither asc nor desc for all", "rows of one time are in the order of their times")
    return Order.OLDEST if orders == {"asc"} else Order.NEWEST


def read_ids(raw: object, name: str) -> list[int]:
    """Of index sets, each once. Raises BadRequest (`search_request`)."""
    numbers = [int(one) if isinstance(one, str) and one.isascii() and one.isdigit() and len(one) < 16 else one
               for one in raw] if isinstance(raw, list) else []  # fmt: skip
    if not 1 <= len(numbers) <= MAX_SETS or any(type(one) is not int or not 1 <= one < 2**53 for one in numbers):
        raise refuse(f"{name} is no list of index sets", f"{name} is a list of 1 to {MAX_SETS} ids")
    return list(dict.fromkeys(numbers))


def _nanoseconds(moment: datetime) -> str:
    return write_date(to_nanoseconds(moment), "strict_date_optional_time_nanos")
