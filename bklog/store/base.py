"""Store: what the rest of the platform asks of a log store. One engine is behind it, chosen by `BKLOG_STORE_URL`.

    collect ──create, drop, usage ─▶ Keeping   ┐
    ingest  ──insert_lines ────────▶ Taking    ├ Store ─▶ engine (ClickHouse dialect, over its HTTP interface)
    search  ──select ──────────────▶ Searching ┘

Errors: StoreError (the engine refused the statement), Unavailable (it does not answer; try again), Overloaded.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

from bklog.clean import CleanRule
from bklog.records import MAIN_STORE, Limits, Rows, Statement, Stored, Writing

Chunks = Generator[bytes, None, None]
TABLE_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class LogTable:
    """A collector's table: `name` is a bare identifier, `index` is full, bloom or none, `types` its typed fields.

    A table that took the place of another one goes on under that one's `account`: the name in the ledger, in the ids of
    batches and beside refused lines. `store` names the store where it stands, `title` is what people know it by.
    """

    name: str
    retention_days: int
    index: str = "full"
    types: Mapping[str, str] = field(default_factory=dict)
    account: str = ""
    store: str = MAIN_STORE
    title: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not TABLE_NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no table name")

    @property
    def known_as(self) -> str:
        return self.account or self.name


@dataclass(frozen=True, slots=True)
class Source:
    """Where lines come from; each part may be empty."""

    host: str = ""
    path: str = ""
    stream: str = ""


@dataclass(frozen=True, slots=True)
class Attached:
    """What a sender says of all lines of a request: `constants` become fields of each, `first_line` numbers them.

    With `first_line` each line also gets the field `line_number`: the line's place in its file, not in the batch.
    """

    constants: str = ""  # the text of a JSON object, or empty
    first_line: int | None = None

    def __bool__(self) -> bool:
        return bool(self.constants) or self.first_line is not None


NOTHING_ATTACHED: Final = Attached()


@dataclass(frozen=True, slots=True)
class LineBatch:
    """Raw lines, separated by newlines. `bounds` are the row numbers at which its requests end: the last is the line count."""

    table: LogTable
    rule: CleanRule
    source: Source
    batch: UUID
    ingest_time: datetime
    body: bytes
    bounds: tuple[int, ...]
    max_line_bytes: int
    keyed: bool  # the sender named the batch, and may send it again
    attached: Attached = NOTHING_ATTACHED


@dataclass(frozen=True, slots=True)
class TableUsage:
    """What a table takes on the disks of all nodes; `oldest_day` of a table that is partitioned by day and has rows."""

    table: str
    parts: int
    rows: int
    size_bytes: int
    oldest_day: date | None


@dataclass(frozen=True, slots=True)
class Piece:
    """The rows of a table that arrived from `start` to before `end`, and how many they are."""

    start: datetime
    end: datetime
    rows: int


@dataclass(frozen=True, slots=True)
class Rules:
    """By what rows were read from their lines, and by what they are read anew."""

    before: CleanRule
    after: CleanRule


@dataclass(frozen=True, slots=True)
class Disk:
    host: str
    name: str
    free_bytes: int
    total_bytes: int


class Searching(Protocol):
    """What a search needs."""

    def of(self, tables: Iterable[LogTable]) -> Searching:
        """What selects from all of these tables. Raises BadRequest (`several_stores`) where they stand in different ones."""

    def select(self, statement: Statement, limits: Limits) -> Rows: ...

    def table(self, name: str) -> str:
        """The quoted name under which statements select from a table."""

    def stream(self, statement: Statement, writing: Writing, limits: Limits) -> Generator[bytes]:
        """The rows as the engine writes them, in chunks. Raises also at the end, where they are not all there."""

    @property
    def shares_files(self) -> bool:
        """Whether `stream_into` is there: the store stands on the machine of those who ask it."""

    def stream_into(self, statement: Statement, writing: Writing, limits: Limits, *, name: str, at: int) -> Generator[bytes]:
        """As `stream`, but the engine itself puts the bytes into a file that is there, below the folder of exports, after its
        first `at` bytes; what stands beyond goes before the first chunk comes. The chunks are nothing but signs of life.
        """

    def cancel(self, mark: str) -> int:
        """Stop the statements that run with this mark in their limits; how many there were."""

    def identity(self, table: str) -> str:
        """Changes when another table takes the name, or a column changes; empty where there is no such table."""


class Taking(Protocol):
    """What the ingest service needs."""

    def insert_lines(self, batch: LineBatch) -> list[Stored]:
        """Clean and store a batch; returns when it survives a crash, one Stored per request of the batch."""

    def insert_rows(self, table: str, rows: Sequence[Mapping[str, Any]], *, token: str) -> None:
        """Insert a few rows of the platform's own (the ledger), once per `token`."""


