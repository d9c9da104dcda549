"""Sources, stages and what came in -> the statements of a tail: lines as Loki's clients read them, and how many there are.

Each row is one line of JSON that the engine writes: {"stream":{…},"values":[["1767225600000000000","the line"]]}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bklog.query.logql.rows import Source, new_binder, settings_of, staged
from bklog.query.logql.tree import Stage
from bklog.query.outputs import Arrival, ArrivedCount
from bklog.query.sql import OLDEST_FIRST
from bklog.records import Statement

_STREAM: Final = (
    "concat('{\"stream\":', toJSONString(labels), ',\"values\":[[\"', toString(toUnixTimestamp64Nano(time)), '\",', "
    "toJSONString(line), ']]}')"
)


def render_arrived(sources: Sequence[Source], stages: Sequence[Stage], arrivals: Sequence[Arrival], *, limit: int) -> Statement:
    """The rows of these arrivals, oldest first."""
    bind = new_binder()
    end = f" ORDER BY {OLDEST_FIRST} LIMIT {limit}"
    selects = staged(_among(sources, arrivals), stages, bind, end=end)
    rows = " UNION ALL ".join(f"SELECT time, batch, row, line, labels FROM ({one})" for one in selects)
    return Statement(f"SELECT {_STREAM} AS told FROM ({rows}){end} {settings_of(sources)}", bind.params())


def render_arrived_count(sources: Sequence[Source], stages: Sequence[Stage], arrivals: Sequence[Arrival]) -> Statement:
    bind = new_binder()
    rows = " UNION ALL ".join(f"SELECT 1 FROM ({one})" for one in staged(_among(sources, arrivals), stages, bind))
    return Statement(f"SELECT count() FROM ({rows}) {settings_of(sources)}", bind.params())


def _among(sources: Sequence[Source], arrivals: Sequence[Arrival]) -> list[Source]:
    came = ArrivedCount(tuple(arrivals))
    return [replace(source, plan=replace(source.plan, output=came)) for source in sources]
