"""What an export promises: all rows of its query, once, whatever arrives, breaks, is stopped or goes away meanwhile."""

from __future__ import annotations

import dataclasses
import re
import threading
from collections.abc import Callable, Generator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from bklog.errors import Overloaded, StoreError, Unavailable
from bklog.export import actions
from bklog.export import file as growing
from bklog.export.models import Export
from bklog.records import Form, Limits, Statement, Writing
from tests.export.site import ExportSite, in_order, json_lines, log_rows

pytestmark = pytest.mark.django_db(transaction=True)
COUNT = 4_000
ROWS = in_order(log_rows(COUNT))
State = Export.State


class Meddled:
    """The real store; `meddle` gets each stream with its number, and may do to it what a bad day does."""

    def __init__(self, store: Any, meddle: Callable[[int, Generator[bytes]], Generator[bytes]]) -> None:
        self._store = store
        self._meddle = meddle
        self._lock = threading.Lock()
        self.streams = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def of(self, _: object) -> Meddled:
        return self

    def stream(self, statement: Statement, writing: Writing, limits: Limits) -> Generator[bytes]:
        with self._lock:
            self.streams += 1
            number = self.streams
        return self._meddled(number, self._store.stream(statement, writing, limits))

    def _meddled(self, number: int, chunks: Generator[bytes]) -> Generator[bytes]:
        try:
            yield from self._meddle(number, chunks)
        finally:
            if threading.current_thread() is not threading.main_thread():
                connections.close_all()  # what meddles in the thread of a slice may have asked the database


@pytest.fixture
def shop(site: ExportSite) -> Any:
    return site.index_set("shop", site.collector("shop", log_rows(COUNT)))


def logs(site: ExportSite, export: Export) -> list[str]:
    return [row["log"] for row in json_lines(site.read(export))]


WANTED = [row["log"] for row in ROWS]


def test_rows_that_arrive_meanwhile_are_left_out(site: ExportSite, shop: Any) -> None:
    late = log_rows(COUNT, first=COUNT, ingest_time="2026-11-20 13:00:00")
    late = [{**row, "time": old["time"]} for row, old in zip(late, log_rows(COUNT), strict=True)]
    table = shop.collectors.get().log_table

    def arrive(number: int, chunks: Generator[bytes]) -> Generator[bytes]:
        if number == 2:
            site.insert(table, late)
        yield from chunks

    store = Meddled(site.store, arrive)
    site = site.with_store(store)
    export = site.run(site.create(shop, format="jsonl", order="oldest"))
    assert store.streams > 3
    assert logs(site, export) == WANTED
    again = site.run(site.create(shop, format="jsonl", order="oldest", compression="gzip"))
    assert again.rows == 2 * COUNT


def test_rows_that_were_on_their_way_are_counted_as_what_they_are(site: ExportSite, shop: Any) -> None:
    """They arrived before the export began and are seen later: nobody can say they must be in it, but the counts hold."""
    table = shop.collectors.get().log_table
    more = log_rows(50, first=COUNT)

    def arrive(number: int, chunks: Generator[bytes]) -> Generator[bytes]:
        if number == 1:
            site.insert(table, [{**row, "time": ROWS[-1]["time"]} for row in more])
        yield from chunks

    export = (it := site.with_store(Meddled(site.store, arrive))).run(it.create(shop, format="jsonl", order="oldest"))
    assert export.rows == len(logs(site, export)) == COUNT + 50


@pytest.mark.parametrize("order", ["newest", "oldest", "unsorted"])
def test_the_limit_cuts_and_says_so(site: ExportSite, shop: Any, order: str) -> None:
    from bklog.export.selectors import present

    export = site.run(site.create(shop, format="jsonl", order=order, limit=1_234))
    found = logs(site, export)
    assert (export.rows, export.matched_rows, len(set(found))) == (1_234, COUNT, len(found))
    wanted = WANTED[::-1] if order == "newest" else WANTED
    assert found == wanted[:1_234] if order != "unsorted" else set(found) < set(WANTED)
    shown = present(export)
    assert (shown["complete"], shown["progress"]["percent"]) == (False, 100)
    assert "4,000 rows match; the file has the" in shown["note"]
    whole = site.run(site.create(shop, format="raw", order=order, limit=COUNT))
    assert (present(whole)["complete"], present(whole)["note"]) == (True, "")
    cut = site.run(site.create(shop, format="csv", order=order, limit=2_345))
    assert cut.rows == 2_345


