"""Index sets over the API: made, found by alias and tag, changed, deleted, and what their defaults do to a search."""

from __future__ import annotations

from typing import Any

import pytest

from bklog.collect.actions import create_collector, set_masking
from bklog.collect.drafts import Draft
from bklog.collect.models import Collector, IndexSet
from bklog.errors import Conflict
from bklog.query import Masking
from bklog.store.clickhouse import ClickHouseStore
from bklog.store.routed import RoutedStore
from tests.saved.site import Person, put

BOTH = {"name": "all-of-it", "collectors": ["near", "far"]}


def test_an_index_set_is_made_found_changed_and_deleted(ann: Person, near: Collector, far: Collector) -> None:
    made = ann.post("index_set/", {**BOTH, "aliases": ["everything"], "tags": ["生产"], "description": "两个"})
    assert {name: made[name] for name in ("collectors", "aliases", "tags", "description", "default_order")} == {
        "collectors": ["far", "near"],
        "aliases": ["everything"],
        "tags": ["生产"],
        "description": "两个",
        "default_order": "newest",
    }
    for query in ("name=everything", "name=all-of-it", "tag=生产"):
        assert [one["name"] for one in ann.get(f"index_set/?{query}")["items"]] == ["all-of-it"], query
    assert ann.get("index_set/?tag=none")["items"] == []
    changed = ann.patch(f"index_set/{made['id']}/", {"aliases": ["all"], "tags": [], "default_order": "oldest"})
    assert (changed["aliases"], changed["tags"], changed["default_order"]) == (["all"], [], "oldest")
    assert changed["collectors"] == ["far", "near"]
    assert ann.get(f"index_set/{made['id']}/") == changed
    assert ann.delete(f"index_set/{made['id']}/") == 204
    assert ann.refused("GET", f"index_set/{made['id']}/") == (404, "no_index_set")
    assert Collector.objects.count() == 2


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"collectors": []}, (400, "index_set")),
        ({"collectors": "near"}, (400, "index_set")),
        ({"collectors": ["nobody"]}, (400, "no_collector")),
        ({"name": "Über"}, (400, "index_set")),
        ({"name": None}, (400, "index_set")),
        ({"tags": ["a b"]}, (400, "index_set")),
        ({"tags": ["\ud800"]}, (400, "index_set")),
        ({"description": "x\0"}, (400, "index_set")),
        ({"default_order": "random"}, (400, "index_set")),
        ({"default_fields": [""]}, (400, "index_set")),
        ({"default_fields": ["nowhere"]}, (400, "unknown_field")),
        ({"aliases": ["all-of-it"]}, (400, "index_set")),
        ({"surprise": 1}, (400, "index_set")),
        ({"name": "near"}, (409, "index_set_exists")),
        ({"aliases": ["far"]}, (409, "index_set_exists")),
    ],
)
def test_what_cannot_be_is_refused(
    ann: Person, near: Collector, far: Collector, body: dict[str, Any], answer: tuple[int, str]
) -> None:
    before = IndexSet.objects.count()
    assert ann.refused("POST", "index_set/", {**BOTH, **body}) == answer
    assert IndexSet.objects.count() == before


def test_a_name_is_there_once(ann: Person, near: Collector, far: Collector, both: RoutedStore) -> None:
    made = ann.post("index_set/", {**BOTH, "aliases": ["everything"]})
    other = ann.post("index_set/", {"name": "other", "collectors": ["near"]})
    for name in ("all-of-it", "everything"):
        assert ann.refused("POST", "index_set/", {**BOTH, "name": name}) == (409, "index_set_exists")
        assert ann.refused("PATCH", f"index_set/{other['id']}/", {"aliases": [name]}) == (409, "index_set_exists")
    with pytest.raises(Conflict):
        create_collector(Draft("everything", 30), store=both)
    swapped = ann.patch(f"index_set/{made['id']}/", {"name": "everything", "aliases": ["all-of-it"]})
    assert (swapped["name"], swapped["aliases"]) == ("everything", ["all-of-it"])


