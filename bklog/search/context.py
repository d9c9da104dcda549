"""context: the rows before and after one row, in the order of its stream, in the collector in which it stands.

identity ─▶ where it stands, what its stream is ─▶ rows around it, near ones first ─▶ oldest first, a cursor at each end
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from bklog.errors import BadRequest, NotFound
from bklog.query import Cursor, read_cursor
from bklog.query.moment import EARLIEST, LATEST, SECOND, TIME_HINT, read_moment
from bklog.query.outputs import Anchor, Located, Neighbours
from bklog.query.plan import Page
from bklog.query.planner import COLUMNS
from bklog.records import TimeRange
from bklog.records.timerange import EPOCH
from bklog.search.given import Given
from bklog.search.question import Answer, Question, Searched
from bklog.search.request import SearchRequest
from bklog.search.service import read_rows

KEYS: Final = ("time", "batch", "row", "cursor", "scope", "before", "after", "masking")
DEFAULT_LINES: Final = 50
MAX_LINES: Final = 1_000
SCOPES: Final = {"stream": 3, "path": 2, "host": 1, "collector": 0}  # how many of host, path, stream are the same
# A stream's next lines are mostly near: no more of the table is looked at than it takes.
NEAR_SECONDS: Final = (60, 3_600, 86_400, None)
ALL_TIME: Final = TimeRange(EPOCH + timedelta(seconds=EARLIEST // SECOND), EPOCH + timedelta(seconds=LATEST // SECOND))


def context(raw: Mapping[str, Any], *, now: datetime, searched: Searched) -> Answer:
    """Of a row by `time`, `batch` and `row`, or by the `cursor` at an end of another context, which goes on from there.

    Raises:
        NotFound: `row_not_found`.
        BadRequest: `row_identity`, `scope`, `cursor`, `limit`.
    """
    given = Given(raw, KEYS)
    given.flag("masking", default=True)
    scope = _scope(given)
    before, after = (given.whole(key, DEFAULT_LINES, least=0, most=MAX_LINES) for key in ("before", "after"))
    question = Question(SearchRequest("", ALL_TIME), (), searched)
    scan, anchor = _locate(_identity(given), question)
    for seconds in NEAR_SECONDS:
        output = Neighbours(anchor, before, after, SCOPES[scope], by_arrival=scope == "stream", within_seconds=seconds)
        plan = question.plan(output, of_scan=scan)
        rows = read_rows(plan, Page(before + after + 3, COLUMNS, None), question.run(plan))
        place = _place(rows, anchor)
        if place > before and len(rows) - place - 1 > after:
            break
    shown = rows[max(0, place - before) : place + after + 1]
    cursors = {
        "before_cursor": str(_cursor(shown[0])) if place > before else None,
        "after_cursor": str(_cursor(shown[-1])) if len(rows) - place - 1 > after else None,
    }
    return question.answer({"scope": scope, "rows": shown, "anchor": min(place, before), **cursors})


def _locate(identity: Cursor, question: Question) -> tuple[int, Anchor]:
    """The number of the table that it stands in, and the row as an anchor."""
    found = question.ask(Located(identity.time, identity.batch, identity.row)).rows
    if not found:
        raise _not_found(identity)
    scan, arrival, *source = found[0]
    host, path, stream = source
    return int(scan), Anchor(identity.time, int(arrival), identity.batch, identity.row, (host, path, stream))


def _place(rows: Sequence[Mapping[str, Any]], anchor: Anchor) -> int:
    for place, row in enumerate(rows):
        if (row["batch"], row["row"]) == (str(anchor.batch), anchor.row):
            return place
    raise _not_found(Cursor(anchor.time, anchor.batch, anchor.row))  # it expired just now


def _not_found(identity: Cursor) -> NotFound:
    moment = EPOCH + timedelta(microseconds=identity.time // 1000)
    message = f"no row of the index set is row {identity.row} of batch {identity.batch} at {moment.isoformat()}"
    hint = "time, batch and row are those of a row that a search gave; it may have expired since"
    return NotFound(message, hint=hint, code="row_not_found")


def _identity(given: Given) -> Cursor:
    if "cursor" in given:
        return read_cursor(given.text("cursor"))
    moment = read_moment(given.text("time"))
    if moment is None:
        raise _no_identity(f"time is {given.text('time')[:80]!r}, which is no time", TIME_HINT)
    try:
        batch = UUID(given.text("batch"))
    except ValueError as error:
        raise _no_identity(f"batch is {given.text('batch')[:80]!r}", "batch is the UUID that a row has") from error
    if "row" not in given:
        raise _no_identity("row is missing", "row is the number that a row has in its batch")
    return Cursor(moment.start, batch, given.whole("row", 0, least=0, most=2**32 - 1))


def _no_identity(message: str, hint: str) -> BadRequest:
    return BadRequest(f"which row is meant cannot be read: {message}", hint=hint, code="row_identity")


def _cursor(row: Mapping[str, Any]) -> Cursor:
    moment = read_moment(row["time"])
    if moment is None:
        raise TypeError(f"the store gave a row the time {row['time']!r}")
    return Cursor(moment.start, UUID(row["batch"]), row["row"])


def _scope(given: Given) -> str:
    scope = given.text("scope", "stream")
    if scope not in SCOPES:
        raise BadRequest(f"there is no scope {scope[:40]!r}", hint=f"one of: {', '.join(SCOPES)}", code="scope")
    return scope
