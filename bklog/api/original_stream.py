"""context and tail_f: what stands around a row, and what came after it, in the order of its stream.

A row is said by its `__id__`, or by the names that the original has for it: dtEventTimeStamp, gseIndex, iterationIndex,
serverIp, path. A client may send the whole row: what else it has is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from bklog.api.original import Call, answering
from bklog.api.requests import by_method
from bklog.collect.searchable import Searchable
from bklog.errors import BadRequest, NotFound
from bklog.esquery.conditions import every
from bklog.esquery.names import BATCH, HOST, IDENTITY, PLACE, TIME
from bklog.esquery.question import Asked, whole_of
from bklog.esquery.rows import Row, batch_number, row_of
from bklog.esquery.times import MILLISECOND, milliseconds, read_moment_of
from bklog.query import MAX_ROWS, Cursor, read_cursor
from bklog.query.buckets import read_zone
from bklog.query.moment import read_moment
from bklog.query.plan import Order
from bklog.query.tree import Node, Phrase, Term
from bklog.records import TimeRange
from bklog.search.context import MAX_LINES, context
from bklog.search.given import Given, refuse

Data = dict[str, Any]
CONTEXT_LINES: Final = 50
TAIL_LINES: Final = 500  # of a first call
NEW_LINES: Final = 30
TAIL_SPAN: Final = timedelta(minutes=5)
NOT_FOLLOWED: Final = ("keyword", "query_string", "addition", "filter")


@answering("context")
def search_context(call: Call, index_set_id: int) -> Data:
    """Without `begin` the rows around; a `begin` below 0 goes on before them, one above 0 after them."""
    given = Given(call.body, tuple(call.body))
    one = call.one_set(index_set_id)
    size = whole_of(given, "size", CONTEXT_LINES, least=1, most=MAX_LINES)
    begin = whole_of(given, "begin", 0, least=size - MAX_LINES, most=MAX_LINES - size)
    with call.let_in([one], ""):
        found = _around(call, one, given, before=_before(begin, size), after=_after(begin, size))
    rows = [row_of(row) for row in found["rows"]]
    if begin < 0:
        return _shown(found, rows[: max(0, found["anchor"] + begin)], anchor=-1)
    return _shown(found, rows[begin:], anchor=-1 if begin else found["anchor"])


def _before(begin: int, size: int) -> int:
    return 0 if begin > 0 else size - begin


def _after(begin: int, size: int) -> int:
    """The row itself is the first of those after it."""
    return 0 if begin < 0 else begin + size - 1


@answering("tail_f")
def tail_f(call: Call, index_set_id: int) -> Data:
    """With `zero` the newest rows of the last minutes, else what came after a row in its stream; the oldest first."""
    given = Given(call.body, tuple(call.body))
    one = call.one_set(index_set_id)
    if any(given.raw(name, "") not in ("", "*", []) for name in NOT_FOLLOWED):
        raise refuse("tail_f follows whole streams", "GET /ingest/v1/tail/ID?query=… follows what a query finds")
    with call.let_in([one], ""):
        if given.flag("zero"):
            return _newest(call, one, given)
        size = whole_of(given, "size", NEW_LINES, least=1, most=MAX_LINES)
        found = _around(call, one, given, before=0, after=size)
        return _shown(found, [row_of(row) for row in found["rows"]][1:], anchor=-1)


def _newest(call: Call, one: Searchable, given: Given) -> Data:
    size = whole_of(given, "size", TAIL_LINES, least=1, most=MAX_ROWS)
    node = every(_of_source(given))
    asked = Asked(node, TimeRange(call.now - TAIL_SPAN, call.now), "UTC", "", masked=True)
    found = call.rows(one, asked, limit=size, order=Order.NEWEST)
    rows = [row_of(row) for row in reversed(found.rows)]
    return {"total": len(rows), "took": round(found.statistics.milliseconds), "list": rows, "origin_log_list": rows}


def _of_source(given: Given) -> list[Node]:
    """The source that the body names, where it names one."""
    texts = [("host", given.text(HOST)), ("path", given.text("path"))]
    return [Term(Phrase(text), name) for name, text in texts if text]


def _around(call: Call, one: Searchable, given: Given, *, before: int, after: int) -> Data:
    asked = {"cursor": str(_identity(call, one, given)), "before": before, "after": after}
    found = context(asked, now=call.now, searched=call.searched(one))
    call.add(found["statistics"]["rows_read"], found["statistics"]["bytes_read"])
    return found


def _shown(found: Mapping[str, Any], rows: Sequence[Row], *, anchor: int) -> Data:
    """`anchor` is where in the rows the one stands that is meant, -1 where it is none of them."""
    took = round(found["statistics"]["milliseconds"])
    about = {"zero_index": anchor, "count_start": anchor}
    return {"total": len(rows), "took": took, "list": rows, "origin_log_list": rows, **about}


def _identity(call: Call, one: Searchable, given: Given) -> Cursor:
    """Raises BadRequest (`row_identity`, `cursor`), NotFound (`row_not_found`)."""
    if given.text(IDENTITY):
        return read_cursor(given.text(IDENTITY))
    if not all(name in given for name in (TIME, BATCH, PLACE)):
        hint = f"send {IDENTITY} of a row that a search gave, or its {TIME}, {BATCH}, {PLACE}, {HOST} and path"
        raise BadRequest("which row is meant cannot be read", hint=hint, code="row_identity")
    moment = read_moment_of(given.raw(TIME, ""), now=call.now, zone=read_zone(call.zone or "UTC"), name=TIME)
    start = moment - timedelta(microseconds=moment.microsecond % 1000)
    wanted = tuple(whole_of(given, name, 0, least=0, most=2**53) for name in (BATCH, PLACE))
    asked = Asked(every(_of_source(given)), TimeRange(start, start + MILLISECOND), "UTC", "", masked=True)
    found = call.rows(one, asked, limit=MAX_ROWS, order=Order.NEWEST)
    for row in found.rows:
        if (batch_number(UUID(row["batch"])), row["row"]) == wanted and (exact := read_moment(row["time"])):
            return Cursor(exact.start, UUID(row["batch"]), row["row"])
    hint = f"send the row as a search gave it, with its {IDENTITY}; it may have expired since"
    message = f"no row has {TIME} {milliseconds(start)}, {BATCH} {wanted[0]} and {PLACE} {wanted[1]}"
    raise NotFound(message, hint=hint, code="row_not_found")


contexts = by_method(POST=search_context)
tails = by_method(POST=tail_f)
