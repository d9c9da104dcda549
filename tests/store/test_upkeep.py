"""What keeps the store in order, against the real store: sums that do not change, sizes, days that expire."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import uuid4

import pytest

from bklog.records import Statement
from bklog.store import LogTable, upkeep
from bklog.store.clickhouse import LOOKUP_LIMITS, ClickHouseStore, _insert_settings
from bklog.store.schema import Layout
from tests.engine import ENGINE

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
TODAY = datetime.now(UTC).date()
SHOP = LogTable("c1_shop", 30)


def entry(day: date, number: int, table: str = "c1_shop") -> dict[str, Any]:
    return {
        "time": f"{day} {number % 24:02}:{number % 60:02}:07.123",
        "table": table,
        "batch": str(uuid4()),
        "host": f"h{number % 5}",
        "received": number + 3,
        "stored": number,
        "duplicate": 1,
        "rejected": {"too_old": 1, f"reason-{number % 2}": 1},
        "marked": {"not_json": number % 3},
        "bytes": number * 10,
    }


def fill(store: ClickHouseStore, days: int, *, per_day: int = 200) -> None:
    for age in range(days):
        rows = [
            entry(TODAY - timedelta(days=age), number, table) for number in range(per_day) for table in ("c1_shop", "c2_web")
        ]
        store.insert_rows("ledger", rows, token=uuid4().hex)


def sums(store: ClickHouseStore) -> list[Any]:
    """Since a full hour: an interval that begins within an hour which is rolled up has none of it."""
    moments = (LONG_AGO, datetime.combine(TODAY - timedelta(days=3), time(9), UTC))
    return [store.ledger(table, since=since) for table in ("c1_shop", "c2_web") for since in moments] + store.ledgers(
        since=LONG_AGO
    )


def count(store: ClickHouseStore, table: str) -> int:
    return int(store.select(Statement(f"SELECT count() FROM {store.table(table)}"), LOOKUP_LIMITS).rows[0][0])


def test_a_ledger_that_is_rolled_up_has_the_sums_that_it_had_and_fewer_rows(store: ClickHouseStore) -> None:
    fill(store, 75)
    before = sums(store)
    assert before[0]["requests"] == 75 * 200
    border = TODAY - timedelta(days=7)

    assert len(store.roll_up_ledger(before=border)) == 75 - 8
    assert sums(store) == before
    assert count(store, "ledger_hours") == (75 - 8) * 24 * 2
    assert store.roll_up_ledger(before=border) == []
    assert sums(store) == before
    assert count(store, "ledger") == 8 * 200 * 2, "what was rolled up before is gone"

    fill(store, 1)
    assert store.roll_up_ledger(before=border + timedelta(days=1)) == [border]
    assert sums(store)[0]["requests"] == 76 * 200


@pytest.mark.parametrize("steps", range(4))
def test_a_roll_up_that_is_killed_anywhere_changes_no_sum(
    store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    fill(store, 12, per_day=20)
    store.roll_up_ledger(before=TODAY - timedelta(days=9))
    before = sums(store)
    left = [steps]
    command = store._command

    def until_killed(sql: str, **more: Any) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        command(sql, **more)

    monkeypatch.setattr(store, "_command", until_killed)
    with pytest.raises(KeyboardInterrupt):
        store.roll_up_ledger(before=TODAY - timedelta(days=2))
    monkeypatch.undo()
    assert sums(store) == before
    store.roll_up_ledger(before=TODAY - timedelta(days=2))
    assert sums(store) == before


def test_the_same_day_twice_at_once_is_summed_once(store: ClickHouseStore) -> None:
    fill(store, 10, per_day=20)
    before = sums(store)
    day = TODAY - timedelta(days=9)
    for _ in range(2):
        statement = upkeep.roll_day(day, store._layout)
        store._command(statement.text, params=statement.params, settings=_insert_settings(f"ledger-{day}", 60))
    assert sums(store) == before


def test_a_table_says_what_it_takes_and_since_when(store: ClickHouseStore) -> None:
    store.create_table(SHOP)
    assert "c1_shop" not in {one.table for one in store.usage()}
    rows = [
        {"time": f"{TODAY - timedelta(days=age)} 00:00:01", "batch": str(uuid4()), "row": 0, "log": f"line {age}"}
        for age in (0, 3, 5)
    ]
    store.insert_rows("c1_shop", rows, token=uuid4().hex)
    found = next(one for one in store.usage() if one.table == "c1_shop")
    assert (found.rows, found.oldest_day) == (3, TODAY - timedelta(days=5))
    assert found.size_bytes > 0


def test_the_disks_are_those_of_the_store(store: ClickHouseStore) -> None:
    (disk,) = store.disks()
    assert 0 < disk.free_bytes < disk.total_bytes


def test_days_that_should_be_gone_are_dropped_and_no_others(store: ClickHouseStore) -> None:
    store.create_table(SHOP)
    days = [TODAY - timedelta(days=age) for age in (0, 28, 29)]
    rows = [{"time": f"{day} 00:00:01", "batch": str(uuid4()), "row": 0, "log": str(day)} for day in days]
    store.insert_rows("c1_shop", rows, token=uuid4().hex)
    assert store.drop_days(SHOP, before=days[1]) == [days[2]]
    assert count(store, "c1_shop") == 2
    assert store.drop_days(SHOP, before=days[1]) == []


def test_an_expiry_is_read_and_changed(store: ClickHouseStore) -> None:
    store.create_table(SHOP)
    assert store.expiry_days()["c1_shop"] == 30
    assert store.expiry_days()["schema_migrations"] == 0
    store.set_expiry(LogTable("c1_shop", 9))
    assert store.expiry_days()["c1_shop"] == 9


@pytest.mark.parametrize("name", ["usage", "disks", "expiries", "last_rolled_day"])
def test_a_cluster_is_asked_with_statements_that_the_engine_knows(name: str) -> None:
    statement = getattr(upkeep, name)(Layout(database="logs", cluster="main"))
    assert ENGINE.rows(f"EXPLAIN AST {statement.text}", {"database": "logs"})


@pytest.mark.parametrize("partition", ["tuple()", "2026-01-01' ON CLUSTER x", ""])
def test_a_partition_that_is_no_day_is_not_dropped(partition: str) -> None:
    with pytest.raises(ValueError, match="no day"):
        upkeep.drop_partition("c1_shop", partition, Layout())
