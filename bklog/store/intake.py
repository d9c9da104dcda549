"""LineBatch -> what became of its lines: which statements, in which order, and their counts shared out to the requests.

keyed? ─▶ find_batch ─┬─▶ store_lines ─▶ count_lines ─(fewer than sent)─▶ keep_rejects ─▶ count_lines ─▶ one Stored a request
                      └─▶ all of it stands already: duplicates
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from bklog.records import Rows, Statement, Stored
from bklog.store.base import LineBatch
from bklog.store.schema import Layout
from bklog.store.statements import REJECTS, count_lines, find_batch, keep_rejects, store_lines

Counts = Mapping[tuple[int, str], int]  # (request from 1, parse error or reason) -> lines
NOTHING: Final[Counts] = {}


@dataclass(frozen=True, slots=True)
class Place:
    """A store as the intake sees it. `insert` takes a statement, its lines, and the token that makes it happen once."""

    layout: Layout
    select: Callable[[Statement], Rows]
    insert: Callable[[Statement, bytes, str], None]

    def count(self, batch: LineBatch, table: str) -> Counts:
        rows = self.select(count_lines(batch, table, self.layout)).rows
        return {(request, error): lines for request, error, lines in rows}

    def find(self, batch: LineBatch, table: str) -> tuple[str, int]:
        first, lines = self.select(find_batch(batch, table, self.layout)).rows[0]
        return str(first), int(lines)


@dataclass(frozen=True, slots=True)
class Intake:
    """`lines` is where the batch's table stands, `rejects` where refused lines are kept: often the same store."""

    lines: Place
    rejects: Place

    def take(self, batch: LineBatch) -> list[Stored]:
        return self._take_keyed(batch) if batch.keyed else self._insert(batch)

    def _take_keyed(self, batch: LineBatch) -> list[Stored]:
        found = self.lines.find(batch, batch.table.name), self.rejects.find(batch, REJECTS.name)
        lines = sum(count for _, count in found)
        if lines >= batch.bounds[-1]:
            return [Stored(0, batch.bounds[-1], {}, {})]
        return self._resume(batch, min(first for first, count in found if count)) if lines else self._insert(batch)

    def _resume(self, batch: LineBatch, first: str) -> list[Stored]:
        """A part of the batch stands already: the rest carries the same time, and so falls on the same days."""
        batch = replace(batch, ingest_time=datetime.fromisoformat(first).replace(tzinfo=UTC))
        before = self.lines.count(batch, batch.table.name), self.rejects.count(batch, REJECTS.name)
        return self._insert(batch, before=before)

    def _insert(self, batch: LineBatch, *, before: tuple[Counts, Counts] | None = None) -> list[Stored]:
        """`before`: what stands already of a batch that is resumed, in its table and among the refused lines."""
        resumed = before is not None
        stored_before, rejected_before = before or (NOTHING, NOTHING)
        self.lines.insert(store_lines(batch, self.lines.layout, resumed=resumed), batch.body, str(batch.batch))
        stored = _without(self.lines.count(batch, batch.table.name), stored_before)
        rejected: Counts = {}
        if sum(stored.values()) + sum(stored_before.values()) < batch.bounds[-1]:
            token = f"{batch.table.known_as}-{batch.batch}-rejects"
            self.rejects.insert(keep_rejects(batch, self.rejects.layout, resumed=resumed), batch.body, token)
            rejected = _without(self.rejects.count(batch, REJECTS.name), rejected_before)
        return _by_request(batch.bounds, stored, rejected)


def _without(counts: Counts, before: Counts) -> Counts:
    return {key: lines - before.get(key, 0) for key, lines in counts.items() if lines != before.get(key, 0)}


def _by_request(bounds: Sequence[int], stored: Counts, rejected: Counts) -> list[Stored]:
    """Share the counts out to the requests of a batch; what was neither stored now nor refused had been stored before."""
    kept: dict[int, int] = defaultdict(int)
    marked: dict[int, dict[str, int]] = defaultdict(dict)
    refused: dict[int, dict[str, int]] = defaultdict(dict)
    for (request, error), lines in stored.items():
        kept[request] += lines
        if error:
            marked[request][error] = lines
    for (request, reason), lines in rejected.items():
        refused[request][reason] = lines
    sizes = [end - start for start, end in zip((0, *bounds), bounds, strict=False)]
    return [
        Stored(kept[number], size - kept[number] - sum(refused[number].values()), refused[number], marked[number])
        for number, size in enumerate(sizes, start=1)
    ]
