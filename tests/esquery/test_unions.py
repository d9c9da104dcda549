"""Searches of several index sets: where each goes on, and the places that they take of their spaces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bklog.api.admission import begun_turns
from bklog.collect.models import IndexSet
from bklog.collect.searchable import get_searchable, get_searchables
from bklog.errors import NotFound
from bklog.search import service
from bklog.search.asking import ASKING
from tests.esquery.conftest import DAY, PAY_ROWS, ROWS, Site


def test_a_union_search_goes_on_from_where_each_index_set_was(site: Site, pay: int) -> None:
    configs: list[dict[str, Any]] = [
        {"index_set_id": site.index_set, "begin": 0},
        {"index_set_id": str(pay), "is_desensitize": True},
    ]
    found: list[tuple[int, int]] = []
    while True:
        page = site.data("search/index_set/union_search/", {**DAY, "union_configs": configs, "size": 5})
        rows = [(row["__index_set_id__"], row["iterationIndex"]) for row in page["origin_log_list"]]
        if not rows:
            break
        assert page["total"] == 18
        found += rows
        configs = page["union_configs"]
    assert [place for _, place in found] == sorted((row["row"] for row in (*ROWS, *PAY_ROWS)), reverse=True)
    assert sorted(found) == sorted([*((site.index_set, row["row"]) for row in ROWS), *((pay, row["row"]) for row in PAY_ROWS)])
    fields = site.data("search/index_set/union_search/fields/", {"index_set_ids": [site.index_set, pay]})
    assert {"user", "serverIp"} <= {one["field_name"] for one in fields["fields"]}


@pytest.fixture
def one_place(pay: int, settings: Any) -> Iterator[str]:
    """Each space has one, and nobody waits; `pay` is of another space than `shop`."""
    settings.BKLOG_SEARCH_AT_ONCE_PER_SPACE, settings.BKLOG_SEARCH_WAITING = 1, 0
    IndexSet.objects.filter(pk=pay).update(space="refunds")
    begun_turns.cache_clear()
    yield "refunds"
    begun_turns.cache_clear()


def of_both(site: Site, pay: int) -> dict[str, Any]:
    return {**DAY, "union_configs": [{"index_set_id": site.index_set}, {"index_set_id": pay}]}


def test_a_union_takes_one_place_of_each_space_and_gives_them_back(site: Site, pay: int, one_place: str) -> None:
    both = of_both(site, pay)
    of_one = {**DAY, "indices": "shop,shop"}
    for _ in range(2):
        assert site.data("search/index_set/union_search/", both)["total"] == 18
        assert site.data("esquery_search/", of_one)["hits"]["total"] == 12
    for space in ("default", one_place):
        held = begun_turns().enter("somebody", space, seconds=600)
        answer = site.ask("search/index_set/union_search/", both)
        assert (answer.status_code, answer["Retry-After"], answer.json()["error"]["code"]) == (429, "1", "space_busy")
        begun_turns().leave(held)
    assert site.data("search/index_set/union_search/", both)["total"] == 18


def test_a_union_that_turns_out_long_leaves_the_places_of_all_its_spaces(
    site: Site, pay: int, one_place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    search, free = service.search, []

    def long_search(*args: Any, **kwargs: Any) -> Any:
        ASKING.get().turns_out_long()
        claims = [begun_turns().enter("somebody", space, seconds=0) for space in ("default", one_place)]
        free.extend(claims)
        for claim in claims:
            begun_turns().leave(claim)
        return search(*args, **kwargs)

    monkeypatch.setattr(service, "search", long_search)
    assert site.data("search/index_set/union_search/", of_both(site, pay))["total"] == 18
    assert len(free) == 4  # two index sets, each asked while both spaces had their place


def test_several_index_sets_are_looked_up_in_one_statement_in_the_order_that_is_asked(site: Site, pay: int) -> None:
    with CaptureQueriesContext(connection) as asked:
        assert [one.pk for one in get_searchables([pay, site.index_set])] == [pay, site.index_set]
    assert len(asked) == 1
    assert get_searchables([pay, site.index_set])[1] == get_searchable(site.index_set)
    with pytest.raises(NotFound, match="no index set 999"):
        get_searchables([pay, 999])
    assert site.data("esquery_search/", {**DAY, "indices": "nothing-*"})["hits"]["total"] == 0
