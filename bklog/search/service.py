"""SearchRequest -> SearchResult: parse, plan, render, one statement, and what a person needs beside the rows.

request ─▶ Asked ─▶ Plan ─▶ Statement ─▶ store ─▶ rows ─▶ highlight, cursor, statistics
                      │        └─ of several collectors one each: union.py
                      └─ FieldCatalogue: the paths that the data has
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final
from uuid import UUID

from bklog.errors import BadRequest, BklogError, QuerySyntax, StoreError
from bklog.query import Cursor, Masking, Plan, plan_count, plan_page, render
from bklog.query.notes import suspicions
from bklog.query.plan import Count, Order, Page
from bklog.query.sql import regexes, render_bounds, shown_name
from bklog.records import Limits, Rows, Statement
from bklog.search.catalogue import FieldCatalogue
from bklog.search.explain import describe_plan
from bklog.search.highlight import compile_highlight, find_offsets
from bklog.search.reading import Asked, placed, read_request
from bklog.search.request import EVERYTHING, SearchRequest
from bklog.search.union import Source, gather, note_on
from bklog.store import LogTable, Searching

# ClickHouse's numbers: TIMEOUT_EXCEEDED and TOO_SLOW, MEMORY_LIMIT_EXCEEDED, CANNOT_COMPILE_REGEXP.
TIMEOUTS: Final = (159, 160)
OUT_OF_MEMORY: Final = 241
BAD_REGEX: Final = 427
BAD_REGEX_CODE: Final = "bad_regex"


class SearchTimeout(BklogError):
    code = "search_timeout"
    status = 504
    exit_code = 6


class SearchTooLarge(BklogError):
    code = "search_too_large"
    status = 507
    exit_code = 6


@dataclass(frozen=True, slots=True)
class Statistics:
    """`complete`: all of the range was considered. A search that cannot finish is an error, never half an answer; one over
    several collectors answers for those that it could ask, and `sources` tell which.
    """

    rows_read: int
    bytes_read: int
    milliseconds: float
    complete: bool
    sources: tuple[Source, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        shown = {name: getattr(self, name) for name in ("rows_read", "bytes_read", "milliseconds", "complete")}
        return {**shown, "sources": [one.as_dict() for one in self.sources]} if self.sources else shown


@dataclass(frozen=True, slots=True)
class Explanation:
    query: str
    plan: dict[str, Any]
    statement: Statement
    engine: str

    def as_dict(self) -> dict[str, Any]:
        statement = {"text": self.statement.text, "params": dict(self.statement.params)}
        return {"query": self.query, "plan": self.plan, "statement": statement, "engine": self.engine}


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A page (`rows`, `cursor` of the next page), or with `count` only a number; `note` is for a person.

    `fields` are those of the index set, where the request named none.
    """

    rows: list[dict[str, Any]]
    statistics: Statistics
    cursor: str | None = None
    count: int | None = None
    note: str = ""
    fields: tuple[str, ...] | None = None

    def as_dict(self) -> dict[str, Any]:
        counted: dict[str, Any] = {} if self.count is None else {"count": self.count}
        counted |= {} if self.fields is None else {"fields": list(self.fields)}
        statistics = self.statistics.as_dict()
        return {"rows": self.rows, **counted, "cursor": self.cursor, "note": self.note, "statistics": statistics}


