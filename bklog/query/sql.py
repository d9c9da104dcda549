"""Plan -> the SQL of a page, and what all statements on an index set share. A value is always bound, a name always quoted.

A page is asked for in the order of the table's sorting key, so that the engine reads the newest granules and stops when it
is full; columns that only the page's rows need are read for these rows alone. Values are bound as text beside their type.
What a reader may not see is masked in what is returned and in what is compared: a condition is about the row as it is shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from bklog.query.fields import Target
from bklog.query.indexed import is_found
from bklog.query.masked import MaskedRow, shown, without_nul
from bklog.query.masking import COVERED_COLUMNS, UNMASKED, Masking, Rule
from bklog.query.outputs import Arrival, Arrived, ArrivedCount
from bklog.query.plan import (
    Always,
    Count,
    Matches,
    Order,
    Page,
    Plan,
    Predicate,
    Present,
    Scan,
    all_leaves,
    certain_part,
    positive_leaves,
)
from bklog.query.where import Binder, bind_time, grouped, text_of
from bklog.records import IDENTITY, Statement

NEWEST_FIRST: Final = ", ".join(f"{name} DESC" for name in IDENTITY)
OLDEST_FIRST: Final = ", ".join(IDENTITY)
# Up to this many rows the columns that no condition reads are read for the page's rows only; servers differ in the default.
PAGE_SETTINGS: Final = "SETTINGS query_plan_max_limit_for_lazy_materialization = 10000"
# Masked texts are made by lambdas, which the engine cannot put into the rows that it makes up to read in order. What is asked
# of a masked row stays above it: carried down to the table the text would be made again for each question, and looked through
# for what an index answers, which is in `certain_part` alone.
MASKING: Final = "read_in_order_use_virtual_row = 0, query_plan_filter_push_down = 0, query_plan_merge_expressions = 0"
MASKED_SETTINGS: Final = f"{PAGE_SETTINGS}, {MASKING}"
# A page that the index finds comes up to a tenth sooner with one thread, and leaves the other cores to others.
FOUND_SETTINGS: Final = f"{PAGE_SETTINGS}, max_threads = 1"


def render(plan: Plan, output: Count | Page, bind: Binder) -> str:
    return _render_page(plan, output, bind) if isinstance(output, Page) else _render_count(plan, bind)


def render_bounds(tables: Iterable[str]) -> Statement:
    """The oldest and the newest time of the tables, and whether they have a row at all."""
    scans = " UNION ALL ".join(
        f"SELECT min(time) AS oldest, max(time) AS newest, count() AS n FROM {table}" for table in tables
    )
    oldest, newest = iso("min(oldest)"), iso("max(newest)")
    return Statement(f"SELECT {oldest} AS oldest, {newest} AS newest FROM ({scans}) WHERE n > 0 HAVING count() > 0")


def render_masked_lines(lines: Sequence[str], masking: Masking) -> Statement:
    """Lines as a search would show them: `fields` of a line that is JSON are its own, of another it has none."""
    bind = Binder(masking)
    given = f"SELECT arrayJoin(JSONExtract({bind(json.dumps(lines))}, 'Array(String)')) AS log"
    document = "if(startsWith(log, '{') AND isValidJSON(log), log, '{}')"
    other = ", ".join(f"'' AS {name}" for name in COVERED_COLUMNS if name != "log")
    rows = bind.row.shown_of(f"(SELECT log, CAST({document}, 'JSON') AS fields, {other} FROM ({given}))")
    outputs = f"{bind.row.column('log')} AS line, {bind.row.document()} AS fields_json"
    return Statement(f"SELECT {outputs} FROM {rows}", bind.params())


def render_check(rule: Rule, text: str, times: int) -> Statement:
    """The engine's own look at a rule: over a long text, and whether it finds something where nothing is."""
    bind = Binder(UNMASKED)
    replaced = MaskedRow(Masking((replace(rule, field=""),)), bind).text(f"materialize(repeat({bind(text)}, {times}))")
    return Statement(f"SELECT length({replaced}) AS size, match('', {bind(without_nul(rule.pattern))}) AS empty", bind.params())


