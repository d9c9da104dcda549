"""Over the API: a search beyond its share waits, is called off or refused, and a quick one does not wait for a long one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from bklog.api.admission import admitted, begun_turns
from bklog.api.wiring import search_limits
from bklog.collect.searchable import get_searchable
from bklog.errors import BklogError, Overloaded, StoreError
from bklog.records import Bearer, Limits, Rows, Statement
from bklog.search.asking import Asking, asking
from bklog.search.line import Claim
from bklog.search.pace import PacedStore
from bklog.search.watch import Watch
from bklog.store.clickhouse import ClickHouseStore
from tests.saved.site import Person
from tests.store.conftest import StoreServer, wait_for
from tests.sweep.test_api import DAY, ENDLESS, LIMITS, NDJSON, SEARCH, few_turns
from tests.waiting import wait_until

Answers = Callable[..., Future[tuple[int, dict[str, Any]]]]


@pytest.fixture
def one_at_a_time(shop: int, settings: Any) -> Iterator[Claim]:
    """Somebody has the only place of the space."""
    settings.BKLOG_SEARCH_AT_ONCE_PER_SPACE = 1
    claim = begun_turns().enter("somebody", get_searchable(shop).space, seconds=600)
    yield claim
    begun_turns().leave(claim)


@pytest.fixture
def search(ann: Person, shop: int) -> Iterator[Answers]:
    def ask(**headers: str) -> tuple[int, dict[str, Any]]:
        try:
            answer = Client().post(SEARCH.format(shop), json.dumps(DAY), "application/json", headers={**ann.headers, **headers})
            return answer.status_code, answer.json()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        yield lambda **headers: pool.submit(ask, **headers)


@pytest.mark.django_db(transaction=True)
def test_one_too_many_waits_until_a_place_is_free(search: Answers, one_at_a_time: Claim) -> None:
    begun = [search() for _ in range(3)]
    wait_until(lambda: begun_turns().waiting == 3)
    assert not any(one.done() for one in begun)
    begun_turns().leave(one_at_a_time)
    assert [one.result(60)[0] for one in begun] == [200] * 3
    assert begun_turns().waiting == 0


@pytest.mark.django_db(transaction=True)
def test_one_that_waits_is_called_off(ann: Person, operator: Person, search: Answers, one_at_a_time: Claim) -> None:
    begun = search(**{"X-Request-ID": "waits-in-line"})
    wait_until(lambda: begun_turns().waiting == 1)
    assert operator.post("cancel/", {"request_id": "waits-in-line"}) == {"cancelled": False}
    assert ann.post("cancel/", {"request_id": "waits-in-line"}) == {"cancelled": True}
    status, answer = begun.result(60)
    assert (status, answer["error"]["code"]) == (409, "search_cancelled")
    assert begun_turns().waiting == 0


@pytest.mark.parametrize(
    ("setting", "reason"), [("BKLOG_SEARCH_WAITING", "0 wait already"), ("BKLOG_SEARCH_WAIT_SECONDS", "none ended in time")]
)
def test_where_the_line_is_full_or_the_time_is_over_it_is_refused(
    ann: Person, shop: int, one_at_a_time: Claim, settings: Any, setting: str, reason: str
) -> None:
    begun_turns.cache_clear()
    setattr(settings, setting, 0)
    held = begun_turns().enter("somebody", get_searchable(shop).space, seconds=600)
    for headers in ({}, {"Accept": NDJSON}):
        answer = Client().post(SEARCH.format(shop), json.dumps(DAY), "application/json", headers={**ann.headers, **headers})
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], answer["Retry-After"]) == (429, "space_busy", "1")
        assert reason in error["message"]
    begun_turns().leave(held)
    assert ann.search(shop)["rows"]


def test_a_stream_gives_its_place_back_even_if_nobody_reads_it(ann: Person, shop: int, settings: Any) -> None:
    settings.BKLOG_SEARCH_AT_ONCE_PER_SPACE = 1
    settings.BKLOG_SEARCH_WAITING = 0
    for read in (True, False):
        answer: Any = Client().post(
            SEARCH.format(shop), json.dumps(DAY), "application/json", headers={**ann.headers, "Accept": NDJSON}
        )
        assert answer.status_code == 200
        assert ann.refused("POST", f"index_set/{shop}/search/", DAY) == (429, "space_busy")
        if read:
            assert b'"result"' in b"".join(answer.streaming_content)
        for close in answer._resource_closers:  # what `answer.close()` does, which here would close the database too
            close()
        assert ann.search(shop)["rows"]


class Heavy:
    """A store in which a statement is long, and does something while it runs."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self._meanwhile = meanwhile

    def select(self, statement: Statement, limits: Limits) -> Rows:
        if not limits.threads:
            raise StoreError("too slow", engine_code=159)
        self._meanwhile()
        return Rows((), [], 0, 0, 0.0)


