"""Sources and stages -> which labels the newest lines have beside those of their streams, of which types, and their values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from bklog.query.logql.rows import Source, new_binder, settings_of, staged
from bklog.query.logql.tree import Stage
from bklog.query.sql import NEWEST_FIRST
from bklog.query.where import Binder
from bklog.records import Statement

# A type is what all values of the label are, the narrowest first; the names are Loki's.
_TYPES: Final = {
    "int": r"^[+-]?[0-9]{1,18}$",
    "float": r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$",
    "boolean": r"^(?i:true|false)$",
    "duration": r"^[+-]?([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$",
    "bytes": r"^[0-9]+(\.[0-9]+)? ?(?i:[kmgtpe]i?b|b)$",
}


def render_fields(
    sources: Sequence[Source], stages: Sequence[Stage], *, without: Iterable[str], lines: int, limit: int
) -> Statement:
    """(label, distinct values, type), the most frequent label first; the values are counted approximately."""
    bind = new_binder()
    pairs = f"SELECT arrayJoin(labels) AS pair FROM ({_newest(sources, stages, bind, lines)})"
    kinds = ", ".join(f"countIf(match(pair.2, {bind(pattern)})) = n, {bind(name)}" for name, pattern in _TYPES.items())
    known = f"splitByChar(',', {bind(','.join(sorted(without)))})"
    found = (
        f"SELECT pair.1 AS label, uniq(pair.2) AS cardinality, count() AS n, multiIf({kinds}, 'string') AS kind "
        f"FROM ({pairs}) WHERE NOT has({known}, label) GROUP BY label ORDER BY n DESC, label LIMIT {limit}"
    )
    return Statement(f"SELECT label, cardinality, kind FROM ({found}) {settings_of(sources)}", bind.params())


def render_field_values(sources: Sequence[Source], stages: Sequence[Stage], name: str, *, lines: int, limit: int) -> Statement:
    """The most frequent first."""
    bind = new_binder()
    values = f"SELECT labels[{bind(name)}] AS value FROM ({_newest(sources, stages, bind, lines)}) WHERE value != ''"
    counted = f"SELECT value, count() AS n FROM ({values}) GROUP BY value ORDER BY n DESC, value LIMIT {limit}"
    return Statement(f"SELECT value FROM ({counted}) {settings_of(sources)}", bind.params())


def _newest(sources: Sequence[Source], stages: Sequence[Stage], bind: Binder, lines: int) -> str:
    end = f" ORDER BY {NEWEST_FIRST} LIMIT {lines}"
    selects = staged(sources, stages, bind, end=end)
    rows = " UNION ALL ".join(f"SELECT time, batch, row, labels FROM ({one})" for one in selects)
    return f"SELECT labels FROM ({rows}){end}"
