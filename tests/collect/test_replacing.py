"""One table takes the place of another while lines come in: every acknowledged line is there once, before, during and after."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from bklog.clean import CleanRule
from bklog.collect import replacing
from bklog.collect.actions import create_collector
from bklog.collect.drafts import Draft
from bklog.collect.models import Collector, ReplacedTable, Replacement
from bklog.collect.orphans import check_orphans
from bklog.collect.replacing import Change
from bklog.collect.retention import check_retention
from bklog.errors import BadRequest, Overloaded, StoreError, Unavailable
from bklog.ingest.commit import Request, batch_id
from bklog.ingest.destination import Destination
from bklog.records import MAIN_STORE, Limits, Statement, StoreAddress
from bklog.store import LineBatch, LogTable, Source
from bklog.store import copies as copies_module
from bklog.store.clickhouse import ClickHouseStore
from bklog.store.routed import RoutedStore
from tests.store.conftest import StoreServer
from tests.store.conftest import store as store  # noqa: PLC0414 - a fixture
from tests.store.conftest import store_server as store_server  # noqa: PLC0414 - a fixture

pytestmark = pytest.mark.django_db
TEXT = CleanRule("text")
JSON = CleanRule("json", types={"number": "int"}, time_field="ts")
LIMITS = Limits(seconds=60, memory_bytes=2 << 30, result_rows=1_000_000)
NOW = datetime.now(UTC)


@pytest.fixture
def both(store: ClickHouseStore, store_server: StoreServer) -> Iterator[RoutedStore]:
    """Two stores; between them rows go over the network, wherever they stand."""
    name = f"far_{uuid4().hex[:8]}"
    far = ClickHouseStore(StoreAddress("127.0.0.1", store_server.port, database=name), rejects=store)
    yield RoutedStore({MAIN_STORE: store, "far": far})
    store_server.run(f"DROP DATABASE IF EXISTS {name} SYNC")


@pytest.fixture
def shop(both: RoutedStore) -> Collector:
    return create_collector(Draft("shop", 30, rule=TEXT), store=both)


def lines(sender: int, number: int, count: int = 20) -> bytes:
    at = NOW.isoformat()
    return "\n".join(f'{{"ts": "{at}", "sender": {sender}, "number": {number * count + n}}}' for n in range(count)).encode()


def line_batch(table: LogTable, rule: CleanRule, key: str, body: bytes) -> LineBatch:
    count = body.count(b"\n") + 1
    named = batch_id(Request(Destination("shop", table, rule, quiet=True), rule, Source(), body, count, key))
    return LineBatch(table, rule, Source("h"), named, datetime.now(UTC), body, (count,), 10_000, keyed=True)


def put(store: RoutedStore, collector: Collector, key: str, body: bytes) -> Any:
    return store.insert_lines(line_batch(collector.log_table, collector.rule, key, body))[0]


def change(collector: Collector, **about: Any) -> Change:
    return replace(Change(collector.rule, collector.index, collector.store), **about)


def begin(collector: Collector, **about: Any) -> Replacement:
    return replacing.begin(collector, change(collector, **about), begun_by="test")


def numbers(store: RoutedStore, collector: Collector) -> list[tuple[int, int]]:
    """(sender, number) of each line, from the line itself."""
    place = store.of([collector.log_table])
    extract = "JSONExtractInt(log, 'sender'), JSONExtractInt(log, 'number')"
    rows = place.select(Statement(f"SELECT {extract} FROM {place.table(collector.table)}"), LIMITS).rows
    return sorted((sender, number) for sender, number in rows)


def run(replacement: Replacement, store: RoutedStore, **how: Any) -> float | None:
    replacing.prepare(replacement, store=store)
    while not replacing.fill(replacement, store=store, seconds=60).is_ready:
        pass
    return replacing.swap(replacement, store=store, **how)


class Senders:
    """Threads that send keyed batches, keep each until it is acknowledged, and look the collector up only now and then."""

    def __init__(self, store: RoutedStore, known: list[tuple[LogTable, CleanRule]], count: int = 3) -> None:
        self.acknowledged: list[tuple[int, int]] = []
        self.refused = 0
        self._store, self._known = store, known
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(count)]

    def __enter__(self) -> Senders:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _send(self, sender: int) -> None:
        number, (table, rule) = 0, self._known[-1]
        while not self._stop.is_set():
            try:
                self._store.insert_lines(line_batch(table, rule, f"{sender}-{number}", lines(sender, number)))
            except (Unavailable, Overloaded):
                self.refused += 1
                time.sleep(0.1)
                table, rule = self._known[-1]
                continue
            self.acknowledged += [(sender, number * 20 + n) for n in range(20)]
            number += 1


@pytest.mark.parametrize(
    "wanted",
    [{"rule": JSON}, {"index": "none"}, {"store": "far"}, {"store": "far", "rule": JSON}],
    ids=" ".join,
)
def test_lines_that_come_before_during_and_after_the_swap_are_there_once(
    both: RoutedStore, shop: Collector, wanted: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies_module, "PIECE_BYTES", 300_000)
    known = [(shop.log_table, shop.rule)]
    for number in range(60):
        put(both, shop, f"before-{number}", lines(9, number))
    with Senders(both, known) as senders:
        time.sleep(1)
        closed_seconds = run(begin(shop, **wanted), both)
        shop = Collector.objects.get(pk=shop.pk)
        time.sleep(0.3)
        known.append((shop.log_table, shop.rule))
        time.sleep(0.7)
    assert closed_seconds is not None
    assert closed_seconds < 10
    assert senders.refused, "the closed table refused somebody"
    expected = sorted([*senders.acknowledged, *((9, number) for number in range(1200))])
    assert numbers(both, shop) == expected
    assert {getattr(shop, name) for name in wanted if name != "rule"} <= {"none", "far"}
    again = put(both, shop, "before-7", lines(9, 7))
    assert (again.stored, again.duplicate) == (0, 20), "a batch of before is known in the new table"
    assert shop.log_table.known_as == "c" + f"{shop.pk}_shop" != shop.table


def test_searches_see_the_old_rows_or_the_new_never_both_and_never_none(both: RoutedStore, shop: Collector) -> None:
    put(both, shop, "one", lines(1, 0, 500))
    seen: list[int] = []
    old = shop.log_table
    with Looking(both, old, seen):
        run(begin(shop, rule=JSON), both)
        time.sleep(0.2)
    assert set(seen) == {500}, "who looks at the old table after the swap finds what was there"
    shop = Collector.objects.get(pk=shop.pk)
    assert len(numbers(both, shop)) == 500
    assert replacing.old_tables(keep_seconds=60) == []
    assert both.select(Statement(f"SELECT count() FROM {both.table(old.name)}"), LIMITS).rows[0][0] == 500
    replacing.drop_all_replaced(shop.pk, store=both)
    with pytest.raises(StoreError) as gone:
        both.select(Statement(f"SELECT count() FROM {both.table(old.name)}"), LIMITS)
    assert gone.value.stable_code == "table_gone"
    replacing.settle(shop, store=both)
    assert both.expiry_days()[shop.table] == 30, "rows expire again"


class Looking:
    def __init__(self, store: RoutedStore, table: LogTable, seen: list[int]) -> None:
        self._statement = Statement(f"SELECT count() FROM {store.table(table.name)}")
        self._store, self._seen, self._stop = store, seen, threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._stop.is_set():
            self._seen.append(self._store.select(self._statement, LIMITS).rows[0][0])

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@pytest.mark.parametrize("store_name", [MAIN_STORE, "far"])
def test_a_swap_that_is_killed_anywhere_goes_on_to_the_same_end(
    both: RoutedStore, shop: Collector, store_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process is gone after so many statements that change something: not even what would tidy up is done."""
    stored = put(both, shop, "one", lines(1, 0, 50)).stored
    for killed_after in range(100):
        shop = Collector.objects.get(pk=shop.pk)
        index = "bloom" if shop.index == "full" else "full"
        target = store_name if shop.store == MAIN_STORE else MAIN_STORE
        replacement = begin(shop, index=index, store=target)
        with monkeypatch.context() as patched:
            left = [killed_after]
            for name in ("_command", "_write"):
                patched.setattr(ClickHouseStore, name, _until_killed(getattr(ClickHouseStore, name), left))
            try:
                run(replacement, both)
                finished = True
            except KeyboardInterrupt:
                finished = False
        if not finished:
            if killed_after % 3 == 0:
                stored += put_late(both, Collector.objects.get(pk=shop.pk), killed_after)
            assert run(Replacement.objects.get(pk=shop.pk), both) is not None
        shop = Collector.objects.get(pk=shop.pk)
        found = numbers(both, shop)
        assert len(found) == len(set(found)) == stored
        if finished:
            break
        replacing.settle(shop, store=both)
        replacing.drop_all_replaced(shop.pk, store=both)
    assert killed_after >= 5, "statements that make, suspend twice, copy, close"