def test_a_quick_search_does_not_wait_for_a_long_one_of_its_space(shop: int, settings: Any) -> None:
    settings.BKLOG_SEARCH_AT_ONCE_PER_SPACE = 1
    settings.BKLOG_SEARCH_WAITING = 0
    index_set, let_in = get_searchable(shop), []

    def meanwhile() -> None:
        with asking(Asking("bob")), admitted(Bearer("bob"), index_set, "quick"):
            let_in.append("bob")

    heavy: Any = Heavy(meanwhile)
    with asking(Asking("ann")), admitted(Bearer("ann"), index_set, "long"):
        with pytest.raises(Overloaded):  # while it is not known that it is long, it counts
            meanwhile()
        PacedStore(heavy, few_turns(), threads=1).select(Statement("SELECT 1"), search_limits())
    assert let_in == ["bob"]


def test_one_that_waits_leaves_the_line_when_its_client_has_gone(
    shop: int, store: ClickHouseStore, one_at_a_time: Claim
) -> None:
    has_gone: list[bool] = []
    watch = Watch(lambda: store)
    one, index_set = Asking("ann", has_left=lambda: bool(has_gone), watch=watch), get_searchable(shop)

    def wait() -> str:
        with asking(one):
            try:
                with admitted(Bearer("ann"), index_set, "x"):
                    return "let in"
            except BklogError as error:
                return error.stable_code
            finally:
                connections.close_all()  # that of this thread, which the block list was read over

    turns = begun_turns()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(wait)
        wait_until(lambda: turns.waiting == 1 and one in watch._watched)
        has_gone.append(True)
        assert running.result(60) == "search_cancelled"
    assert turns.waiting == 0


def test_what_waits_and_what_is_long_leaves_threads_to_what_is_quick(settings: Any) -> None:
    """Each holds a thread of the web process. What is bounded must leave as many as there were without a line."""
    lines = (settings.BASE_DIR / "support-files" / "uwsgi.ini").read_text().splitlines()
    threads = int(next(line.partition("=")[2] for line in lines if line.startswith("threads")))
    waiting = settings.BKLOG_SEARCH_WAITING + settings.BKLOG_SEARCH_LONG_WAITING
    assert threads - waiting - settings.BKLOG_SEARCH_LONG_AT_ONCE >= 8
    assert settings.BKLOG_SEARCH_WAITING_PER_SPACE < settings.BKLOG_SEARCH_WAITING


def test_when_the_client_has_gone_its_statement_is_stopped_in_the_engine(
    store: ClickHouseStore, store_server: StoreServer
) -> None:
    has_gone: list[bool] = []
    watch = Watch(lambda: store)
    one = Asking("ann", has_left=lambda: bool(has_gone), watch=watch)

    def run() -> str:
        with asking(one):
            try:
                PacedStore(store, few_turns(), threads=1).select(ENDLESS, LIMITS)
            except BklogError as error:
                return error.stable_code
        return "ended"

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run)
        wait_until(lambda: one in watch._watched)
        store_server.wait_until_running("sipHash64")
        has_gone.append(True)
        assert running.result(60) == "search_cancelled"
    wait_for(lambda: store_server.running("sipHash64") == 0, what="the statement to end")
    wait_until(lambda: watch._thread is None)
