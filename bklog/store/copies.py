"""Copies: how one table takes the place of another, in the ClickHouse dialect. What it says: `reclean.py`, `upkeep.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from bklog.errors import Unavailable
from bklog.records import Limits, Rows, Statement
from bklog.store import reclean, upkeep
from bklog.store.base import Chunks, LogTable, Piece, Rules
from bklog.store.schema import Layout

PIECE_BYTES: Final = 64 << 20  # of lines: what a piece needs in memory is several times as much
PIECE_MEMORY_BYTES: Final = 2 << 30
LIMITS: Final = Limits(seconds=300, memory_bytes=2 << 30, result_rows=100_000)
COPY_SETTINGS: Final[Mapping[str, Any]] = {
    "max_memory_usage": PIECE_MEMORY_BYTES,
    "max_partitions_per_insert_block": 0,
    "max_insert_threads": 1,
    "distributed_foreground_insert": 1,
    # Two tries of a piece may be of other rows, so that no token can name it: what is there already is left out by its name.
    "insert_deduplicate": 0,
}


class Command(Protocol):
    def __call__(
        self,
        sql: str,
        *,
        params: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Running:
    """A store's functions that run statements: rows as values, nothing, and rows as bytes of the engine's own form."""

    select: Callable[[Statement, Limits], Rows]
    command: Command
    read: Callable[[Statement, Mapping[str, Any]], Chunks]
    write: Callable[[str, Sequence[str], Chunks, Mapping[str, Any]], None]


class Copies:
    """Copying, in one store."""

    def __init__(self, layout: Layout, running: Running, *, seconds: float) -> None:
        self._layout = layout
        self._running = running
        self._settings = {**COPY_SETTINGS, "max_execution_time": seconds}

    def arrivals(self, table: LogTable, *, since: datetime, width: timedelta) -> dict[datetime, int]:
        rows = self._running.select(reclean.arrivals(table.name, since, width, self._layout), LIMITS).rows
        return {datetime.fromtimestamp(start, UTC): count for start, count in rows}

    def pieces(self, table: LogTable, start: datetime, *, width: timedelta) -> list[Piece]:
        statement = reclean.pieces(table.name, start, start + width, PIECE_BYTES, self._layout)
        return [
            Piece(_moment(first), _moment(last) + timedelta(microseconds=1), rows)
            for first, last, rows in self._running.select(statement, LIMITS).rows
        ]

    def count(self, table: LogTable, piece: Piece | None = None) -> int:
        return int(self._running.select(reclean.count(table.name, piece, self._layout), LIMITS).rows[0][0])

    def copy(self, piece: Piece, source: LogTable, target: LogTable, *, rules: Rules | None, kept_since: datetime) -> None:
        """Raises Unavailable while an insert into `target` runs: that of a program which was killed runs on for a moment."""
        if self.inserting(target):
            raise Unavailable(f"{target.name} is being written already", retry_after_seconds=2, code="copy_running")
        statement = reclean.copy(piece, source, target, rules, kept_since, self._layout)
        self._running.command(statement.text, params=statement.params, settings=self._settings)

    def read_piece(self, piece: Piece, table: LogTable) -> Chunks:
        settings = {"max_memory_usage": PIECE_MEMORY_BYTES, "wait_end_of_query": 1}  # half an answer must not look like one
        return self._running.read(reclean.read(piece, table, self._layout), settings)

    def write_piece(self, table: LogTable, chunks: Chunks) -> None:
        self._running.write(self._layout.table(table.name), reclean.NAMES, chunks, self._settings)

    def close_table(self, table: LogTable) -> None:
        self._running.command(upkeep.close(table.name, self._layout))

    def open_table(self, table: LogTable) -> None:
        self._running.command(upkeep.reopen(table.name, self._layout))

    def inserting(self, table: LogTable) -> int:
        return int(self._running.select(upkeep.inserting(table.name, self._layout), LIMITS).rows[0][0])

    def longest_insert(self, table: LogTable) -> float:
        return float(self._running.select(upkeep.inserting(table.name, self._layout), LIMITS).rows[0][1])

    def suspend_expiry(self, table: LogTable) -> None:
        expiries = self._running.select(upkeep.expiries(self._layout), LIMITS).rows
        if dict(expiries).get(upkeep.bare(table.name, self._layout)):
            self._running.command(upkeep.remove_expiry(table.name, self._layout))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
