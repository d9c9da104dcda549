"""Over the API: a time that is enough for a part, rows as they are found, what is stopped, and what is not let in."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from bklog.api import elastic as elastic_api
from bklog.api import search as search_api
from bklog.errors import StoreError
from bklog.records import Limits, Rows, Statement
from bklog.search.asking import Asking, asking, cancel
from bklog.search.catalogue import FieldCatalogue
from bklog.search.line import Rule
from bklog.search.pace import PacedStore
from bklog.search.turns import Bounds, InProcess, Turns, queue_full
from bklog.store.clickhouse import ClickHouseStore
from tests.saved.site import Person
from tests.store.conftest import StoreServer, wait_for
from tests.sweep.conftest import ROWS

NDJSON = "application/x-ndjson"
ENDLESS = Statement("SELECT count() FROM system.numbers WHERE sipHash64(number) = 1")
LIMITS = Limits(seconds=30, memory_bytes=1 << 30, result_rows=1000)
SEARCH = "/api/v1/search/index_set/{}/search/"
DAY = {"start": "now-1d", "end": "now+1h"}


class Late:
    """The real store, which takes too long for more than an hour of rows, and a moment for less."""

    def __init__(self, store: ClickHouseStore, *, moment: Callable[[], object] = lambda: time.sleep(0.2)) -> None:
        self._store = store
        self._moment = moment

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def of(self, _: object) -> Late:
        return self

    def select(self, statement: Statement, limits: Limits) -> Rows:
        if "time_text" in statement.text or "count()" in statement.text:
            if not limits.threads:
                raise StoreError("too slow", engine_code=159)
            self._moment()
        return self._store.select(statement, limits)


def few_turns() -> Turns:
    return Turns(Rule(2), Bounds(2, 2, 60, queue_full), InProcess())


@pytest.fixture
def late(store: ClickHouseStore, shop: int, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(search_api, "the_store", lambda: Late(store))
    return shop


def stream(person: Person, index_set: int, **asked: Any) -> list[dict[str, Any]]:
    headers = {**person.headers, "Accept": NDJSON}
    answer: Any = Client().post(SEARCH.format(index_set), json.dumps(asked), "application/json", headers=headers)
    assert (answer.status_code, answer["Content-Type"]) == (200, NDJSON), answer.content
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]


def test_a_budget_gives_what_it_is_enough_for_and_the_cursor_the_rest(ann: Person, late: int) -> None:
    found, cursor, rounds = [], None, 0
    while True:
        asked = {"budget_seconds": 0.5, "limit": 1000, **DAY, **({"cursor": cursor} if cursor else {})}
        answer = ann.post(f"index_set/{late}/search/", asked)
        found += [row["log"] for row in answer["rows"]]
        rounds += 1
        if answer["statistics"]["complete"]:
            break
        covered = answer["statistics"]["covered"]
        assert covered["start"] <= covered["end"]  # of a slow machine, a budget may be enough for nothing
        assert covered["start"] in answer["note"]
        cursor = answer["cursor"]
    assert found == [f"line {number}" for number in reversed(range(ROWS))]
    assert rounds > 1


def test_a_count_within_a_budget_says_what_it_counted(ann: Person, late: int) -> None:
    answer = ann.post(f"index_set/{late}/search/", {"budget_seconds": 0.5, "count": True, **DAY})
    assert answer["statistics"]["complete"] is False
    assert answer["count"] <= ROWS


def test_rows_come_as_they_are_found(ann: Person, late: int) -> None:
    events = stream(ann, late, limit=1000, **DAY)
    kinds = [next(iter(event)) for event in events]
    assert kinds[-1] == "result"
    assert kinds.count("progress") > 1
    rows = [row["log"] for event in events for row in event.get("rows", [])]
    assert rows == [f"line {number}" for number in reversed(range(ROWS))]
    starts = [event["progress"]["start"] for event in events if "progress" in event]
    assert starts == sorted(starts, reverse=True)
    assert events[-1]["result"]["statistics"]["complete"] is True


def test_what_is_quick_is_one_event_of_rows(ann: Person, shop: int) -> None:
    events = stream(ann, shop, limit=10, **DAY)
    assert [next(iter(event)) for event in events] == ["rows", "result"]
    assert len(events[0]["rows"]) == 10
    assert events[1]["result"]["cursor"]


def test_a_wrong_question_has_its_status_and_a_failure_is_the_last_event(
    ann: Person, store: ClickHouseStore, shop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {**ann.headers, "Accept": NDJSON}
    answer = Client().post(SEARCH.format(shop), '{"query": "(a"}', "application/json", headers=headers)
    assert answer.status_code == 400

    def fail() -> None:
        raise StoreError("it broke", engine_code=49)

    monkeypatch.setattr(search_api, "the_store", lambda: Late(store, moment=fail))
    assert [next(iter(event)) for event in stream(ann, shop, **DAY)] == ["error"]


def test_a_statement_is_stopped_in_the_engine_by_its_mark(store: ClickHouseStore, store_server: StoreServer) -> None:
    paced = PacedStore(store, few_turns(), threads=1)

    def run() -> str:
        with asking(Asking("ann", "0123456789abcdef.request-1")):
            try:
                paced.select(ENDLESS, LIMITS)
            except Exception as error:  # noqa: BLE001 what it is, is the question
                return getattr(error, "stable_code", repr(error))
        return "ended"

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run)
        store_server.wait_until_running("sipHash64")
        assert not running.done(), running.result()
        assert not cancel("0123456789abcdef.request-2", store)
        assert cancel("0123456789abcdef.request-1", store)
        assert running.result(15) == "search_cancelled"
    wait_for(lambda: store_server.running("sipHash64") == 0, what="the statement to end")
    assert not cancel("0123456789abcdef.request-1", store)


@pytest.mark.django_db(transaction=True)
def test_a_search_is_cancelled_by_whoever_asked_it_and_nobody_else(
    ann: Person, operator: Person, store: ClickHouseStore, shop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    def begin() -> None:
        begun.set()
        time.sleep(0.3)

    monkeypatch.setattr(search_api, "the_store", lambda: Late(store, moment=begin))

    def search() -> tuple[int, str]:
        headers = {**ann.headers, "X-Request-ID": "my-request-1"}
        try:
            answer = Client().post(SEARCH.format(shop), json.dumps({"limit": 1000, **DAY}), "application/json", headers=headers)
        finally:
            connections.close_all()
        return answer.status_code, answer.json()["error"]["code"]

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(search)
        assert begun.wait(15)
        assert operator.post("cancel/", {"request_id": "my-request-1"}) == {"cancelled": False}
        assert ann.post("cancel/", {"request_id": "my-request-1"}) == {"cancelled": True}
        assert running.result(15) == (409, "search_cancelled")
    assert ann.post("cancel/", {"request_id": "my-request-1"}) == {"cancelled": False}
    assert ann.refused("POST", "cancel/", {"request_id": "x"}) == (400, "search_request")


@pytest.mark.parametrize(
    ("pattern", "query", "fits"),
    [
        ("error", "error", True),
        ("error", "  ERROR ", True),
        ("error", "errors", False),
        ("*error*", "an error here", True),
        ("a*b*c", "a  b c", True),
        ("a*b*c", "acb", False),
        ("ab*ba", "aba", False),
        ("", "anything", True),
        ("*超时*", "连接超时", True),
        ("*" * 400, "x" * 5000, True),
    ],
)
def test_a_block_fits_a_pattern(ann: Person, operator: Person, shop: int, pattern: str, query: str, fits: bool) -> None:
    operator.post("block/", {"pattern": pattern, "index_set_id": shop, "reason": "it stops all others"})
    answer = ann.ask("POST", f"index_set/{shop}/search/", {"query": query, **DAY})
    if not fits:
        assert answer.status_code == 200
        return
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "search_blocked")
    assert "it stops all others" in answer.json()["error"]["message"]
    for path in ("aggs/date_histogram/", "export/", "download/"):
        assert ann.refused("POST", f"index_set/{shop}/{path}", {"query": query, **DAY}) == (403, "search_blocked"), path


def test_blocks_are_made_seen_and_taken_away(ann: Person, operator: Person, shop: int) -> None:
    assert ann.refused("POST", "block/", {"pattern": "x", "reason": "y"}) == (403, "permission_missing")
    everything, silent = {"pattern": "**", "reason": "all"}, {"pattern": "x", "reason": " "}
    for wrong in (everything, silent, {"pattern": 1, "reason": "y"}, {"other": 1}):
        assert operator.refused("POST", "block/", wrong) == (400, "block")
    made = operator.post("block/", {"owner": "ann", "reason": "too many", "expires_in_seconds": 3600})
    assert ann.get("block/")["items"] == [made]
    assert ann.refused("POST", f"index_set/{shop}/search/", DAY) == (403, "search_blocked")
    assert operator.search(shop)["rows"]
    assert ann.delete(f"block/{made['id']}/") == 403
    assert operator.delete(f"block/{made['id']}/") == 204
    assert operator.delete(f"block/{made['id']}/") == 404
    assert ann.search(shop)["rows"]


def test_a_block_holds_for_a_search_of_many(
    ann: Person, operator: Person, store: ClickHouseStore, shop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elastic_api, "the_store", lambda: store)
    monkeypatch.setattr(elastic_api, "the_catalogue", lambda: FieldCatalogue(store, LIMITS))
    operator.post("block/", {"pattern": "*slow*", "index_set_id": shop, "reason": "it stops all others"})
    asked = [{"query": {"query_string": {"query": query}}} for query in ("slow", "line")]
    body = "".join(f"{json.dumps(line)}\n" for one in asked for line in ({"index": "shop"}, one))
    headers = {"Authorization": ann.headers["Authorization"].replace("Bearer", "ApiKey")}
    answer = Client().post("/es/_msearch", body, "application/x-ndjson", headers=headers)
    assert answer.status_code == 200, answer.content
    assert [one["status"] for one in answer.json()["responses"]] == [403, 200]