class Keeping(Protocol):
    """What keeps tables: that they are there, what they take, what leaves them, and the ledger of what came."""

    def places(self) -> Mapping[str, Keeping]:
        """Each store by its name."""

    def create_table(self, table: LogTable) -> None: ...

    def drop_table(self, table: LogTable) -> None: ...

    def ledger(self, table: str, *, since: datetime) -> dict[str, Any]:
        """The sums of a table's ledger: requests, received, stored, duplicate, rejected_by_reason, marked, size_bytes."""

    def ledgers(self, *, since: datetime) -> list[dict[str, Any]]:
        """The sums of every table that received something, as of `ledger`; rejected and marked without their reasons."""

    def usage(self) -> list[TableUsage]:
        """Every table of the platform that has rows."""

    def disks(self) -> list[Disk]: ...

    def expiry_days(self) -> dict[str, int]:
        """Table → the days after which its rows expire, 0 for never, as the store has it."""

    def set_expiry(self, table: LogTable) -> None:
        """Let rows expire after the table's `retention_days`."""

    def drop_days(self, table: LogTable, *, before: date) -> list[date]:
        """Drop whole days of rows; returns those that were there."""

    def roll_up_ledger(self, *, before: date) -> list[date]:
        """Sum the ledger's days before this one by the hour; returns the days done now. Its sums stay as they are."""


class Copying(Protocol):
    """What lets one table take the place of another, in the same store or in two, while lines go on coming."""

    def arrivals(self, table: LogTable, *, since: datetime, width: timedelta) -> dict[datetime, int]:
        """Starts of spans of so many seconds → the rows that arrived in each; of the first those since `since`."""

    def pieces(self, table: LogTable, start: datetime, *, width: timedelta) -> list[Piece]:
        """The rows that arrived in a span, in pieces of bounded size."""

    def count(self, table: LogTable, piece: Piece | None = None) -> int: ...

    def copy(self, piece: Piece, source: LogTable, target: LogTable, *, rules: Rules | None, kept_since: datetime) -> None:
        """Put into `target` what it lacks of the piece, read anew by `rules`, or as it is. Both stand in this store."""

    def read_piece(self, piece: Piece, table: LogTable) -> Chunks:
        """The piece's rows, for `write_piece`, possibly of another store."""

    def write_piece(self, table: LogTable, chunks: Chunks) -> None: ...

    def close_table(self, table: LogTable) -> None:
        """From now on it takes no line: inserts raise Unavailable (`table_closed`). Its rows can be read as before."""

    def open_table(self, table: LogTable) -> None: ...

    def inserting(self, table: LogTable) -> int:
        """Inserts into the table that run: those which began before it was closed may still add rows."""

    def longest_insert(self, table: LogTable) -> float:
        """For how many seconds the oldest insert into the table runs; 0 where none does."""

    def suspend_expiry(self, table: LogTable) -> None:
        """Let no row expire until `set_expiry` says otherwise."""


class Store(Searching, Taking, Keeping, Protocol):
    """All of it, as an entry point opens it; what it hands on is the part that the feature needs."""

    def ping(self) -> str:
        """The engine's version. Raises Unavailable."""

    def migrate(self) -> list[str]:
        """Bring the store's own tables up to date; returns the migrations applied now."""

    def copying(self, table: LogTable) -> Copying:
        """How rows are copied from and into a table, in the store where it stands."""
