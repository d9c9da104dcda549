"""Union: a plan over several collectors as one statement for each, asked at the same time, and one answer of them.

plan ─▶ one plan a collector ─ ask ─▶ Rows, or why there are none ─▶ merged in the order of the page, with the state of each

A collector whose store is away, or whose table was too slow, leaves an answer that says so; where none answers, it is an error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from heapq import merge
from itertools import islice
from typing import Any, Final
from uuid import UUID

from bklog.errors import BadRequest, BklogError
from bklog.query import Plan
from bklog.query.plan import Count, Order, Page
from bklog.records import Limits, Rows
from bklog.store import LogTable

AT_ONCE: Final = 4  # statements of one search; more would wait for each other in the engine
LEAST_SECONDS: Final = 0.05  # what the last of many gets to say that it had no time
_HALF: Final = (1 << 64) - 1
Ask = Callable[[Plan, LogTable, Limits], Rows]
Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Source:
    """What became of a collector in a search. `complete`: all of its range was considered; else `error` says why not."""

    collector: str
    complete: bool
    rows_read: int = 0
    error: BklogError | None = None

    def as_dict(self) -> dict[str, Any]:
        shown = {"collector": self.collector, "complete": self.complete, "rows_read": self.rows_read}
        if self.error is None:
            return shown
        return {**shown, "error": {"code": self.error.stable_code, "message": self.error.message, "hint": self.error.hint}}


@dataclass(frozen=True, slots=True)
class Gathered:
    rows: Rows
    sources: tuple[Source, ...]


def gather(plan: Plan, tables: Sequence[LogTable], *, ask: Ask, limits: Limits) -> Gathered:
    """The tables are those of the plan's scans. Raises BadRequest, and where no table answers, what the first one said."""
    if len(tables) == 1:
        rows = ask(plan, tables[0], limits)
        return Gathered(rows, (_source(tables[0], rows),))
    at_once = min(AT_ONCE, len(tables))
    deadline = time.monotonic() + limits.seconds
    share = replace(limits, memory_bytes=max(1, limits.memory_bytes // at_once))

    def answer(number: int) -> Rows | BklogError:
        left = max(LEAST_SECONDS, round(deadline - time.monotonic(), 1))  # rounded: a setting that stays costs nothing
        try:
            return ask(replace(plan, scans=(plan.scans[number],)), tables[number], replace(share, seconds=left))
        except BadRequest:
            raise
        except BklogError as error:
            return error

    with ThreadPoolExecutor(at_once, "search") as pool:
        begun = [pool.submit(copy_context().run, answer, number) for number in range(len(tables))]
        answers = [one.result() for one in begun]
    found = [one for one in answers if isinstance(one, Rows)]
    for one in answers:
        if not found and isinstance(one, BklogError):
            raise one
    return Gathered(merge_rows(plan, found), tuple(map(_source, tables, answers)))


def note_on(sources: Sequence[Source]) -> list[str]:
    """A sentence for each collector that is missing in an answer."""
    return [f"{one.collector} was not searched: {one.error.message}" for one in sources if one.error]


def merge_rows(plan: Plan, answers: Sequence[Rows]) -> Rows:
    """In the order that the engine would have given all of them, and no more than the page has."""
    columns = next((one.columns for one in answers if one.rows), ())  # an answer without rows names none
    match plan.output:
        case Count():
            rows: list[Row] = [(sum(int(one.rows[0][0]) for one in answers),)]
        case Page() as page:
            rows = list(islice(_in_order(page, columns, answers), page.limit))
        case other:
            raise TypeError(f"{type(other).__name__} cannot be merged from several answers")
    return Rows(
        columns=columns,
        rows=[tuple(row) for row in rows],
        rows_read=sum(one.rows_read for one in answers),
        bytes_read=sum(one.bytes_read for one in answers),
        seconds=max(one.seconds for one in answers),
    )


def _in_order(page: Page, columns: Sequence[str], answers: Sequence[Rows]) -> Iterator[Row]:
    if not columns:
        return iter(())
    moment, batch, row = (columns.index(name) for name in ("time_ns", "batch_text", "row"))

    def identity(one: Row) -> tuple[int, int, int, int]:
        """The engine compares the second half of a UUID first."""
        number = UUID(one[batch]).int
        return int(one[moment]), number & _HALF, number >> 64, int(one[row])

    return merge(*(one.rows for one in answers), key=identity, reverse=page.order is Order.NEWEST)


def _source(table: LogTable, answer: Rows | BklogError) -> Source:
    name = table.title or table.known_as
    if isinstance(answer, BklogError):
        return Source(name, complete=False, error=answer)
    return Source(name, complete=True, rows_read=answer.rows_read)
