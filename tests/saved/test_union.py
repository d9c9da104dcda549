"""A search over collectors in two stores: newest first through all pages, and what became of each collector."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from bklog.collect.models import Collector
from bklog.errors import Unavailable
from bklog.records import Limits, Rows, Statement
from bklog.store.clickhouse import ClickHouseStore
from bklog.store.routed import RoutedStore
from tests.saved.site import Person, put

COUNT = 40


@pytest.fixture
def union(ann: Person, near: Collector, far: Collector) -> int:
    return int(ann.post("index_set/", {"name": "union", "collectors": ["near", "far"]})["id"])


@pytest.fixture
def filled(union: int, near: Collector, far: Collector, both: RoutedStore, store: ClickHouseStore) -> int:
    """Rows of one moment and of several, in both."""
    far_store = both.places()["far"]
    assert isinstance(far_store, ClickHouseStore)
    at = str(timezone.now().replace(microsecond=0, tzinfo=None))
    for place, collector in ((store, near), (far_store, far)):
        put(place, collector, [f"{collector.name} {number}" for number in range(COUNT)], time=at)
        put(place, collector, [f"{collector.name} later {number}" for number in range(COUNT)])
    return union


def broken(store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(statement: Statement, limits: Limits) -> Rows:
        raise Unavailable("the store does not answer", retry_after_seconds=1, code="store_down")

    monkeypatch.setattr(store, "select", away)


def identity(row: dict[str, Any]) -> tuple[str, str, int]:
    return row["time"], row["batch"], row["row"]


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize("limit", [7, 1000])
def test_pages_go_through_both_collectors_in_order_and_meet_each_row_once(
    ann: Person, filled: int, order: str, limit: int
) -> None:
    rows, cursor = [], None
    while True:
        page = ann.search(filled, limit=limit, order=order, **({"cursor": cursor} if cursor else {}))
        rows += page["rows"]
        assert page["statistics"]["complete"]
        if not (cursor := page["cursor"]):
            break
    assert len({identity(row) for row in rows}) == len(rows) == 4 * COUNT
    times = [row["time"] for row in rows]
    assert times == sorted(times, reverse=order == "newest")
    assert {row["log"].split()[0] for row in rows} == {"near", "far"}


def test_the_merged_order_is_that_of_one_statement(ann: Person, near: Collector, store: ClickHouseStore, union: int) -> None:
    """Of rows of one moment the engine orders by batch, in an order of its own: a cursor relies on it."""
    at = str(timezone.now().replace(microsecond=0, tzinfo=None))
    put(store, near, [str(number) for number in range(COUNT)], time=at)
    alone = ann.post("index_set/", {"name": "alone", "collectors": ["near"]})["id"]
    found = [[row["log"] for row in ann.search(one, limit=COUNT)["rows"]] for one in (alone, union)]
    assert found[0] == found[1]
    assert len(found[0]) == COUNT


def test_each_collector_is_told_of(ann: Person, filled: int) -> None:
    page = ann.search(filled, limit=5)["statistics"]
    assert [(one["collector"], one["complete"]) for one in page["sources"]] == [("far", True), ("near", True)]
    assert sum(one["rows_read"] for one in page["sources"]) == page["rows_read"] > 0
    counted = ann.search(filled, count=True)
    assert (counted["count"], len(counted["statistics"]["sources"])) == (4 * COUNT, 2)
    explained = ann.search(filled, explain=True)["explanation"]
    assert [one in explained["engine"] for one in ("far\n", "near\n")] == [True, True]


def test_a_store_that_is_away_leaves_an_answer_that_says_so(
    ann: Person, filled: int, both: RoutedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    far_store = both.places()["far"]
    assert isinstance(far_store, ClickHouseStore)
    broken(far_store, monkeypatch)
    page = ann.search(filled, limit=1000)
    assert {row["log"].split()[0] for row in page["rows"]} == {"near"}
    assert not page["statistics"]["complete"]
    failed, well = page["statistics"]["sources"]
    assert (failed["collector"], failed["complete"], failed["error"]["code"]) == ("far", False, "store_down")
    assert (well["collector"], well["complete"]) == ("near", True)
    assert "far was not searched" in page["note"]
    assert ann.search(filled, count=True)["count"] == 2 * COUNT
    nothing = ann.search(filled, query="nothing")
    assert "far was not searched" in nothing["note"]
    assert "no row matches" in nothing["note"]


def test_where_no_collector_answers_it_is_an_error(
    ann: Person, filled: int, both: RoutedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in both.places().values():
        assert isinstance(place, ClickHouseStore)
        broken(place, monkeypatch)
    assert ann.refused("POST", f"index_set/{filled}/search/", {"start": "now-1d"}) == (503, "store_down")


def test_what_the_asker_can_mend_is_an_error(ann: Person, filled: int) -> None:
    path = f"index_set/{filled}/search/"
    assert ann.refused("POST", path, {"query": "/(/"}) in ((400, "bad_regex"), (400, "query_syntax"))
    assert ann.refused("POST", path, {"query": "/(?=x)/"}) == (400, "bad_regex")


def test_an_analysis_over_two_stores_is_refused(ann: Person, filled: int) -> None:
    """Its figures cannot be put together from two answers."""
    refused = ann.refused("POST", f"index_set/{filled}/aggs/terms/", {"fields": ["log"]})
    assert refused == (400, "several_stores")
