"""FieldSample -> SQL: which fields the rows of a sample have, and of which types.

slices of the range ─▶ the newest rows of each ─▶ (place, name, type) of every field a row has ─▶ rows that have it
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bklog.query.fields import COLUMN_KINDS, Kind, Target
from bklog.query.masked import quote_name
from bklog.query.outputs import NULLABLE, FieldSample, Slice
from bklog.query.plan import Always, Plan
from bklog.query.sql import matching, page_settings
from bklog.query.where import Binder, bind_time, stored

COUNTED_COLUMNS: Final = tuple(name for name, kind in COLUMN_KINDS.items() if kind is not Kind.TIME)
PATHS: Final = ("JSONDynamicPathsWithTypes", "JSONSharedDataPathsWithTypes")


def render(plan: Plan, output: FieldSample, bind: Binder) -> str:
    """A row for each name and type: how many rows of the sample have it. The row of the empty name counts the sample."""
    rows = " UNION ALL ".join(_sampled(piece, plan, output.typed[piece.scan], bind) for piece in output.slices)
    return (
        f"SELECT place, name, type, count() AS n FROM (SELECT arrayJoin(found) AS one, one.1 AS place, one.2 AS name,"
        f" one.3 AS type FROM ({rows})) GROUP BY place, name, type ORDER BY place, n DESC, name, type LIMIT {output.limit}"
        f" {page_settings(plan)}"
    )


def _sampled(piece: Slice, plan: Plan, typed: Sequence[Target], bind: Binder) -> str:
    scan = plan.scans[piece.scan]
    found = [_present_in("column", name, f"{quote_name(name)} != ''", bind) for name in COUNTED_COLUMNS]
    for target in typed:
        column = stored(target)
        condition = f"isNotNull({column})" if target.kind in NULLABLE else f"{column} != ''"
        found.append(_present_in("rule", target.name, condition, bind))
    name = bind.row.text("x.1")  # a name may hold what a pattern hides
    found += [f"arrayMap(x -> ('data', {name}, x.2), CAST({paths}(fields), 'Array(Tuple(String, String))'))" for paths in PATHS]
    rows = (
        f"(SELECT * FROM {matching(scan, plan, bind)} AND time >= {bind_time(piece.start, bind)}"
        f" AND time < {bind_time(piece.end, bind)} ORDER BY time DESC LIMIT {piece.limit})"
    )
    source = bind.row.compared(rows) if isinstance(scan.predicate, Always) else rows
    return f"SELECT arrayConcat([('', '', '')], {', '.join(found)}) AS found FROM {source}"


def _present_in(place: str, name: str, condition: str, bind: Binder) -> str:
    return f"if({condition}, [({bind(place)}, {bind(name)}, '')], [])"
