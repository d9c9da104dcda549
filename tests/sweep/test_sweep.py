"""A search that takes long, in slices: the rows of one statement, in its order, and a true account of what is covered."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bklog.query import UNMASKED, Plan, TableFields, parse, plan_count, plan_page, render
from bklog.query.plan import Order
from bklog.records import Limits, TimeRange
from bklog.search.failures import SearchCancelled, SearchTimeout, cancelled
from bklog.search.service import select
from bklog.search.sweep import Part, goes_on, joined, sweep
from bklog.search.union import Gathered, Source, gather
from bklog.store import LogTable
from tests.search.engine_store import EngineStore

BEGIN = datetime(2026, 11, 20, tzinfo=UTC)
RANGE = TimeRange(BEGIN, BEGIN + timedelta(days=1))
LIMITS = Limits(seconds=30, memory_bytes=1 << 30, result_rows=100_000)
TABLE = LogTable("swept", 3650)
ROWS = 700


@pytest.fixture(scope="module")
def store() -> EngineStore:
    made = EngineStore()
    made.create_table(TABLE)
    rows = [
        {"time": f"{BEGIN + timedelta(seconds=90 * (number // 3)):%Y-%m-%d %H:%M:%S}", "row": number, "log": f"line {number}"}
        for number in range(ROWS)
    ]
    made.insert(TABLE.name, rows)
    return made


class Slow:
    """The real engine, which finds a statement over more than `most` of the range too long, and takes a moment for others."""

    def __init__(self, store: EngineStore, *, most: timedelta, seconds: float = 0.0) -> None:
        self._store = store
        self._most = int(most.total_seconds() * 1e9)
        self._seconds = seconds
        self.asked: list[tuple[int, int]] = []

    def __call__(self, plan: Plan, limits: Limits) -> Gathered:
        self.asked.append((plan.start, plan.end))
        if plan.end - plan.start > self._most:
            raise SearchTimeout("too slow")
        time.sleep(self._seconds)
        return gather(plan, [TABLE], ask=lambda one, _, limits: select(render(one), self._store, limits), limits=limits)


def page(store: EngineStore, *, limit: int, order: Order = Order.NEWEST, cursor: Any = None) -> Plan:
    return plan_page(
        parse("line"),
        tables=[TableFields(store.table(TABLE.name), {})],
        time_range=RANGE,
        limit=limit,
        cursor=cursor,
        fields=None,
        masking=UNMASKED,
        order=order,
    )


def lines(part: Part) -> list[str]:
    rows = part.gathered.rows
    return [row[rows.columns.index("log")] for row in rows.rows]


@pytest.mark.parametrize("order", [Order.NEWEST, Order.OLDEST])
@pytest.mark.parametrize("limit", [10, 333, 1000])
@pytest.mark.parametrize("most_minutes", [10, 60, 700])
def test_slices_have_the_rows_of_one_statement_in_its_order(
    store: EngineStore, order: Order, limit: int, most_minutes: int
) -> None:
    plan = page(store, limit=limit, order=order)
    whole = list(sweep(plan, Slow(store, most=timedelta(days=2)), LIMITS, budget_seconds=None))
    assert (len(whole), whole[0].is_last) == (1, True)
    slow = Slow(store, most=timedelta(minutes=most_minutes))
    parts = list(sweep(plan, slow, LIMITS, budget_seconds=None))
    assert [line for part in parts for line in lines(part)] == lines(whole[0]) == lines(joined(plan, parts))
    assert [part.is_last for part in parts] == [*[False] * (len(parts) - 1), True]
    assert len(slow.asked) > 2 or limit == 10


def test_a_count_is_the_sum(store: EngineStore) -> None:
    known = [TableFields(store.table(TABLE.name), {})]
    plan = plan_count(parse("line"), tables=known, time_range=RANGE, masking=UNMASKED)
    parts = list(sweep(plan, Slow(store, most=timedelta(hours=2)), LIMITS, budget_seconds=None))
    assert joined(plan, parts).gathered.rows.rows == [(ROWS,)]
    assert len(parts) > 5


@pytest.mark.parametrize("order", [Order.NEWEST, Order.OLDEST])
def test_when_the_time_is_up_the_answer_says_what_it_covers_and_the_cursor_goes_on_behind_it(
    store: EngineStore, order: Order
) -> None:
    plan = page(store, limit=1000, order=order)
    every = lines(next(iter(sweep(plan, Slow(store, most=timedelta(days=2)), LIMITS, budget_seconds=None))))
    found: list[str] = []
    cursor, rounds = None, 0
    while True:
        slow = Slow(store, most=timedelta(minutes=30), seconds=0.06)
        plan = page(store, limit=1000, order=order, cursor=cursor)
        parts = list(sweep(plan, slow, LIMITS, budget_seconds=0.5))
        whole = joined(plan, parts)
        found += lines(whole)
        rounds += 1
        if whole.is_last:
            break
        assert whole.start > plan.start if order is Order.NEWEST else whole.end < plan.end
        cursor = goes_on(plan, whole)
    assert found == every
    assert rounds > 1


def test_nothing_is_covered_where_there_was_no_time(store: EngineStore) -> None:
    plan = page(store, limit=10)
    parts = list(sweep(plan, Slow(store, most=timedelta(0)), LIMITS, budget_seconds=0.3))
    whole = joined(plan, parts)
    assert (parts, whole.start, whole.end, whole.is_last, whole.gathered.rows.rows) == ([], plan.end, plan.end, False, [])


def test_without_a_budget_a_search_that_does_not_end_is_an_error(store: EngineStore) -> None:
    limits = Limits(seconds=0.4, memory_bytes=1 << 30, result_rows=1000)
    with pytest.raises(SearchTimeout, match=r"longer than 0\.4 seconds"):
        list(sweep(page(store, limit=1000), Slow(store, most=timedelta(minutes=5), seconds=0.1), limits, budget_seconds=None))


def test_what_is_no_matter_of_time_is_told_as_it_is(store: EngineStore) -> None:
    def broken(plan: Plan, limits: Limits) -> Gathered:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(sweep(page(store, limit=10), broken, LIMITS, budget_seconds=None))


def test_a_search_that_was_cancelled_while_some_had_answered_is_no_answer(store: EngineStore) -> None:
    whole = gather(page(store, limit=10), [TABLE], ask=lambda one, _, limits: select(render(one), store, limits), limits=LIMITS)

    def half(plan: Plan, limits: Limits) -> Gathered:
        return Gathered(whole.rows, (*whole.sources, Source("other", complete=False, error=cancelled())))

    with pytest.raises(SearchCancelled):
        list(sweep(page(store, limit=10), half, LIMITS, budget_seconds=None))
