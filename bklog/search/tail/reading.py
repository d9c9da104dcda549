"""Reader: what a tail asks the store. Which inserts became visible, and of those the rows that match, as lines of JSON.

    since ─▶ arrivals (times and names only) ─ those not told yet ─▶ Piece(lines as the engine wrote them, shown, dropped)

A row's text is looked at once, when its insert is new; looking for new inserts reads three narrow columns of the last seconds.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from bklog.errors import QuerySyntax
from bklog.query import Masking, Plan, plan_page, render
from bklog.query.arrived import render_arrivals
from bklog.query.moment import EARLIEST, LATEST, SECOND
from bklog.query.outputs import Arrival, Arrived, ArrivedCount
from bklog.query.plan import Page
from bklog.records import Form, Limits, Statement, TimeRange, Writing
from bklog.records.timerange import EPOCH
from bklog.search.catalogue import FieldCatalogue
from bklog.search.reading import placed, read_request
from bklog.search.service import select
from bklog.search.tail.request import TailRequest
from bklog.store import LogTable, Searching

# Late rows are told too, so that no time of the rows themselves bounds what is read.
ALL_TIME: Final = TimeRange(EPOCH + timedelta(seconds=EARLIEST // SECOND), EPOCH + timedelta(seconds=LATEST // SECOND))
ARRIVALS: Final = 50_000  # most inserts that are listed at once
PIECE_ARRIVALS: Final = 200  # their names travel in the address of one statement
PIECE_ROWS: Final = 50_000  # what of them is shown is bounded by itself: a second's lines are one statement
PIECE_BYTES: Final = 4 << 20  # of lines that are shown at once: the rest of their inserts is counted


@dataclass(frozen=True, slots=True)
class Source:
    """An index set at the moment: its tables, and what whoever follows may not see of them."""

    tables: tuple[LogTable, ...]
    masking: Masking


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines of JSON, each ended by a newline; `dropped` rows matched and are not among them."""

    lines: bytes
    shown: int
    dropped: int


class Reader:
    """One question about an index set as it is. Raises QuerySyntax, BadRequest and Forbidden as a search does."""

    def __init__(
        self, request: TailRequest, source: Source, *, store: Searching, catalogue: FieldCatalogue, limits: Limits
    ) -> None:
        self.source = source
        self._limits = limits
        self._store = store.of(source.tables)
        asked = read_request(request.as_search(ALL_TIME))
        names = [*asked.fields, *(name for name in request.fields or () if name != "fields")]
        known = catalogue.describe(source.tables, names)
        try:
            self._plan = plan_page(
                asked.whole,
                tables=known,
                time_range=ALL_TIME,
                limit=1,
                cursor=None,
                fields=request.fields,
                masking=source.masking,
            )
        except QuerySyntax as error:
            raise placed(error, asked, known) from error
        self.query = str(asked.whole)
        self.notes = tuple(note.message for note in asked.text.notes)

    def arrivals(self, since: int) -> list[Arrival]:
        return list_arrivals(self.source.tables, since, store=self._store, limits=self._limits)

    def read(self, arrivals: Sequence[Arrival], most_rows: int) -> Piece:
        """In the order of their coming."""
        page, came = self._page, tuple(arrivals)
        lines = self._render(Arrived(came, page.columns, page.paths, most_rows))
        return read_piece(lines, self._render(ArrivedCount(came)), most_rows, store=self._store, limits=self._limits)

    def _render(self, output: Arrived | ArrivedCount) -> Statement:
        plan: Plan = replace(self._plan, output=output)
        return render(plan)

    @property
    def _page(self) -> Page:
        if not isinstance(self._plan.output, Page):
            raise TypeError(f"a tail cannot be planned as {type(self._plan.output).__name__}")
        return self._plan.output


def list_arrivals(tables: Sequence[LogTable], since: int, *, store: Searching, limits: Limits) -> list[Arrival]:
    statement = render_arrivals([store.table(table.name) for table in tables], since, limit=ARRIVALS)
    rows = select(statement, store, replace(limits, result_rows=ARRIVALS)).rows
    return [Arrival(time, UUID(batch), day, number) for time, batch, day, number in reversed(rows)]


def read_piece(lines: Statement, count: Statement, most_rows: int, *, store: Searching, limits: Limits) -> Piece:
    """`lines` asks for at most so many, `count` for the number of all; it is asked only where some are left out."""
    taken, is_whole = _lines(lines, store, limits) if most_rows else (b"", False)
    shown = taken.count(b"\n")
    if is_whole and shown < most_rows:
        return Piece(taken, shown, 0)
    rows = select(count, store, limits).rows
    return Piece(taken, shown, max(0, (int(rows[0][0] or 0) if rows else 0) - shown))


def _lines(statement: Statement, store: Searching, limits: Limits) -> tuple[bytes, bool]:
    """And whether they are all that was asked for: beyond PIECE_BYTES nothing is taken."""
    with closing(store.stream(statement, Writing(Form.RAW), limits)) as chunks:
        return _take(chunks, PIECE_BYTES)


def pieces(arrivals: Sequence[Arrival]) -> Iterator[tuple[Arrival, ...]]:
    """In their order, each piece of bounded size where an insert is not larger by itself."""
    piece: list[Arrival] = []
    rows = 0
    for one in arrivals:
        if piece and (len(piece) == PIECE_ARRIVALS or rows + one.rows > PIECE_ROWS):
            yield tuple(piece)
            piece, rows = [], 0
        piece.append(one)
        rows += one.rows
    if piece:
        yield tuple(piece)


def _take(chunks: Generator[bytes], most_bytes: int) -> tuple[bytes, bool]:
    """Whole lines of at most so many bytes, but at least one line; and whether that is all of them."""
    taken = bytearray()
    for chunk in chunks:
        taken += chunk
        if len(taken) > most_bytes and b"\n" in taken:
            end = taken.rfind(b"\n", 0, most_bytes) + 1 or taken.index(b"\n") + 1
            return bytes(taken[:end]), False
    return bytes(taken), True