def test_many_rows_of_one_moment_are_one_slice(site: ExportSite) -> None:
    rows = [{**row, "time": "2026-11-20 01:00:00.000000007"} for row in log_rows(3_000)]
    crowd = site.index_set("crowd", site.collector("crowd", [*rows, *log_rows(1_500, first=3_000)]))
    export = site.run(site.create(crowd, format="jsonl", order="oldest"))
    assert logs(site, export) == [row["log"] for row in in_order([*rows, *log_rows(1_500, first=3_000)])]
    assert max(one[2] for one in export.slices) == 3_000


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_stream_that_breaks_fails_the_slice_and_is_made_again(site: ExportSite, shop: Any, form: str) -> None:
    def breaks(number: int, chunks: Generator[bytes]) -> Generator[bytes]:
        with closing(chunks):
            if number == 3:
                yield next(chunks)[:100]
                raise Unavailable("the answer broke off", code="store_down")
            yield from chunks

    broken = site.with_store(Meddled(site.store, breaks))
    export = broken.run(broken.create(shop, format=form, order="oldest"))
    assert (export.state, export.code) == (State.PENDING, "store_down")
    assert export.next_try_at is not None
    assert export.next_try_at > timezone.now()
    assert len(export.ends) < len(export.slices)
    done = broken.run(export)
    whole = site.run(site.create(shop, format=form, order="oldest"))
    assert broken.read(done) == site.read(whole)
    assert (done.rows, done.sha256, done.reason) == (COUNT, whole.sha256, "")


def test_a_stream_that_is_short_is_never_a_success(site: ExportSite, shop: Any) -> None:
    """Whole to HTTP, and a row is missing: the count of the store says so, each time, until the export has failed."""

    def short(number: int, chunks: Generator[bytes]) -> Generator[bytes]:
        del number
        body = b"".join(chunks)
        yield body[: body.rindex(b"\n", 0, -1) + 1]

    missing = site.with_store(Meddled(site.store, short))
    export = missing.create(shop, format="jsonl")
    for _ in range(4):
        export = missing.run(export)
    assert (export.state, export.code, export.rows) == (State.FAILED, "export_rows_differ", 0)
    assert re.match(r"the store wrote (\d+) lines for (?!\1)\d+ rows", export.reason)
    assert not missing.path(export).parent.exists()
    assert export.slot is None


def test_an_exception_of_the_engine_in_the_middle_of_a_stream_is_noticed(site: ExportSite) -> None:
    read: list[int] = []

    def follow(sql: str, **limits: Any) -> None:
        usual = Limits(seconds=60, memory_bytes=1 << 30, result_rows=10)
        stream = site.store.stream(Statement(sql), Writing(Form.CSV), dataclasses.replace(usual, **limits))
        read.append(0)
        for chunk in stream:
            read[-1] += len(chunk)

    with pytest.raises(StoreError, match="这里坏了") as caught:
        follow("SELECT number, throwIf(number = 3000000, '这里坏了') FROM numbers(4000000)")
    assert caught.value.engine_code == 395
    assert read[-1] > 1_000_000, "it came in the middle"
    with pytest.raises(Overloaded):
        follow("SELECT groupArray(number) FROM numbers(100000000)", memory_bytes=1 << 20)
    with pytest.raises(StoreError) as caught:
        follow("SELECT sleepEachRow(0.5), number FROM numbers(100)", seconds=1)
    assert caught.value.engine_code in (159, 160)


