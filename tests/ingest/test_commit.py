"""The committer: which requests share an insert, who is told what, and that nothing is acknowledged that was not stored."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from bklog.clean import CleanRule
from bklog.errors import Overloaded, Unavailable
from bklog.ingest.commit import CommitLimits, Committer, Request, batch_id, count_lines, joined
from bklog.ingest.destination import Destination
from bklog.ingest.ledger import Ledger
from bklog.records import Stored
from bklog.store import LineBatch, LogTable, Source

RULE = CleanRule("text")
DESTINATION = Destination("nginx", LogTable("c1_nginx", 30), RULE, quiet=False)
LIMITS = CommitLimits(spacing_seconds=0.05, pending_bytes=10_000, max_line_bytes=1000, parallel_inserts=2)


def request(body: bytes, *, key: str = "", host: str = "a") -> Request:
    return Request(DESTINATION, RULE, Source(host=host), body, count_lines(body), key)


class Recorder:
    """Stands where the store's two calls stand, keeps what it is given, and fails when told to."""

    def __init__(self) -> None:
        self.batches: list[LineBatch] = []
        self.ledger: list[dict[str, Any]] = []
        self.lines_fail = self.ledger_fails = False

    async def insert_lines(self, batch: LineBatch) -> list[Stored]:
        await asyncio.sleep(0.01)
        if self.lines_fail:
            raise Unavailable("the store is away")
        self.batches.append(batch)
        starts = (0, *batch.bounds)
        return [Stored(end - start, 0, {}, {}) for start, end in zip(starts, batch.bounds, strict=False)]

    async def insert_rows(self, rows: Sequence[dict[str, Any]], token: str) -> None:
        if self.ledger_fails:
            raise Unavailable("the store is away")
        self.ledger += rows

    def committer(self, limits: CommitLimits = LIMITS) -> Committer:
        return Committer(self.insert_lines, Ledger(self.insert_rows), limits)


def submit_all(recorder: Recorder, *requests: Request) -> list[Stored | BaseException]:
    async def run() -> list[Stored | BaseException]:
        committer = recorder.committer()
        return await asyncio.gather(*(committer.submit(one) for one in requests), return_exceptions=True)

    return asyncio.run(run())


def test_small_requests_share_an_insert_and_each_gets_its_own_count() -> None:
    recorder = Recorder()
    answers = submit_all(recorder, request(b"1\n2\n"), request(b"3"), request(b"4\n5\n6\n"))
    assert [answer.stored for answer in answers if isinstance(answer, Stored)] == [2, 1, 3]
    (batch,) = recorder.batches
    assert (batch.body, batch.bounds, batch.keyed) == (b"1\n2\n3\n4\n5\n6\n", (2, 3, 6), False)


def test_requests_of_different_sources_do_not_share_an_insert() -> None:
    recorder = Recorder()
    submit_all(recorder, request(b"1\n", host="a"), request(b"2\n", host="b"))
    assert sorted((batch.source.host, batch.body) for batch in recorder.batches) == [("a", b"1\n"), ("b", b"2\n")]


def test_a_request_with_a_key_has_an_insert_of_its_own() -> None:
    recorder = Recorder()
    submit_all(recorder, request(b"1\n", key="k1"), request(b"2\n", key="k2"), request(b"3\n"))
    assert sorted((batch.body, batch.keyed) for batch in recorder.batches) == [(b"1\n", True), (b"2\n", True), (b"3\n", False)]


def test_a_batch_is_named_by_its_key_and_its_bytes() -> None:
    assert batch_id(request(b"1\n", key="k")) == batch_id(request(b"1\n", key="k"))
    assert batch_id(request(b"1\n", key="k")) != batch_id(request(b"1\n", key="other"))
    assert batch_id(request(b"1\n", key="k")) != batch_id(request(b"2\n", key="k"))


def test_a_store_that_fails_acknowledges_nothing_and_counts_nothing() -> None:
    recorder = Recorder()
    recorder.lines_fail = True
    answers = submit_all(recorder, request(b"1\n"), request(b"2\n"), request(b"3\n", key="k"))
    assert all(isinstance(answer, Unavailable) for answer in answers)
    assert recorder.ledger == []


def test_a_ledger_that_fails_acknowledges_nothing() -> None:
    recorder = Recorder()
    recorder.ledger_fails = True
    answers = submit_all(recorder, request(b"1\n"), request(b"2\n", key="k"))
    assert all(isinstance(answer, Unavailable) for answer in answers)


def test_every_answered_request_stands_in_the_ledger() -> None:
    recorder = Recorder()
    submit_all(recorder, request(b"1\n2\n"), request(b"3\n", key="k"))
    assert sorted((row["received"], row["stored"], row["bytes"]) for row in recorder.ledger) == [(1, 1, 2), (2, 2, 4)]


def test_more_than_may_wait_is_refused_with_a_time_to_come_back() -> None:
    recorder = Recorder()
    answers = submit_all(recorder, request(b"x" * 6000, key="1"), request(b"x" * 6000, key="2"))
    assert isinstance(answers[0], Stored)
    assert isinstance(answers[1], Overloaded)
    assert answers[1].retry_after_seconds >= 1


def test_the_service_works_on_after_a_failure() -> None:
    async def run() -> Stored:
        recorder = Recorder()
        committer = recorder.committer()
        recorder.lines_fail = True
        with pytest.raises(Unavailable):
            await committer.submit(request(b"1\n"))
        recorder.lines_fail = False
        return await committer.submit(request(b"1\n"))

    assert asyncio.run(run()).stored == 1


@pytest.mark.parametrize(("body", "lines"), [(b"a", 1), (b"a\n", 1), (b"a\nb", 2), (b"\n", 1), (b"\n\n", 2), (b"\na", 2)])
def test_lines_are_counted_as_the_engine_splits_them(body: bytes, lines: int) -> None:
    assert count_lines(body) == lines


def test_joined_bodies_keep_their_lines_apart() -> None:
    assert joined([request(b"1"), request(b"2\n")]) == b"1\n2\n"