def put_late(store: RoutedStore, collector: Collector, number: int) -> int:
    """A sender meets what the killed process left: an open table or a closed one. How many of its lines were stored."""
    try:
        return int(put(store, collector, f"late-{number}", lines(7, number, 1)).stored)
    except Unavailable:
        return 0


def _until_killed(method: Any, left: list[int]) -> Any:
    def call(self: ClickHouseStore, *args: Any, **more: Any) -> Any:
        if left[0] <= 0:
            raise KeyboardInterrupt
        left[0] -= 1
        return method(self, *args, **more)

    return call


def test_a_swap_that_takes_too_long_opens_the_table_again(
    both: RoutedStore, shop: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(both, shop, "one", lines(1, 0))
    replacement = begin(shop, rule=JSON)
    replacing.prepare(replacement, store=both)
    replacing.fill(replacement, store=both, seconds=60)
    with monkeypatch.context() as patched:
        patched.setattr(copies_module.Copies, "inserting", lambda *_: 1)  # an insert that does not end
        assert replacing.swap(replacement, store=both, closed_seconds=0.2) is None
    assert Replacement.objects.get(pk=shop.pk).state == "filling"
    assert put(both, shop, "two", lines(2, 0)).stored == 20
    assert replacing.swap(Replacement.objects.get(pk=shop.pk), store=both) is not None
    assert len(numbers(both, Collector.objects.get(pk=shop.pk))) == 40


def test_a_replacement_that_is_given_up_leaves_the_collector_as_it_was(both: RoutedStore, shop: Collector) -> None:
    put(both, shop, "one", lines(1, 0))
    replacement = begin(shop, rule=JSON, store="far")
    replacing.prepare(replacement, store=both)
    replacing.fill(replacement, store=both, seconds=60)
    both.copying(shop.log_table).close_table(shop.log_table)
    assert check_retention(store=both, today=NOW.date()) == [], "nothing is mended while a table is being replaced"
    assert check_orphans(store=both, abandoned=()) == []
    replacing.give_up(replacement, store=both)
    assert not Replacement.objects.exists()
    assert set(both.expiry_days()) >= {shop.table}
    assert both.expiry_days()[shop.table] == 30
    assert not any("g2" in name for name in both.expiry_days())
    assert put(both, shop, "two", lines(2, 0)).stored == 20
    again = begin(Collector.objects.get(pk=shop.pk), rule=JSON)
    assert again.table.startswith(f"c{shop.pk}g3_"), "a name is never used twice"


def test_a_worker_that_slept_through_the_end_of_its_change_changes_nothing(both: RoutedStore, shop: Collector) -> None:
    put(both, shop, "one", lines(1, 0))
    replacement = begin(shop, rule=JSON)
    replacing.prepare(replacement, store=both)
    replacing.fill(replacement, store=both, seconds=60)
    given_up = Replacement.objects.select_related("collector").get()
    Replacement.objects.all().delete()
    with pytest.raises(Unavailable, match="was given up"):
        replacing._exchange(given_up, "")
    now = Collector.objects.get(pk=shop.pk)
    assert (now.table, now.rule.kind, ReplacedTable.objects.count()) == (shop.table, "text", 0)

    swapped = begin(now, rule=JSON)
    assert run(swapped, both) is not None
    replacing.give_up(swapped, store=both)
    assert len(numbers(both, Collector.objects.get(pk=shop.pk))) == 20, "the table that it gave up is the collector's now"


def test_a_piece_that_is_still_being_written_is_waited_for(
    both: RoutedStore, shop: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(both, shop, "one", lines(1, 0))
    replacement = begin(shop, rule=JSON)
    replacing.prepare(replacement, store=both)
    monkeypatch.setattr(copies_module.Copies, "inserting", lambda *_: 1)
    with pytest.raises(Unavailable) as refused:
        replacing.fill(replacement, store=both, seconds=60)
    assert refused.value.stable_code == "copy_running"


def test_what_cannot_be_changed_is_refused(both: RoutedStore, shop: Collector) -> None:
    with pytest.raises(BadRequest, match="is so already"):
        begin(shop)
    replacement = begin(shop, rule=JSON)
    assert begin(shop, rule=JSON) == replacement, "the same run meets its own"
    with pytest.raises(Unavailable, match="is not put in order yet"):
        replacing.begin(shop, change(shop, rule=JSON), begun_by="another")


def test_an_index_set_over_two_stores_is_refused_and_lines_that_the_far_one_refuses_are_kept_in_the_main_one(
    both: RoutedStore, shop: Collector
) -> None:
    run(begin(shop, store="far"), both)
    shop = Collector.objects.get(pk=shop.pk)
    near = create_collector(Draft("near", 30), store=both)
    with pytest.raises(BadRequest) as refused:
        both.of([shop.log_table, near.log_table])
    assert refused.value.stable_code == "several_stores"
    body = b"good\n\xff\xfe\n" + b"x" * 20_000
    first, second = (put(both, shop, "mixed", body) for _ in range(2))
    assert (first.stored, first.rejected) == (1, {"bad_encoding": 1, "line_too_long": 1})
    assert (second.stored, second.duplicate) == (0, 3)
    rejects = Statement(f"SELECT fields.collector::String FROM {both.table('rejects')}")
    assert both.select(rejects, LIMITS).rows == [(shop.log_table.known_as,)] * 2


def test_a_store_that_the_settings_no_longer_name_is_told(both: RoutedStore) -> None:
    with pytest.raises(Unavailable) as refused:
        both.create_table(LogTable("c1_x", 1, store="gone"))
    assert refused.value.stable_code == "unknown_store"