def search(
    request: SearchRequest,
    *,
    tables: Sequence[LogTable],
    masking: Masking,
    store: Searching,
    catalogue: FieldCatalogue,
    limits: Limits,
) -> SearchResult:
    """`masking` is what the reader may not see: UNMASKED only for who may.

    Raises:
        Forbidden: `field_masked`, for a condition on a field that is hidden.
        QuerySyntax: the query cannot be read, names an unknown field, or compares with what is no value of it.
        SearchTimeout, SearchTooLarge: a limit stopped the engine.
        StoreError, Unavailable: the store; where one of several answers, it is told in the statistics.
    """
    started = time.perf_counter()
    asked = read_request(request)
    plan = make_plan(asked, request, tables, masking, catalogue)
    gathered = gather(plan, tables, ask=partial(_ask, store), limits=limits)
    answer, sources = gathered.rows, gathered.sources
    rows: list[dict[str, Any]] = []
    cursor = count = None
    match plan.output:
        case Count():
            count = int(answer.rows[0][0])
        case Page() as page:
            rows, cursor = read_rows(plan, page, answer), _next_cursor(page, answer)
    notes = [note.message for note in asked.text.notes] + note_on(sources)
    if not (rows or count or request.cursor):
        notes += [note.message for note in suspicions(request.query, asked.text)]
        searched = [table for table, source in zip(tables, sources, strict=True) if source.complete]
        notes.append(_note_on_nothing(request, searched, store, limits))
    complete = all(one.complete for one in sources)
    statistics = replace(measure([answer], started), complete=complete, sources=sources)
    return SearchResult(rows, statistics, cursor, count, "; ".join(notes))


def _ask(store: Searching, plan: Plan, table: LogTable, limits: Limits) -> Rows:
    return select(render(plan), store.of([table]), limits)


def explain(
    request: SearchRequest,
    *,
    tables: Sequence[LogTable],
    masking: Masking,
    store: Searching,
    catalogue: FieldCatalogue,
    limits: Limits,
) -> Explanation:
    """What a search would do, without doing it: each stage, and which granules the engine would read.

    Of several collectors the statement is that on the first one, the others are asked the same; `engine` tells of each.
    """
    asked = read_request(request)
    plan = make_plan(asked, request, tables, masking, catalogue)
    statements = [render(replace(plan, scans=(scan,))) for scan in plan.scans]
    engine = [_explained_by(store.of([table]), one, limits) for table, one in zip(tables, statements, strict=True)]
    if len(tables) > 1:
        engine = [f"{table.title or table.known_as}\n{text}" for table, text in zip(tables, engine, strict=True)]
    return Explanation(str(asked.whole), describe_plan(plan), statements[0], "\n\n".join(engine))


def _explained_by(store: Searching, statement: Statement, limits: Limits) -> str:
    answer = select(Statement(f"EXPLAIN indexes = 1 {statement.text}", statement.params), store, limits)
    return "\n".join(str(line) for (line,) in answer.rows)


def make_plan(
    asked: Asked, request: SearchRequest, tables: Sequence[LogTable], masking: Masking, catalogue: FieldCatalogue
) -> Plan:
    """Raises BadRequest: a name or a value means nothing in these tables; of the text, a QuerySyntax with a repair."""
    fields = None if request.fields == EVERYTHING else request.fields
    known = catalogue.describe(tables, [*asked.fields, *(name for name in fields or () if name != "fields")])
    try:
        if request.count:
            return plan_count(asked.whole, tables=known, time_range=request.time_range, masking=masking)
        return plan_page(
            asked.whole,
            tables=known,
            time_range=request.time_range,
            limit=request.limit,
            cursor=request.cursor,
            fields=fields,
            masking=masking,
            order=request.order or Order.NEWEST,
        )
    except QuerySyntax as error:
        raise placed(error, asked, known) from error


def select(statement: Statement, store: Searching, limits: Limits) -> Rows:
    try:
        return store.select(statement, limits)
    except StoreError as error:
        raise _explained(error, limits) from error


def measure(answers: Sequence[Rows], started: float) -> Statistics:
    """`started` is the `time.perf_counter()` at which the question came."""
    milliseconds = round((time.perf_counter() - started) * 1000, 3)
    rows_read, bytes_read = sum(one.rows_read for one in answers), sum(one.bytes_read for one in answers)
    return Statistics(rows_read, bytes_read, milliseconds, complete=True)


