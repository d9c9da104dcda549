"""A query of lines -> what a live tail asks the store, and how Loki's clients are told. The hub is that of `search.tail`.

request ─▶ LokiTail ─ the index sets as they are ─▶ LokiReader ─┬ history: what is there, up to a moment of arrival
                                                                 └ arrivals, read: what comes in after it
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from bklog.errors import BadRequest, BklogError
from bklog.loki.answers import streams
from bklog.loki.service import read_limit, require_lines
from bklog.loki.sources import NamedTables, chosen, make_sources
from bklog.loki.times import Parameters, bounds, one
from bklog.query import Masking
from bklog.query.logql.entries_sql import render_entries
from bklog.query.logql.parser import parse
from bklog.query.logql.rows import Source
from bklog.query.logql.tail_sql import render_arrived, render_arrived_count
from bklog.query.logql.tree import LogQuery
from bklog.query.moment import EARLIEST, LATEST
from bklog.query.outputs import Arrival
from bklog.records import Limits, Rows
from bklog.search.catalogue import FieldCatalogue
from bklog.search.service import select
from bklog.search.tail.messages import DROPPED_HINTS
from bklog.search.tail.position import Position
from bklog.search.tail.reading import Piece, list_arrivals, read_piece
from bklog.store import LogTable, Searching

LONGEST_DELAY_SECONDS: Final = 5  # Loki's own
Streams = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class LokiTail:
    """What is followed: a query as it is printed, in these spaces (none stands for all), without the blocked index sets."""

    query: str
    spaces: tuple[str, ...]
    without: frozenset[int]

    @property
    def index_set_id(self) -> int:
        return 0


@dataclass(frozen=True, slots=True)
class Opening:
    """What is told before anything comes in: the newest `limit` lines from `start` to `end`, in nanoseconds since 1970."""

    start: int
    end: int
    limit: int


def read_tail(parameters: Parameters, *, now: datetime) -> tuple[LogQuery, Opening]:
    """Raises BadRequest. `delay_for` is only checked: lines are told as they come, so that none is waited for."""
    expression = parse(one(parameters, "query"))
    if not isinstance(expression, LogQuery):
        raise BadRequest("only lines can be followed, not a metric", hint="ask for a metric again and again", code="loki_tail")
    require_lines(expression)
    delay = one(parameters, "delay_for", "0")
    if not delay.isascii() or not delay.isdigit() or int(delay[:9]) > LONGEST_DELAY_SECONDS:
        message = f"delay_for can't be greater than {LONGEST_DELAY_SECONDS}"
        raise BadRequest(message, hint="seconds, as a whole number", code="loki_tail")
    start, end = bounds(parameters, now=now)
    return expression, Opening(start, end, read_limit(parameters))


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the selector means at the moment, and what of each index set whoever follows may not see."""

    tables: tuple[LogTable, ...]
    masking: tuple[tuple[str, Masking], ...]


class LokiReader:
    """A Reading. Raises what a search raises."""

    notes = ()

    def __init__(
        self,
        query: str,
        index_sets: Sequence[NamedTables],
        *,
        store: Searching,
        catalogue: FieldCatalogue,
        limits: Limits,
    ) -> None:
        expression = parse(query)
        if not isinstance(expression, LogQuery):
            raise TypeError(f"{query} was not checked")
        self.query = query
        self._asked = expression
        self._limits = limits
        self._catalogue = catalogue
        self._index_sets = chosen(expression.matchers, index_sets)
        tables = tuple(table for each in self._index_sets for table in each.tables)
        self.source = Chosen(tables, tuple((each.name, each.masking) for each in self._index_sets))
        self._store = store.of(tables)
        self._sources = self._make_sources(EARLIEST, LATEST)

    def history(self, opening: Opening, arrived_by: int) -> Streams:
        """What arrived up to then (microseconds since 1970), oldest first."""
        sources = [
            replace(one, plan=replace(one.plan, arrived_by=arrived_by * 1_000))
            for one in self._make_sources(opening.start, opening.end)
        ]
        if not sources:
            return []
        statement = render_entries(sources, self._asked.stages, limit=opening.limit, newest_first=True)
        found = select(statement, self._store, self._limits)
        return streams(Rows(found.columns, found.rows[::-1], found.rows_read, found.bytes_read, found.seconds))

    def arrivals(self, since: int) -> list[Arrival]:
        tables = self.source.tables
        return list_arrivals(tables, since, store=self._store, limits=self._limits) if tables else []

    def read(self, arrivals: Sequence[Arrival], most_rows: int) -> Piece:
        """In the order of their times."""
        stages = self._asked.stages
        lines = render_arrived(self._sources, stages, arrivals, limit=most_rows)
        count = render_arrived_count(self._sources, stages, arrivals)
        return read_piece(lines, count, most_rows, store=self._store, limits=self._limits)

    def _make_sources(self, start: int, end: int) -> tuple[Source, ...]:
        return make_sources(self._asked, self._index_sets, start=start, end=end, catalogue=self._catalogue)


class LokiWording:
    """A Wording. Loki's clients know streams and dropped entries, and nothing else: `{"streams":[]}` is a sign of life.

    Why they are sent away is said as the connection is closed.
    """

    def event(self, name: str, content: Mapping[str, Any], position: Position | None = None) -> bytes:
        del name, content, position
        return b""

    def rows(self, lines: bytes, position: Position) -> bytes:
        del position
        return b'{"streams":[%s]}' % lines.removesuffix(b"\n").replace(b"\n", b",")

    def dropped(self, rows: int, reason: str, position: Position | None = None) -> bytes:
        """Which they are is not known, only how many: one entry says it of all."""
        del position
        labels = {"rows": str(rows), "reason": reason, "hint": DROPPED_HINTS[reason]}
        entry = {"timestamp": str(time.time_ns()), "labels": labels}
        return _message([], dropped_entries=[entry])

    def heartbeat(self, position: Position | None) -> bytes:
        del position
        return _message([])

    def failure(self, error: BklogError, *, name: str = "error") -> bytes:
        del error, name
        return b""


LOKI_WORDING: Final = LokiWording()


def opening_message(found: Streams) -> bytes:
    """Nothing where there is nothing."""
    return _message(found) if found else b""


def _message(found: Streams, **more: object) -> bytes:
    return json.dumps({"streams": found, **more}, ensure_ascii=False, separators=(",", ":")).encode()
