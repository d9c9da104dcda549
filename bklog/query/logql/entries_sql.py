"""Sources and stages -> the statements whose answers are lines, or labels."""

from __future__ import annotations

from collections.abc import Sequence

from bklog.query.logql.rows import Source, new_binder, settings_of, staged
from bklog.query.logql.tree import Stage
from bklog.query.sql import NEWEST_FIRST, OLDEST_FIRST
from bklog.records import Statement


def render_entries(sources: Sequence[Source], stages: Sequence[Stage], *, limit: int, newest_first: bool) -> Statement:
    """Rows of (nanoseconds, line, labels)."""
    bind = new_binder()
    end = f" ORDER BY {NEWEST_FIRST if newest_first else OLDEST_FIRST} LIMIT {limit}"
    selects = staged(sources, stages, bind, end=end)
    rows = " UNION ALL ".join(f"SELECT time, batch, row, line, labels FROM ({one})" for one in selects)
    shown = f"SELECT toUnixTimestamp64Nano(time) AS nanoseconds, line, labels FROM ({rows}){end}"
    return Statement(f"{shown} {settings_of(sources)}", bind.params())


def render_label_sets(sources: Sequence[Source], *, limit: int) -> Statement:
    """Each set of labels that a row has."""
    bind = new_binder()
    rows = " UNION ALL ".join(f"SELECT DISTINCT labels FROM ({one})" for one in staged(sources, (), bind))
    return Statement(f"SELECT DISTINCT labels FROM ({rows}) LIMIT {limit} {settings_of(sources)}", bind.params())


def render_label_values(sources: Sequence[Source], name: str, *, limit: int) -> Statement:
    bind = new_binder()
    value = f"labels[{bind(name)}]"
    rows = " UNION ALL ".join(f"SELECT DISTINCT {value} AS found FROM ({one})" for one in staged(sources, (), bind))
    found = f"SELECT DISTINCT found FROM ({rows}) WHERE found != '' ORDER BY found LIMIT {limit}"
    return Statement(f"{found} {settings_of(sources)}", bind.params())


def render_amounts(sources: Sequence[Source]) -> Statement:
    """How many streams, lines and bytes; the streams are counted approximately."""
    bind = new_binder()
    rows = " UNION ALL ".join(f"SELECT labels, length(line) AS size FROM ({one})" for one in staged(sources, (), bind))
    return Statement(f"SELECT uniq(labels), count(), sum(size) FROM ({rows}) {settings_of(sources)}", bind.params())


def render_cardinalities(sources: Sequence[Source], *, limit: int) -> Statement:
    """(label, distinct values), counted approximately."""
    bind = new_binder()
    rows = " UNION ALL ".join(f"SELECT arrayJoin(labels) AS pair FROM ({one})" for one in staged(sources, (), bind))
    counted = f"SELECT pair.1 AS label, uniq(pair.2) FROM ({rows}) GROUP BY label ORDER BY label LIMIT {limit}"
    return Statement(f"{counted} {settings_of(sources)}", bind.params())
