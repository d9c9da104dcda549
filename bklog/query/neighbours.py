"""Located, Neighbours -> SQL: a row by its identity, and the rows around it in the order of its stream.

Lines of one stream come in the order in which their sender sent them, whatever times they carry: that is (ingest_time,
batch, row). Rows of several streams are put together by time, and by arrival where times are equal.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from bklog.query.moment import SECOND
from bklog.query.outputs import Anchor, Located, Neighbours
from bklog.query.plan import Page, Plan
from bklog.query.planner import COLUMNS
from bklog.query.sql import matching, page_outputs, page_settings
from bklog.query.where import Binder, bind_time
from bklog.records.timerange import EPOCH

SOURCE: Final = ("host", "path", "stream")
BY_ARRIVAL: Final = ("ingest_time", "batch", "row")
BY_TIME: Final = ("time", *BY_ARRIVAL)


def render(plan: Plan, output: Located | Neighbours, bind: Binder) -> str:
    return _locate(plan, output, bind) if isinstance(output, Located) else _neighbours(plan, output, bind)


def _locate(plan: Plan, output: Located, bind: Binder) -> str:
    batch, row = bind(str(output.batch), "UUID"), bind(str(output.row), "UInt32")
    identity = f"time = {bind_time(output.time, bind)} AND batch = {batch} AND row = {row}"
    return " UNION ALL ".join(
        f"SELECT {number} AS scan, toUnixTimestamp64Micro(ingest_time) AS arrival, {', '.join(SOURCE)}"
        f" FROM {matching(scan, plan, bind)} AND {identity}"
        for number, scan in enumerate(plan.scans)
    )


def _neighbours(plan: Plan, output: Neighbours, bind: Binder) -> str:
    """A row more than asked for on each side tells whether the stream goes on there."""
    columns = page_outputs(plan, Page(output.before + output.after + 3, COLUMNS, None), bind)
    order = BY_ARRIVAL if output.by_arrival else BY_TIME
    inner = ", ".join(["time", "ingest_time", "batch", *columns.values()])
    before = _side(plan, output, bind, operator="<", descending=" DESC", limit=output.before + 1)
    after = _side(plan, output, bind, operator=">=", descending="", limit=output.after + 2)
    sides = " UNION ALL ".join(f"SELECT * FROM (SELECT {inner} FROM {side})" for side in (before, after))
    return f"SELECT {', '.join(columns)} FROM ({sides}) ORDER BY {', '.join(order)} {page_settings(plan)}"


def _side(plan: Plan, output: Neighbours, bind: Binder, *, operator: str, descending: str, limit: int) -> str:
    (scan,) = plan.scans
    anchor, order = output.anchor, BY_ARRIVAL if output.by_arrival else BY_TIME
    bound = dict(zip(BY_TIME, _bound(anchor, bind), strict=True))
    conditions = [
        *(f"{name} = {bind(value)}" for name, value in zip(SOURCE[: output.same], anchor.source, strict=False)),
        f"({', '.join(order)}) {operator} ({', '.join(bound[name] for name in order)})",
        *_within(output, operator, bind),
    ]
    sorting = ", ".join(f"{name}{descending}" for name in order)
    rows = f"(SELECT * FROM {matching(scan, plan, bind)} AND {' AND '.join(conditions)} ORDER BY {sorting} LIMIT {limit})"
    return bind.row.shown_of(rows)


def _within(output: Neighbours, operator: str, bind: Binder) -> list[str]:
    """Bounds on the order's first column alone, which the sorting key or the index of arrivals answers."""
    name = "ingest_time" if output.by_arrival else "time"
    here = output.anchor.arrival * 1_000 if output.by_arrival else output.anchor.time
    bind_here = _bind_arrival if output.by_arrival else bind_time
    if output.within_seconds is None:
        far: list[str] = []
    elif operator == "<":
        far = [f"{name} >= {bind_here(here - output.within_seconds * SECOND, bind)}"]
    else:
        far = [f"{name} <= {bind_here(here + output.within_seconds * SECOND, bind)}"]
    near = "<=" if operator == "<" else ">="
    return [f"{name} {near} {bind_here(here, bind)}", *far]


def _bound(anchor: Anchor, bind: Binder) -> tuple[str, ...]:
    return (
        bind_time(anchor.time, bind),
        _bind_arrival(anchor.arrival * 1_000, bind),
        bind(str(anchor.batch), "UUID"),
        bind(str(anchor.row), "UInt32"),
    )


def _bind_arrival(nanoseconds: int, bind: Binder) -> str:
    moment = EPOCH + timedelta(microseconds=nanoseconds // 1_000)
    return bind(f"{moment:%Y-%m-%d %H:%M:%S.%f}", "DateTime64(6, 'UTC')")
