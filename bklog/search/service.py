"""SearchRequest -> SearchResult: parse, plan, render, one statement, and what a person needs beside the rows.

request ─▶ Query ─▶ Plan ─▶ Statement ─▶ store ─▶ rows ─▶ highlight, cursor, statistics
                      └─ FieldCatalogue: the paths that the data has
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from bklog.query import Cursor, Plan, Query, parse, plan_count, plan_page, render
from bklog.query.plan import Count, Page
from bklog.query.sql import regexes, render_bounds
from bklog.records import Limits, Rows, Statement
from bklog.search.asking import Explanation, Statistics, fields_named, measure, select
from bklog.search.catalogue import FieldCatalogue
from bklog.search.explain import describe_plan
from bklog.search.highlight import compile_highlight, find_offsets
from bklog.search.request import SearchRequest
from bklog.store import LogTable, Store


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A page (`rows`, `cursor` of the next page), or with `count` only a number; `note` is for a person."""

    rows: list[dict[str, Any]]
    statistics: Statistics
    cursor: str | None = None
    count: int | None = None
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        counted = {} if self.count is None else {"count": self.count}
        statistics = self.statistics.as_dict()
        return {"rows": self.rows, **counted, "cursor": self.cursor, "note": self.note, "statistics": statistics}


def search(
    request: SearchRequest, *, tables: Sequence[LogTable], store: Store, catalogue: FieldCatalogue, limits: Limits
) -> SearchResult:
    """
    Raises:
        QuerySyntax: the query cannot be read, names an unknown field, or compares with what is no value of it.
        SearchTimeout, SearchTooLarge: a limit stopped the engine.
        StoreError, Unavailable: the store.
    """
    started = time.perf_counter()
    plan = _plan(parse(request.query), request, tables, catalogue)
    answer = select(render(plan), store, limits)
    rows: list[dict[str, Any]] = []
    cursor = count = None
    match plan.output:
        case Count():
            count = int(answer.rows[0][0])
        case Page() as page:
            rows, cursor = read_rows(plan, page, answer), _next_cursor(page, answer)
    note = "" if rows or count or request.cursor else _note_on_nothing(request, tables, store, limits)
    return SearchResult(rows, measure([answer], started), cursor, count, note)


def explain(
    request: SearchRequest, *, tables: Sequence[LogTable], store: Store, catalogue: FieldCatalogue, limits: Limits
) -> Explanation:
    """What a search would do, without doing it: each stage, and which granules the engine would read."""
    query = parse(request.query)
    plan = _plan(query, request, tables, catalogue)
    statement = render(plan)
    answer = select(Statement(f"EXPLAIN indexes = 1 {statement.text}", statement.params), store, limits)
    engine = "\n".join(str(line) for (line,) in answer.rows)
    return Explanation(str(query), describe_plan(plan), statement, engine)


def _plan(query: Query, request: SearchRequest, tables: Sequence[LogTable], catalogue: FieldCatalogue) -> Plan:
    known = catalogue.describe(tables, [*fields_named(query), *(name for name in request.fields or () if name != "fields")])
    if request.count:
        return plan_count(query, tables=known, time_range=request.time_range)
    return plan_page(
        query,
        tables=known,
        time_range=request.time_range,
        limit=request.limit,
        cursor=request.cursor,
        fields=request.fields,
    )


def read_rows(plan: Plan, page: Page, answer: Rows) -> list[dict[str, Any]]:
    if not answer.rows:  # then it names no columns either
        return []
    place = {name: number for number, name in enumerate(answer.columns)}
    read_fields = _fields_reader(page, place)
    read_offsets = _offsets_reader(plan, place) if "log" in place else None
    columns = [("time", place["time_text"]), ("batch", place["batch_text"]), ("row", place["row"])]
    columns += [(name, place[name]) for name in page.columns]
    rows = []
    for row in answer.rows:
        result = {name: row[number] for name, number in columns}
        result["fields"] = read_fields(row)
        if read_offsets:
            result["highlight"] = read_offsets(row)
        rows.append(result)
    return rows


def _fields_reader(page: Page, place: Mapping[str, int]) -> Callable[[Sequence[Any]], dict[str, Any]]:
    if page.paths is None:
        whole = place["fields_json"]
        return lambda row: json.loads(row[whole])
    paths = [(path, place[f"path_{number}"]) for number, path in enumerate(page.paths)]
    return lambda row: {path: json.loads(row[number]) for path, number in paths if row[number] not in (None, "null")}


def _offsets_reader(plan: Plan, place: Mapping[str, int]) -> Callable[[Sequence[Any]], list[tuple[int, int]]]:
    pattern = compile_highlight(plan)
    places = [(place[f"gaps_{number}"], place[f"hits_{number}"]) for number in range(len(regexes(plan)))]
    line = place["log"]
    return lambda row: find_offsets(row[line], pattern, [(row[gaps], row[hits]) for gaps, hits in places])


def _next_cursor(page: Page, answer: Rows) -> str | None:
    """A full page may have a next one; it costs less to find that one empty than to ask for a row more each time."""
    if len(answer.rows) < page.limit:
        return None
    last = dict(zip(answer.columns, answer.rows[-1], strict=True))
    return str(Cursor(int(last["time_ns"]), UUID(last["batch_text"]), last["row"]))


def _note_on_nothing(request: SearchRequest, tables: Sequence[LogTable], store: Store, limits: Limits) -> str:
    bounds = select(render_bounds(store.table(table.name) for table in tables), store, limits).rows
    asked = f"no row matches between {request.time_range.start.isoformat()} and {request.time_range.end.isoformat()}"
    if not bounds:
        return f"{asked}; the index set holds no rows yet"
    oldest, newest = bounds[0]
    return f"{asked}; the index set holds rows from {oldest} to {newest}"
