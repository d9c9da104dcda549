"""What goes first does not wait for what is long."""

from __future__ import annotations

import threading
import time

from bklog.errors import BklogError
from bklog.records import Limits, Statement
from bklog.store.clickhouse import ClickHouseStore
from bklog.store.precedence import precedence
from tests.store.conftest import StoreServer

LIMITS = Limits(seconds=60, memory_bytes=1 << 30, result_rows=1_000)
INDEXED = Limits(seconds=60, memory_bytes=1 << 30, result_rows=1_000, goes_first=True)
LONG = Limits(seconds=60, memory_bytes=1 << 30, result_rows=1_000, threads=1, mark="long-precedence")
ENDLESS = Statement("SELECT sum(sipHash64(number)) FROM numbers(1000000000000)")


def test_the_engine_takes_each_precedence(store: ClickHouseStore) -> None:
    asked = Statement("SELECT getSetting('priority'), getSetting('max_threads')")
    assert [store.select(asked, one).rows[0][0] for one in (INDEXED, LIMITS, LONG)] == [1, 2, 3]
    assert store.select(asked, LONG).rows[0][1] == 1


def test_who_goes_first_is_below_the_unknown_and_the_long() -> None:
    numbers = [precedence(one)["priority"] for one in (INDEXED, LIMITS, LONG)]
    assert numbers == sorted(set(numbers))


def test_a_long_statement_pauses_for_one_that_goes_first(store: ClickHouseStore, store_server: StoreServer) -> None:
    """Rows that a long statement gets through in a second, alone and beside one that goes first."""

    def progress(seconds: float) -> int:
        before = rows_read()
        time.sleep(seconds)
        return rows_read() - before

    def rows_read() -> int:
        sql = "SELECT max(read_rows) FROM system.processes WHERE Settings['priority'] = '3' FORMAT TSV"
        return int(store_server.run(sql))

    ended = threading.Event()

    def run(statement: Statement, limits: Limits) -> None:
        try:
            store.select(statement, limits)
        except BklogError:
            ended.set()

    long = threading.Thread(target=run, args=(ENDLESS, LONG))
    long.start()
    try:
        store_server.wait_until_running("sipHash64")
        alone = progress(1.0)
        first = threading.Thread(target=run, args=(Statement("SELECT sleepEachRow(0.25) FROM numbers(6)"), INDEXED))
        first.start()
        time.sleep(0.2)
        beside = progress(1.0)
        first.join(10)
    finally:
        assert store.cancel("long-precedence") == 1
        long.join(10)
    assert ended.is_set()
    assert beside < alone / 2
