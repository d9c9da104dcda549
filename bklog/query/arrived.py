"""Arrived -> SQL: what came in, in the order of its coming, each row one line of JSON that the engine writes.

The order is that of inserts (ingest_time, batch, row), not of the times that the rows carry: a late row comes when it comes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from bklog.query.extract import shown_from
from bklog.query.masking import UNMASKED
from bklog.query.outputs import Arrived, ArrivedCount
from bklog.query.plan import Plan
from bklog.query.sql import iso, masking_settings, matching
from bklog.query.where import Binder, bind_time
from bklog.records import Statement

BY_ARRIVAL: Final = "ingest_time, batch, row"


def render(plan: Plan, output: Arrived | ArrivedCount, bind: Binder) -> str:
    if isinstance(output, ArrivedCount):
        counts = (f"SELECT count() AS n FROM {matching(scan, plan, bind)}" for scan in plan.scans)
        return f"SELECT sum(n) AS n FROM ({' UNION ALL '.join(counts)}){masking_settings(plan)}"
    end = f" ORDER BY {BY_ARRIVAL} LIMIT {output.limit}"
    line = _line(output, bind)
    scans = (
        f"SELECT * FROM (SELECT {BY_ARRIVAL}, {line} AS line FROM {shown_from(scan, plan, bind, end)}{end})"
        for scan in plan.scans
    )
    return f"SELECT line FROM ({' UNION ALL '.join(scans)}){end}{masking_settings(plan)}"


def render_arrivals(tables: Iterable[str], since: int, *, limit: int) -> Statement:
    """What each insert after `since` (microseconds since 1970) brought: (time of arrival, batch, day, rows), newest first."""
    bind = Binder(UNMASKED)
    after = f"ingest_time > {bind_time(since * 1_000, bind)}"
    columns = "ingest_time, batch, toDate(time) AS on_day, count() AS n"
    scans = " UNION ALL ".join(
        f"SELECT {columns} FROM {table} WHERE {after} GROUP BY ingest_time, batch, on_day" for table in tables
    )
    named = "toUnixTimestamp64Micro(ingest_time) AS arrival, toString(batch) AS batch_text, toString(on_day) AS day, n"
    newest = f"ORDER BY ingest_time DESC, batch DESC LIMIT {limit}"
    return Statement(f"SELECT {named} FROM ({scans}) {newest}", bind.params())


def _line(output: Arrived, bind: Binder) -> str:
    """The members of a search's row, and when it came in."""
    members = [
        ("time", _quoted(iso("time"))),
        ("ingest_time", _quoted(iso("ingest_time"))),
        ("batch", _quoted("toString(batch)")),
        ("row", "toString(row)"),
        *((name, _quoted(bind.row.column(name))) for name in output.columns),
        ("fields", _fields(output.paths, bind)),
    ]
    parts = ", ".join(f"{bind(',' + json.dumps(name) + ':')}, {value}" for name, value in members)
    return f"concat('{{', substring(concat({parts}), 2), '}}')"


def _quoted(text: str) -> str:
    return f"toJSONString(CAST({text}, 'String'))"


def _fields(paths: tuple[str, ...] | None, bind: Binder) -> str:
    """The whole object, or of the paths those that the row has."""
    if paths is None:
        return bind.row.document()
    if not paths:
        return "'{}'"
    members = (
        _member(f"ifNull({bind.row.path(name)}, 'null')", bind(json.dumps(name, ensure_ascii=False) + ":")) for name in paths
    )
    return f"concat('{{', arrayStringConcat(arrayFilter(m -> m != '', [{', '.join(members)}]), ','), '}}')"


def _member(value: str, name: str) -> str:
    return f"if({value} = 'null', '', concat({name}, {value}))"