@pytest.mark.parametrize("order", ["newest", "unsorted"])
def test_a_worker_that_dies_anywhere_leaves_what_another_goes_on_with(
    site: ExportSite, shop: Any, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    """Killed after the bytes were written and before the progress was saved, in each slice in turn."""

    class DiedError(BaseException):
        pass

    whole = site.run(site.create(shop, format="csv", order=order, compression="zstd"))
    export = site.create(shop, format="csv", order=order, compression="zstd")
    end_part = growing.GrowingFile.end_part

    def dies(self: growing.GrowingFile) -> None:
        end_part(self)
        raise DiedError

    for number in range(len(whole.slices)):
        with monkeypatch.context() as patch:
            patch.setattr(growing.GrowingFile, "end_part", dies)
            with pytest.raises(DiedError):
                site.run(export)
        export = Export.objects.get(pk=export.pk)
        assert (export.state, len(export.ends)) == (State.RUNNING, number)
        with monkeypatch.context() as patch:
            patch.setattr(actions, "is_going", lambda _: True)
            export = site.run(export, turn_seconds=0)
        assert (export.state, len(export.ends)) in ((State.PENDING, number + 1), (State.SUCCESS, number + 1))
    if order == "newest":
        assert (site.read(export), export.sha256) == (site.read(whole), whole.sha256)
    assert sorted(site.read(export).splitlines()) == sorted(site.read(whole).splitlines())


def test_a_file_that_is_not_what_was_written_is_written_anew(site: ExportSite, shop: Any) -> None:
    export = site.run(site.create(shop, format="jsonl"), turn_seconds=0)
    assert (export.state, len(export.ends)) == (State.PENDING, 1)
    path = site.path(export)
    body = bytearray(path.read_bytes())
    body[100] ^= 1
    path.write_bytes(body)
    done = site.run(export)
    assert logs(site, done) == WANTED[::-1]
    gone = site.run(site.create(shop, format="jsonl"), turn_seconds=0)
    site.path(gone).unlink()
    assert logs(site, site.run(gone)) == WANTED[::-1]


def test_a_worker_that_dies_each_time_ends_in_a_failure(site: ExportSite, shop: Any) -> None:
    export = site.create(shop)
    for _ in range(3):
        assert actions.claim(export.pk, most_attempts=3) is not None
    ended = site.run(export)
    assert (ended.state, ended.code, ended.slot) == (State.FAILED, "worker_lost", None)


def test_cancelled_in_the_middle_it_leaves_nothing(site: ExportSite, shop: Any) -> None:
    stopped = threading.Event()

    def slow(number: int, chunks: Generator[bytes]) -> Generator[bytes]:
        if number == 2:
            actions.cancel(Export.objects.get(owner="ann"))
            stopped.wait(5)
        yield from chunks

    cancelled = site.with_store(Meddled(site.store, slow))
    waiting = threading.Timer(1.5, stopped.set)
    waiting.start()
    export = cancelled.run(cancelled.create(shop))
    waiting.join()
    assert (export.state, export.slot) == (State.CANCELLED, None)
    assert not cancelled.path(export).parent.exists()


def test_a_table_that_is_replaced_lets_the_export_begin_anew(site: ExportSite, shop: Any) -> None:
    """What re-cleaning does: the index set points to another table, and later the old one goes."""
    collector = shop.collectors.get()

    def reclean(number: int, chunks: Generator[bytes]) -> Generator[bytes]:
        if number == 2:
            old = collector.log_table
            collector.table, collector.clean_rule = "shop_rows_2", {"kind": "json", "types": {"status": "string"}}
            collector.save()
            site.store.create_table(collector.log_table)
            site.insert(collector.log_table, log_rows(COUNT))
            site.store.drop_table(old)
        yield from chunks

    moved = site.with_store(Meddled(site.store, reclean))
    export = moved.run(moved.create(shop, format="jsonl", order="oldest", fields=["log", "status"]))
    assert (export.state, export.beginnings, export.tables, export.ends) == (State.PENDING, 1, None, [])
    assert moved.sent[-1] == ("export.run", export.pk)
    done = moved.run(export)
    found = json_lines(moved.read(done))
    assert [row["log"] for row in found] == WANTED
    assert {type(row["status"]) for row in found} == {str}, "one shape, that of the new table"


def test_a_table_that_changes_again_and_again_is_a_failure(site: ExportSite, shop: Any) -> None:
    table = shop.collectors.get().log_table

    def change(number: int, chunks: Generator[bytes]) -> Generator[bytes]:
        if number % 2:
            site.store._command(f"ALTER TABLE {site.store.table(table.name)} ADD COLUMN more_{number} String")
        yield from chunks

    changing = site.with_store(Meddled(site.store, change))
    export = changing.create(shop)
    for _ in range(3):
        export = changing.run(export)
    assert (export.state, export.code) == (State.FAILED, "export_tables_changed")
    assert not changing.path(export).parent.exists()


def test_a_full_disk_is_a_failure_with_its_reason(site: ExportSite, shop: Any) -> None:
    export = site.create(shop, order="unsorted")
    folder = site.path(export).parent
    folder.mkdir(parents=True)
    (folder / "slice-000001").symlink_to("/dev/full")  # the kernel's disk that has no space
    ended = site.run(export)
    assert (ended.state, ended.code) == (State.FAILED, "disk_full")
    assert not folder.exists()


def test_the_time_of_a_task_is_handed_on(site: ExportSite, shop: Any) -> None:
    export = site.create(shop, format="jsonl", order="oldest")
    turns = 0
    while export.state != State.SUCCESS:
        site.sent.clear()
        export = site.run(export, turn_seconds=0)
        turns += 1
        assert site.sent == ([("export.run", export.pk)] if export.state == State.PENDING else [])
    assert turns == len(export.slices)
    assert logs(site, export) == WANTED
    assert list(site.path(export).parent.iterdir()) == [site.path(export)]


def test_a_lost_message_is_sent_again_and_a_living_worker_is_left_alone(site: ExportSite, shop: Any) -> None:
    export = site.create(shop)
    site.sent.clear()
    assert actions.send_due(slots=3, send=site.parts.send) == 0
    Export.objects.filter(pk=export.pk).update(next_try_at=timezone.now() - timedelta(seconds=1))
    assert actions.send_due(slots=3, send=site.parts.send) == 1
    assert site.sent == [("export.run", export.pk)]
    assert site.run(export).state == State.SUCCESS
    again = site.run(export)
    assert (again.state, again.rows) == (State.SUCCESS, COUNT)
    assert site.path(again).exists()
