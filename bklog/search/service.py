"""SearchRequest -> SearchResult: parse, plan, render, one statement, and what a person needs beside the rows.

request ─▶ Asked ─▶ Plan ─▶ Statement ─▶ store ─▶ rows ─▶ highlight, cursor, statistics
                      │        └─ of several collectors one each: union.py
                      └─ FieldCatalogue: the paths that the data has
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

from bklog.errors import QuerySyntax, StoreError
from bklog.query import Cursor, Masking, Plan, plan_count, plan_page, render
from bklog.query.indexed import is_indexed
from bklog.query.moment import moment_text
from bklog.query.notes import suspicions
from bklog.query.plan import Count, Order, Page
from bklog.query.sql import regexes, render_bounds, shown_name
from bklog.records import Limits, Rows, Statement
from bklog.search.catalogue import FieldCatalogue
from bklog.search.explain import describe_plan
from bklog.search.failures import explained
from bklog.search.highlight import compile_highlight, find_offsets
from bklog.search.reading import Asked, placed, read_request
from bklog.search.request import EVERYTHING, SearchRequest
from bklog.search.sweep import Part, goes_on, joined, sweep
from bklog.search.union import Gathered, Source, gather, note_on
from bklog.store import LogTable, Searching


@dataclass(frozen=True, slots=True)
class Statistics:
    """`complete`: all of the range was considered. A search that cannot finish is an error, never half an answer, unless a
    time was given for it: then `covered` is what was considered, in nanoseconds. One over several collectors answers for those
    that it could ask, and `sources` tell which.
    """

    rows_read: int
    bytes_read: int
    milliseconds: float
    complete: bool
    sources: tuple[Source, ...] = ()
    covered: tuple[int, int] | None = None

    def as_dict(self) -> dict[str, Any]:
        shown = {name: getattr(self, name) for name in ("rows_read", "bytes_read", "milliseconds", "complete")}
        if self.covered:
            shown["covered"] = dict(zip(("start", "end"), map(moment_text, self.covered), strict=True))
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
    begun = begin(request, tables=tables, masking=masking, store=store, catalogue=catalogue, limits=limits)
    return begun.result(list(begun.parts()))


def begin(
    request: SearchRequest,
    *,
    tables: Sequence[LogTable],
    masking: Masking,
    store: Searching,
    catalogue: FieldCatalogue,
    limits: Limits,
) -> Begun:
    """Raises what `search` does before the store is asked."""
    started = time.perf_counter()
    asked = read_request(request)
    return Begun(request, asked, make_plan(asked, request, tables, masking, catalogue), tables, store, limits, started)


@dataclass(frozen=True, slots=True)
class Begun:
    """A search whose plan stands: its parts can be shown as they come, and make up the result."""

    request: SearchRequest
    asked: Asked
    plan: Plan
    tables: Sequence[LogTable]
    store: Searching
    limits: Limits
    started: float

    def parts(self) -> Iterator[Part]:
        return sweep(self.plan, self._gather, self.limits, budget_seconds=self.request.budget_seconds)

    def rows(self, part: Part) -> list[dict[str, Any]]:
        output = self.plan.output
        return read_rows(self.plan, output, part.gathered.rows) if isinstance(output, Page) else []

    def result(self, parts: Sequence[Part], *, with_rows: bool = True) -> SearchResult:
        """Without `with_rows` where they have been shown already."""
        whole = joined(self.plan, parts)
        answer, sources = whole.gathered.rows, whole.gathered.sources
        rows = [row for part in parts for row in self.rows(part)] if with_rows else []
        cursor = count = None
        match self.plan.output:
            case Count():
                count = int(answer.rows[0][0])
            case Page() as page:
                cursor = _next_cursor(page, answer) if whole.is_last else str(goes_on(self.plan, whole))
        notes = (
            [note.message for note in self.asked.text.notes]
            + note_on(sources)
            + ([] if whole.is_last else [_unfinished(whole)])
        )
        if not (answer.rows if count is None else count) and not self.request.cursor and whole.is_last:
            notes += self._nothing(sources)
        complete = whole.is_last and all(one.complete for one in sources)
        covered = None if whole.is_last else (whole.start, whole.end)
        statistics = replace(measure([answer], self.started), complete=complete, sources=sources, covered=covered)
        return SearchResult(rows, statistics, cursor, count, "; ".join(notes))

    def _gather(self, plan: Plan, limits: Limits) -> Gathered:
        return gather(plan, self.tables, ask=partial(_ask, self.store), limits=replace(limits, goes_first=is_indexed(plan)))

    def _nothing(self, sources: Sequence[Source]) -> list[str]:
        searched = [table for table, source in zip(self.tables, sources, strict=True) if source.complete]
        found = [note.message for note in suspicions(self.request.query, self.asked.text)]
        return [*found, _note_on_nothing(self.request, searched, self.store, self.limits)]


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
        raise explained(error, limits) from error


def measure(answers: Sequence[Rows], started: float) -> Statistics:
    """`started` is the `time.perf_counter()` at which the question came."""
    milliseconds = round((time.perf_counter() - started) * 1000, 3)
    rows_read, bytes_read = sum(one.rows_read for one in answers), sum(one.bytes_read for one in answers)
    return Statistics(rows_read, bytes_read, milliseconds, complete=True)


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
    if not pattern and not places:
        return lambda _row: []
    return lambda row: find_offsets(row[line], pattern, [(row[gaps], row[hits]) for gaps, hits in places])


def _next_cursor(page: Page, answer: Rows) -> str | None:
    """A full page may have a next one; it costs less to find that one empty than to ask for a row more each time."""
    if len(answer.rows) < page.limit:
        return None
    last = dict(zip(answer.columns, answer.rows[-1], strict=True))
    return str(Cursor(int(last["time_ns"]), UUID(last["batch_text"]), last["row"], page.order is Order.OLDEST))


def _unfinished(whole: Part) -> str:
    return f"the time was enough for what is from {moment_text(whole.start)} to {moment_text(whole.end)}"


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