def _explained(error: StoreError, limits: Limits) -> BklogError:
    """The engine's refusals that the caller can do something about, in the caller's words."""
    if error.engine_code in TIMEOUTS:
        hint = "narrow the time range, or add a word or a field that few rows have"
        return SearchTimeout(f"the search took longer than {limits.seconds:g} seconds and was stopped", hint=hint)
    if error.engine_code == OUT_OF_MEMORY:
        hint = "narrow the time range, lower the limit, name the fields to return, or ask for approximate figures"
        return SearchTooLarge(f"the search needed more than {limits.memory_bytes} bytes of memory", hint=hint)
    if error.engine_code == BAD_REGEX:
        hint = "the syntax is RE2: no look-around, no back-references"
        return BadRequest(f"a regular expression cannot be read: {error.message}", hint=hint, code=BAD_REGEX_CODE)
    return error


def read_rows(plan: Plan, page: Page, answer: Rows) -> list[dict[str, Any]]:
    if not answer.rows:  # then it names no columns either
        return []
    place = {name: number for number, name in enumerate(answer.columns)}
    documents = _documents(page, place, answer)
    read_offsets = _offsets_reader(plan, place) if "log" in page.columns else None
    columns = [("time", place["time_text"]), ("batch", place["batch_text"]), ("row", place["row"])]
    columns += [(name, place[shown_name(name, plan)]) for name in page.columns]
    rows = []
    for row, document in zip(answer.rows, documents, strict=True):
        result = {name: row[number] for name, number in columns}
        result["fields"] = document
        if read_offsets:
            result["highlight"] = read_offsets(row)
        rows.append(result)
    return rows


def _documents(page: Page, place: Mapping[str, int], answer: Rows) -> list[dict[str, Any]]:
    """The `fields` of each row, all read at once."""
    if page.paths is None:
        whole = place["fields_json"]
        documents: list[dict[str, Any]] = json.loads(f"[{','.join([row[whole] for row in answer.rows])}]")
        return documents
    paths = [(path, place[f"path_{number}"]) for number, path in enumerate(page.paths)]
    return [
        {path: json.loads(row[number]) for path, number in paths if row[number] not in (None, "null")} for row in answer.rows
    ]


def _offsets_reader(plan: Plan, place: Mapping[str, int]) -> Callable[[Sequence[Any]], list[tuple[int, int]]]:
    pattern = compile_highlight(plan)
    places = [(place[f"gaps_{number}"], place[f"hits_{number}"]) for number in range(len(regexes(plan)))]
    line = place[shown_name("log", plan)]
    return lambda row: find_offsets(row[line], pattern, [(row[gaps], row[hits]) for gaps, hits in places])


def _next_cursor(page: Page, answer: Rows) -> str | None:
    """A full page may have a next one; it costs less to find that one empty than to ask for a row more each time."""
    if len(answer.rows) < page.limit:
        return None
    last = dict(zip(answer.columns, answer.rows[-1], strict=True))
    return str(Cursor(int(last["time_ns"]), UUID(last["batch_text"]), last["row"], page.order is Order.OLDEST))


def _note_on_nothing(request: SearchRequest, tables: Sequence[LogTable], store: Searching, limits: Limits) -> str:
    bounds = [row for group in _by_store(tables) for row in _bounds(group, store.of(group), limits)]
    asked = f"no row matches between {request.time_range.start.isoformat()} and {request.time_range.end.isoformat()}"
    if not bounds:
        return f"{asked}; the index set holds no rows yet"
    oldest, newest = min(first for first, _ in bounds), max(last for _, last in bounds)
    return f"{asked}; the index set holds rows from {oldest} to {newest}"


def _by_store(tables: Sequence[LogTable]) -> list[list[LogTable]]:
    return [[table for table in tables if table.store == name] for name in sorted({table.store for table in tables})]


def _bounds(tables: Sequence[LogTable], store: Searching, limits: Limits) -> Sequence[Sequence[Any]]:
    return select(render_bounds(store.table(table.name) for table in tables), store, limits).rows
