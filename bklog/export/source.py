"""The rows of an export in the store: its plan, what it began with, and the checked file of one slice.

slice ─stream─▶ file ─rows written = rows that match?─▶ Part, else RowsDiffer
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from bklog.errors import BklogError, Retryable
from bklog.export.file import GrowingFile
from bklog.export.pack import Packed, Sink, StoppedError, pack
from bklog.export.parquet import read_tail
from bklog.export.slices import Slice, Slot
from bklog.query import Plan, render
from bklog.query.fields import Kind
from bklog.query.plan import Breaks, Count, Extract, Output, Spread
from bklog.records import MAIN_STORE, Compression, Form, Limits, Rows, Writing
from bklog.store import LogTable, Searching

WITHOUT_BREAKS: Final = (Kind.TIME, Kind.INT, Kind.FLOAT, Kind.BOOL)


class RowsDiffer(Retryable):
    code = "export_rows_differ"
    status = 502


class ChangedError(BklogError):
    """A table is gone, or is not what it was when the export began."""

    code = "export_tables_changed"
    status = 409


@dataclass(frozen=True, slots=True)
class Part:
    """`path` is None where the part stands in its place already."""

    path: Path | None
    rows: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Source:
    """`plan` is for all rows of the export; `tables` are those that it began with, each with its identity."""

    store: Searching
    limits: Limits
    plan: Plan
    form: Form
    compression: Compression
    tables: Mapping[str, str]
    most_bytes: int = 0

    @property
    def extract(self) -> Extract:
        if not isinstance(self.plan.output, Extract):
            raise TypeError(f"an export cannot be planned as {type(self.plan.output).__name__}")
        return self.plan.output

    def spread(self, start: int, end: int, width: int) -> tuple[list[Slot], int]:
        """The slots that have rows, oldest first, and when the last of the rows arrived (nanoseconds since 1970)."""
        rows = self._select(replace(self.plan, start=start, end=end, output=Spread(width))).rows
        slots = [Slot(start + slot * width, min(end, start + (slot + 1) * width), number) for slot, number, _ in rows]
        return slots, max((arrived for _, _, arrived in rows), default=0)

    def write(self, one: Slice, path: Path, *, is_first: bool, stopped: threading.Event) -> Part:
        """Raises RowsDiffer, StoppedError, OSError, StoreError, Unavailable, Overloaded."""
        with path.open("wb") as file:
            packed = self._pack(one, file, is_first=is_first, stopped=stopped)
        found = read_tail(path).rows if self.form is Form.PARQUET else self._lines(packed, is_first=is_first)
        return Part(path, self._checked(one, found), packed.size_bytes)

    def pour(self, one: Slice, file: GrowingFile, *, is_first: bool, stopped: threading.Event) -> Part:
        """As `write`, straight to where it belongs; not for Parquet, whose rows are counted by its end."""
        is_engines = self.store.shares_files and self.compression is Compression.NONE
        fill = self._append if is_engines else self._pack
        packed = fill(one, file, is_first=is_first, stopped=stopped)
        return Part(None, self._checked(one, self._lines(packed, is_first=is_first)), packed.size_bytes)

    def _append(self, one: Slice, file: GrowingFile, *, is_first: bool, stopped: threading.Event) -> Packed:
        """By the engine itself: the file is read behind it."""
        writing = Writing(self.form, self.compression, names=is_first)
        statement = render(one.of(self.plan, self.extract))
        ticks = self.store.stream_into(statement, writing, self.limits, name=file.name, at=file.size_bytes)
        with closing(ticks):
            return file.follow(_until(stopped, ticks))

    def _pack(self, one: Slice, out: Sink, *, is_first: bool, stopped: threading.Event) -> Packed:
        writing = Writing(self.form, self.compression, names=is_first)
        packing = Compression.NONE if self.form is Form.PARQUET else self.compression
        with closing(self.store.stream(render(one.of(self.plan, self.extract)), writing, self.limits)) as chunks:
            return pack(chunks, out, packing, stopped, most_bytes=self.most_bytes)

    def _lines(self, packed: Packed, *, is_first: bool) -> int:
        return packed.breaks - (self._head_lines() if is_first else 0)

    def _checked(self, one: Slice, found: int) -> int:
        return found if found == one.rows else self._explain(one, found)

    def require_same_tables(self) -> None:
        """Raises ChangedError."""
        require_same_tables(self.store, self.tables)

    def _head_lines(self) -> int:
        return 1 + sum(shown.name.count("\n") for shown in self.extract.columns) if self.form is Form.CSV else 0

    def _explain(self, one: Slice, found: int) -> int:
        """Values may hold line breaks, and rows may have come or expired since the slices were made: what matches now?"""
        matching = self.number(one, Count())
        rows = min(matching, one.rows) if one.is_cut else matching
        breaks = self._breaks(one) if found != rows and self.form in (Form.CSV, Form.RAW) else 0
        # Of a slice that is cut the breaks of the rows beyond the limit are not in the file.
        fits = rows <= found <= rows + breaks if one.is_cut else found == rows + breaks
        if not fits:
            raise RowsDiffer(
                f"the store wrote {found} lines for {rows} rows with {breaks} line breaks in them",
                hint="the slice is asked for again; where it stays, look into the log of the store",
                retry_after_seconds=5,
            )
        return rows

    def _breaks(self, one: Slice) -> int:
        columns = tuple(shown for shown in self.extract.columns if shown.is_text or shown.target.kind not in WITHOUT_BREAKS)
        return self.number(one, Breaks(columns)) if columns else 0

    def number(self, one: Slice, output: Output) -> int:
        rows = self._select(replace(self.plan, start=one.start, end=one.end, output=output)).rows
        return int(rows[0][0] or 0) if rows else 0

    def _select(self, plan: Plan) -> Rows:
        return self.store.select(render(plan), self.limits)


def _until(stopped: threading.Event, ticks: Iterable[bytes]) -> Iterator[bytes]:
    for tick in ticks:
        if stopped.is_set():
            raise StoppedError
        yield tick


def require_same_tables(store: Searching, identities: Mapping[str, str]) -> None:
    """Raises ChangedError."""
    for name, identity in identities.items():
        if store.identity(name) != identity:
            raise ChangedError(f"the table {name} was replaced or changed", hint="try again when it stays as it is")


def freeze(tables: Sequence[LogTable], store: Searching) -> list[dict[str, Any]]:
    """What of the tables an export keeps in its row: all that planning needs, where they stand, and their identity."""
    return [
        {
            "name": table.name,
            "retention_days": table.retention_days,
            "index": table.index,
            "types": dict(table.types),
            "store": table.store,
            "identity": store.identity(table.name),
        }
        for table in tables
    ]


def thaw(frozen: Sequence[Mapping[str, Any]]) -> list[LogTable]:
    return [
        LogTable(one["name"], one["retention_days"], one["index"], one["types"], store=one.get("store", MAIN_STORE))
        for one in frozen
    ]