def render_paths(table: str) -> Statement:
    """Every path of `fields` that a row of the table has; answered from the parts' metadata."""
    return Statement(f"SELECT arrayJoin(distinctJSONPaths(fields)) AS path FROM {table}")


def render_regex_check(pattern: str) -> Statement:
    """Whether the engine can read the expression: in a group, so that it takes none for plain text."""
    bind = Binder(UNMASKED)
    return Statement(f"SELECT match(materialize(''), {bind(f'(?:{without_nul(pattern)})')})", bind.params())


def shown_name(column: str, plan: Plan) -> str:
    """The result column that holds a column as its reader may see it."""
    return shown(column) if plan.masking else column


def regexes(plan: Plan) -> tuple[str, ...]:
    """The expressions on the raw line whose places the engine finds itself, as its dialect is not Python's."""
    found = {
        leaf.pattern: None
        for scan in plan.scans
        for leaf in positive_leaves(scan.predicate)
        if isinstance(leaf, Matches) and leaf.target.name == "log" and not leaf.target.inside
    }
    return tuple(found)


def _render_count(plan: Plan, bind: Binder) -> str:
    counts = [f"SELECT count() AS n FROM {matching(scan, plan, bind)}" for scan in plan.scans]
    count = counts[0] if len(counts) == 1 else f"SELECT sum(n) AS n FROM ({' UNION ALL '.join(counts)})"
    return f"{count}{masking_settings(plan)}"


def _render_page(plan: Plan, page: Page, bind: Binder) -> str:
    outputs = page_outputs(plan, page, bind)
    settings = FOUND_SETTINGS if is_found(plan) else page_settings(plan)
    if len(plan.scans) == 1:
        return f"{_select_page(plan.scans[0], plan, page, bind, list(outputs.values()))} {settings}"
    scans = [
        f"SELECT * FROM ({_select_page(scan, plan, page, bind, ['time', 'batch', *outputs.values()])})" for scan in plan.scans
    ]
    names = [*outputs, "scan"] if page.is_numbered else outputs
    merged = f"SELECT {', '.join(names)} FROM ({' UNION ALL '.join(scans)})"
    return f"{merged} ORDER BY {order_of(page)} LIMIT {page.limit} {settings}"


def order_of(page: Page) -> str:
    return OLDEST_FIRST if page.order is Order.OLDEST else NEWEST_FIRST


def masking_settings(plan: Plan) -> str:
    """The end of a statement that needs no others."""
    return f" SETTINGS {MASKING}" if plan.masking else ""


def page_settings(plan: Plan) -> str:
    """Of a statement that reads in the table's order and stops."""
    return MASKED_SETTINGS if plan.masking else PAGE_SETTINGS


def _select_page(scan: Scan, plan: Plan, page: Page, bind: Binder, outputs: list[str]) -> str:
    newest = f"ORDER BY {order_of(page)} LIMIT {page.limit}"
    outputs = [*outputs, f"{plan.scans.index(scan)} AS scan"] if page.is_numbered else outputs
    if not plan.masking:
        return f"SELECT {', '.join(outputs)} FROM {matching(scan, plan, bind)} {newest}"
    found = f"(SELECT * FROM {matching(scan, plan, bind)} {newest})"  # only the page's rows are masked
    return f"SELECT {', '.join(outputs)} FROM {shown_of(found, scan, bind)} {newest}"


def shown_of(found: str, scan: Scan, bind: Binder) -> str:
    """A FROM: rows of `matching` as they are shown; those that were compared have a part of it already."""
    if isinstance(scan.predicate, Always):
        return bind.row.shown_of(found)
    return bind.row.over(found, _compared_columns(scan.predicate))


def matching(scan: Scan, plan: Plan, bind: Binder) -> str:
    """FROM and WHERE. What is shown can only be compared row by row: what the row has for certain is looked up before."""
    bounds = _bounds(plan, bind)
    if isinstance(scan.predicate, Always):
        return f"{scan.table} WHERE {bounds}"
    if not plan.masking:
        return f"{scan.table} WHERE {bounds} AND {grouped(scan.predicate, bind)}"
    certain = grouped(certain_part(scan.predicate), bind.unmasked())
    comparing = bind.knowing(_compared_texts(scan.predicate))
    columns = _compared_columns(scan.predicate)
    rows = comparing.row.compared(f"(SELECT * FROM {scan.table} WHERE {bounds} AND {certain})", columns)
    return f"{rows} WHERE {comparing.row.compare(grouped(scan.predicate, comparing), columns)}"


