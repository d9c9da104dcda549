"""A plan for all rows → slices of it: pieces of time with a bounded number of rows each, in the order of the file.

    range ─count(range / SLOTS)─▶ slots ─(one with too many rows is divided again)─▶ pieces of about `rows` ─limit─▶ slices

Slices share no moment and leave none out, so that the rows of all slices, one after the other, are those of one statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bklog.query.plan import Extract, Order, Plan

SLOTS: Final = 1000


@dataclass(frozen=True, slots=True)
class Slot:
    """Rows that match in `start <= time < end`, in nanoseconds since 1970."""

    start: int
    end: int
    rows: int


@dataclass(frozen=True, slots=True)
class Slice:
    """`rows` matched when the export began; with `is_cut` they are not all: the export's limit falls into the slice."""

    start: int
    end: int
    rows: int
    is_cut: bool = False

    def of(self, plan: Plan, extract: Extract) -> Plan:
        limit = self.rows if self.is_cut else None
        return replace(plan, start=self.start, end=self.end, output=replace(extract, limit=limit))

    def as_list(self) -> list[int]:
        return [self.start, self.end, self.rows, int(self.is_cut)]

    @classmethod
    def from_list(cls, stored: Sequence[int]) -> Slice:
        start, end, rows, is_cut = stored
        return cls(start, end, rows, bool(is_cut))


Count = Callable[[int, int, int], Sequence[Slot]]  # start, end, width → the slots of the range that have rows, oldest first


def divide(start: int, end: int, first: Sequence[Slot], *, rows: int, count: Count) -> list[Slice]:
    """Oldest first. A moment that has more than `rows` rows is not divided: the engine streams it all the same."""
    packed: list[Slice] = []
    at, held = start, 0
    for slot in _fine(first, rows, count):
        if held and held + slot.rows > rows:
            packed.append(Slice(at, slot.start, held))
            at, held = slot.start, 0
        held += slot.rows
    return [*packed, Slice(at, end, held)]


def _fine(slots: Sequence[Slot], rows: int, count: Count) -> Iterator[Slot]:
    for slot in slots:
        if slot.rows <= rows or slot.end - slot.start <= 1:
            yield slot
        else:
            yield from _fine(count(slot.start, slot.end, width_of(slot.start, slot.end)), rows, count)


def width_of(start: int, end: int) -> int:
    return max(1, -(-(end - start) // SLOTS))


def take(slices: Sequence[Slice], *, order: Order, limit: int) -> list[Slice]:
    """In the order of the file, and of them what the limit lets through; at least one, which then has no rows."""
    ordered = list(reversed(slices)) if order is Order.NEWEST else list(slices)
    taken: list[Slice] = []
    left = limit
    for one in ordered:
        if left <= 0 and taken:
            break
        taken.append(one if one.rows <= left else replace(one, rows=left, is_cut=True))
        left -= one.rows
    return taken
