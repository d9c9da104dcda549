"""Store: what the rest of the platform asks of a log store. One engine is behind it, chosen by `BKLOG_STORE_URL`.

    collect ──create/drop──▶ ┐
    ingest  ──insert_lines─▶ ├ Store ─▶ engine (ClickHouse dialect, over its HTTP interface)
    search  ──select───────▶ ┘

Errors: StoreError (the engine refused the statement), Unavailable (it does not answer; try again), Overloaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from bklog.clean import CleanRule
from bklog.records import Limits, Rows, Statement


@dataclass(frozen=True, slots=True)
class LogTable:
    """A collector's table: `name` is a bare identifier, `index` is full, bloom or none."""

    name: str
    retention_days: int
    index: str = "full"


@dataclass(frozen=True, slots=True)
class Source:
    """Where lines come from; each part may be empty."""

    host: str = ""
    path: str = ""
    stream: str = ""


@dataclass(frozen=True, slots=True)
class LineBatch:
    """Raw lines, each ended by a newline, valid UTF-8. `bounds` are the row numbers at which its requests end."""

    table: LogTable
    rule: CleanRule
    source: Source
    batch: UUID
    ingest_time: datetime
    body: bytes
    bounds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of one request of a batch, in lines. `marked` counts stored lines by parse error."""

    stored: int
    duplicate: int
    rejected: dict[str, int]
    marked: dict[str, int]


class Store(Protocol):
    def ping(self) -> str:
        """The engine's version. Raises Unavailable."""

    def migrate(self) -> list[str]:
        """Bring the store's own tables up to date; returns the migrations applied now."""

    def create_table(self, table: LogTable) -> None: ...

    def drop_table(self, table: LogTable) -> None: ...

    def insert_lines(self, batch: LineBatch) -> list[Stored]:
        """Clean and store a batch; returns when it survives a crash, one Stored per request of the batch."""

    def select(self, statement: Statement, limits: Limits) -> Rows: ...

    def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]], token: str) -> None:
        """Insert a few rows of the platform's own (ledger, rejects), once per `token`."""