def _compared_columns(predicate: Predicate) -> tuple[str, ...]:
    """The columns whose masked text a condition is about."""
    names = {target.name for target in _compared_targets(predicate) if not target.inside}
    return tuple(name for name in COVERED_COLUMNS if name in names)


def _compared_texts(predicate: Predicate) -> tuple[str, ...]:
    """The other texts that it is about."""
    return tuple(dict.fromkeys(text_of(target) for target in _compared_targets(predicate) if target.inside))


def _compared_targets(predicate: Predicate) -> Iterable[Target]:
    return (leaf.target for leaf in all_leaves(predicate) if not isinstance(leaf, Always | Present))


def page_outputs(plan: Plan, page: Page, bind: Binder) -> dict[str, str]:
    """Result column -> expression; never under a column's name, which would stand for it in the conditions too."""
    outputs = {
        "time_text": f"{iso('time')} AS time_text",
        "time_ns": "toUnixTimestamp64Nano(time) AS time_ns",
        "batch_text": "toString(batch) AS batch_text",
        "row": "row",
    }
    for column in page.columns:
        name = shown_name(column, plan)
        outputs[name] = f"{bind.row.column(column)} AS {name}" if plan.masking else column
    if page.paths is None:
        outputs["fields_json"] = f"{bind.row.document()} AS fields_json"
    else:
        paths = enumerate(page.paths)
        outputs |= {f"path_{place}": f"{bind.row.path(name)} AS path_{place}" for place, name in paths}
    for place, pattern in enumerate(regexes(plan) if "log" in page.columns else ()):
        # What lies between the hits and how long each hit is, in characters: together they give every place.
        whole, line = bind(f"({without_nul(pattern)})"), bind.row.column("log")
        gaps = f"arrayMap(x -> lengthUTF8(x), splitByRegexp({whole}, {line}))"
        hits = f"arrayMap(x -> lengthUTF8(x), extractAll({line}, {whole}))"
        outputs |= {f"gaps_{place}": f"{gaps} AS gaps_{place}", f"hits_{place}": f"{hits} AS hits_{place}"}
    return outputs


def _bounds(plan: Plan, bind: Binder) -> str:
    page = plan.output if isinstance(plan.output, Page) else None
    cursor, is_oldest_first = (page.cursor, page.order is Order.OLDEST) if page else (None, False)
    start = max(plan.start, cursor.time) if cursor and is_oldest_first else plan.start
    end = min(plan.end, cursor.time + 1) if cursor and not is_oldest_first else plan.end
    conditions = [f"time >= {bind_time(start, bind)}", f"time < {bind_time(end, bind)}"]
    if plan.arrived_by is not None:
        conditions.append(f"ingest_time <= {bind_time(plan.arrived_by, bind)}")
    if isinstance(plan.output, Arrived | ArrivedCount):
        conditions += _among(plan.output.arrivals, bind)
    if cursor:
        last = f"{bind_time(cursor.time, bind)}, {bind(str(cursor.batch), 'UUID')}, {bind(str(cursor.row), 'UInt32')}"
        conditions.append(f"(time, batch, row) {'>' if is_oldest_first else '<'} ({last})")
    return " AND ".join(conditions)


def _among(arrivals: Sequence[Arrival], bind: Binder) -> list[str]:
    """The time of arrival alone has an index."""
    first, last = (pick(one.time for one in arrivals) * 1_000 for pick in (min, max))
    names = bind(",".join(f"{one.batch} {one.day}" for one in arrivals))
    named = f"arrayMap(n -> (toUUID(left(n, 36)), toDate(substring(n, 38))), splitByChar(',', {names}))"
    bounds = [f"ingest_time >= {bind_time(first, bind)}", f"ingest_time <= {bind_time(last, bind)}"]
    return [*bounds, f"(batch, toDate(time)) IN {named}"]


def iso(column: str) -> str:
    return f"concat(replaceOne(toString({column}), ' ', 'T'), 'Z')"
