"""Sweep: a plan, asked at once or, where that takes long, in slices of its time: from the first rows of its order on.

plan ─▶ as one statement, for a moment ─answered─▶ the only Part, complete
              └─ too slow ─▶ slice ─▶ slice … (longer while they are cheap) ─▶ Parts, until the page is full, or all is covered,
                                                                                or the time is up

Rows of slices, one after the other, are in the order of the page: each Part can be shown when it comes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from bklog.query import Cursor, Plan
from bklog.query.plan import Order, Page
from bklog.records import Limits, Rows
from bklog.search.failures import SearchCancelled, SearchTimeout, too_long
from bklog.search.pace import QUICK_SECONDS
from bklog.search.union import Gathered, Source

FIRST_SHARE: Final = 64  # of the range; slices grow while they are cheap
LEAST_WIDTH: Final = 1_000_000  # nanoseconds
FEW_ROWS: Final = 50_000
SLICE_SECONDS: Final = 1.0  # what a slice is to take: it holds a turn for so long, and progress is told as often
MOST_SECONDS: Final = 10.0
LEAST_SECONDS: Final = 0.05
LAST_UUID: Final = UUID(int=2**128 - 1)
LAST_ROW: Final = 2**32 - 1
Ask = Callable[[Plan, Limits], Gathered]


@dataclass(frozen=True, slots=True)
class Part:
    """`start` and `end`, in nanoseconds, are what is covered by now; `is_last`: nothing that was asked for is left."""

    gathered: Gathered
    start: int
    end: int
    is_last: bool


def sweep(plan: Plan, ask: Ask, limits: Limits, *, budget_seconds: float | None) -> Iterator[Part]:
    """Ends before the last part where the budget is used up. Raises SearchTimeout where there is none, and as `ask` does."""
    deadline = time.monotonic() + min(limits.seconds, budget_seconds or limits.seconds)
    quick = min(QUICK_SECONDS, deadline - time.monotonic())
    try:
        yield Part(_in_time(ask(plan, replace(limits, seconds=quick))), plan.start, plan.end, is_last=True)
    except SearchTimeout as error:
        slices = _Slices(plan, deadline)
        yield from slices.asked(ask, limits)
        if not slices.is_done and budget_seconds is None:
            raise too_long(limits) from error


def goes_on(plan: Plan, part: Part) -> Cursor:
    """Where the page that follows an unfinished one begins: behind what is covered."""
    if part.start == part.end and isinstance(plan.output, Page) and plan.output.cursor:
        return plan.output.cursor  # nothing is
    if _order(plan) is Order.OLDEST:
        return Cursor(part.end - 1, LAST_UUID, LAST_ROW, is_oldest_first=True)
    return Cursor(part.start, UUID(int=0), 0)


def joined(plan: Plan, parts: Sequence[Part]) -> Part:
    """All of them as one; none where the time was up before the first."""
    if len(parts) == 1:
        return parts[0]
    found = [part.gathered for part in parts]
    columns = next((one.rows.columns for one in found if one.rows.rows), ())
    if isinstance(plan.output, Page):
        rows = [row for one in found for row in one.rows.rows]
    else:
        rows = [(sum(int(one.rows.rows[0][0]) for one in found),)]
    read = (sum(one.rows.rows_read for one in found), sum(one.rows.bytes_read for one in found))
    sources = tuple(_whole(of_one) for of_one in zip(*(one.sources for one in found), strict=True))
    gathered = Gathered(Rows(columns, rows, *read, sum(one.rows.seconds for one in found)), sources)
    if not parts:
        edge = _first_edge(plan)
        return Part(gathered, edge, edge, is_last=False)
    return replace(parts[-1], gathered=gathered)


def _whole(sources: Sequence[Source]) -> Source:
    """A collector over all slices: what failed in one of them failed."""
    worst = next((one for one in sources if not one.complete), sources[-1])
    return replace(worst, rows_read=sum(one.rows_read for one in sources))


class _Slices:
    """What is left of a plan: from `edge` to the far end of its range, and of its page."""

    def __init__(self, plan: Plan, deadline: float) -> None:
        self._plan = plan
        self._deadline = deadline
        self._forwards = _order(plan) is Order.OLDEST
        self._edge = _first_edge(plan)
        self._width = max(LEAST_WIDTH, (plan.end - plan.start) // FIRST_SHARE)
        self._too_wide = plan.end - plan.start  # as one statement it was
        self._rows_left = plan.output.limit if isinstance(plan.output, Page) else None
        self.is_done = False

    def asked(self, ask: Ask, limits: Limits) -> Iterator[Part]:
        while not self.is_done and (left := self._deadline - time.monotonic()) > LEAST_SECONDS:
            began = time.monotonic()
            of_slice = replace(limits, seconds=round(min(left, MOST_SECONDS), 2), threads=1)
            try:
                gathered = _in_time(ask(self._slice(), of_slice))
            except SearchTimeout:
                if self._width <= LEAST_WIDTH:
                    return
                self._too_wide = self._width
                self._width = max(LEAST_WIDTH, self._width // 4)
                continue
            yield self._take(gathered, time.monotonic() - began)

    def _slice(self) -> Plan:
        start, end = self._bounds()
        output = self._plan.output
        if isinstance(output, Page) and self._rows_left is not None:
            output = replace(output, limit=self._rows_left)
        return replace(self._plan, start=start, end=end, output=output)

    def _bounds(self) -> tuple[int, int]:
        if self._forwards:
            return self._edge, min(self._plan.end, self._edge + self._width)
        return max(self._plan.start, self._edge - self._width), self._edge

    def _take(self, gathered: Gathered, seconds: float) -> Part:
        start, end = self._bounds()
        self._edge = end if self._forwards else start
        is_covered = self._edge == (self._plan.end if self._forwards else self._plan.start)
        if self._rows_left is not None:
            self._rows_left -= len(gathered.rows.rows)
        self.is_done = is_covered or self._rows_left == 0
        self._width = min(_next_width(self._width, seconds, gathered.rows.rows_read), max(LEAST_WIDTH, self._too_wide // 2))
        covered = (self._plan.start, self._edge) if self._forwards else (self._edge, self._plan.end)
        return Part(gathered, *covered, is_last=self.is_done)


def _first_edge(plan: Plan) -> int:
    """Where the rows begin that are asked for: of a page that follows another one, at the end of that one."""
    cursor = plan.output.cursor if isinstance(plan.output, Page) else None
    if _order(plan) is Order.OLDEST:
        return max(plan.start, cursor.time) if cursor else plan.start
    return min(plan.end, cursor.time + 1) if cursor else plan.end


def _next_width(width: int, seconds: float, rows_read: int) -> int:
    """What a statement costs that reads few rows would be the same for more: where all is slow, slices must not add to it."""
    if rows_read < FEW_ROWS:
        return width * 8
    if seconds < SLICE_SECONDS:
        return width * (4 if seconds < SLICE_SECONDS / 4 else 2)
    return max(LEAST_WIDTH, width // 2) if seconds > 2 * SLICE_SECONDS else width


def _in_time(gathered: Gathered) -> Gathered:
    """Of several collectors one may have been too slow: then all are asked again, for less. Raises SearchTimeout, and
    SearchCancelled where the search was cancelled while some had answered already.
    """
    for source in gathered.sources:
        if isinstance(source.error, SearchTimeout | SearchCancelled):
            raise source.error
    return gathered


def _order(plan: Plan) -> Order:
    return plan.output.order if isinstance(plan.output, Page) else Order.NEWEST