def test_rows_stay_where_somebody_can_search_them(ann: Person, near: Collector, far: Collector) -> None:
    own = IndexSet.objects.get(name="near")
    assert ann.refused("DELETE", f"index_set/{own.pk}/") == (409, "last_index_set")
    assert ann.refused("PATCH", f"index_set/{own.pk}/", {"collectors": ["far"]}) == (409, "last_index_set")
    ann.post("index_set/", BOTH)
    assert ann.delete(f"index_set/{own.pk}/") == 204


def test_an_index_set_without_a_collector_is_told(ann: Person) -> None:
    hollow = IndexSet.objects.create(name="hollow")
    assert ann.refused("POST", f"index_set/{hollow.pk}/search/", {}) == (400, "empty_index_set")
    assert ann.refused("POST", "index_set/999/search/", {}) == (404, "no_index_set")


def test_what_the_platform_writes_into_stays_as_it_is(ann: Person, both: RoutedStore) -> None:
    create_collector(Draft("bklog-platform", 30), store=both)
    own = IndexSet.objects.get(name="bklog-platform")
    assert ann.refused("DELETE", f"index_set/{own.pk}/") == (409, "own_index_set")
    assert ann.refused("PATCH", f"index_set/{own.pk}/", {"name": "mine"}) == (409, "own_index_set")
    assert ann.patch(f"index_set/{own.pk}/", {"tags": ["own"]})["tags"] == ["own"]


def test_another_index_set_shows_nothing_that_the_first_one_hides(
    ann: Person, near: Collector, far: Collector, store: ClickHouseStore
) -> None:
    """Whoever may make one would else read what is masked."""
    put(store, near, ["call 13812345678"])
    rule = {"pattern": "1[3-9][0-9]{9}", "operator": "shield", "head": 3, "tail": 4}
    set_masking(IndexSet.objects.get(name="near"), Masking.from_list([rule]))
    made = ann.post("index_set/", BOTH)
    assert [row["log"] for row in ann.search(made["id"])["rows"]] == ["call 138***5678"]
    other = ann.post("index_set/", {"name": "other", "collectors": ["far"]})
    ann.patch(f"index_set/{other['id']}/", {"collectors": ["near", "far"]})
    assert [row["log"] for row in ann.search(other["id"])["rows"]] == ["call 138***5678"]


def test_defaults_are_what_a_search_does_not_say(ann: Person, near: Collector, store: ClickHouseStore) -> None:
    put(store, near, ["first", "second", "third"], host="web", fields={"user": "欧阳"})
    own = IndexSet.objects.get(name="near")
    ann.patch(f"index_set/{own.pk}/", {"default_fields": ["log", "user"], "default_order": "oldest"})
    found = ann.search(own.pk, limit=2)
    assert found["fields"] == ["log", "user"]
    assert [(row["log"], row["fields"], "host" in row) for row in found["rows"]] == [
        ("first", {"user": "欧阳"}, False),
        ("second", {"user": "欧阳"}, False),
    ]
    rest = ann.search(own.pk, limit=2, cursor=found["cursor"])
    assert [row["log"] for row in rest["rows"]] == ["third"]
    newest = ann.search(own.pk, order="newest", fields=["host"])
    assert ([row["host"] for row in newest["rows"]], "fields" in newest) == (["web"] * 3, False)
    everything = ann.search(own.pk, fields=["*"], order="newest")
    assert [(row["log"], row["host"]) for row in everything["rows"]] == [(one, "web") for one in ("third", "second", "first")]
    path = f"index_set/{own.pk}/search/"
    assert ann.refused("POST", path, {"order": "newest", "cursor": found["cursor"]}) == (400, "search_request")
    assert ann.refused("POST", path, {"order": "random"}) == (400, "search_request")


def test_a_default_field_that_no_row_has_any_more_holds_nobody_up(ann: Person, near: Collector, store: ClickHouseStore) -> None:
    put(store, near, ["first"])
    own = IndexSet.objects.get(name="near")
    own.default_fields = ["gone"]
    own.save()
    found = ann.search(own.pk)
    assert ([row["log"] for row in found["rows"]], "fields" in found) == (["first"], False)
    assert ann.refused("POST", f"index_set/{own.pk}/search/", {"query": "gone:1"}) == (400, "unknown_field")
