"""Favourites, history and short links over the API, and what goes by itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.signals import request_finished
from django.db import close_old_connections, connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bklog.api.saved import recorded
from bklog.collect.models import Collector, IndexSet
from bklog.collect.searchable import get_searchable
from bklog.saved.expiry import expire
from bklog.saved.history import QUIET_SECONDS, Recorder, list_history
from bklog.saved.models import Favourite, HistoryEntry, Link
from bklog.saved.search import SavedSearch
from bklog.tasks.saved import expire_saved
from tests.saved.site import Person

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CONDITION = {"field": "level", "operator": "=", "value": ["error"]}


@pytest.fixture
def asked(near: Collector) -> dict[str, Any]:
    """Of a search."""
    return {"index_set_id": IndexSet.objects.get(name="near").pk, "query": "超时 timeout", "start": "now-1h", "end": "now"}


def test_a_favourite_keeps_what_was_asked(ann: Person, asked: dict[str, Any]) -> None:
    made = ann.post("favourite/", {**asked, "name": "夜里的超时", "group": "值班", "addition": [CONDITION], "fields": ["log"]})
    assert made["search"] == {
        "query": "超时 timeout",
        "addition": [CONDITION],
        "start": "now-1h",
        "end": "now",
        "fields": ["log"],
    }
    assert (made["owner"], made["visibility"], made["space"], made["index_set"]) == ("ann", "personal", None, "near")
    changed = ann.patch(f"favourite/{made['id']}/", {"query": "error", "group": ""})
    assert (changed["search"]["query"], changed["search"]["start"], changed["group"]) == ("error", "now-1h", "")
    assert ann.get(f"favourite/{made['id']}/") == changed
    assert ann.delete(f"favourite/{made['id']}/") == 204
    assert ann.refused("GET", f"favourite/{made['id']}/") == (404, "no_favourite")


def test_a_name_is_there_once_in_a_group_of_a_holder(ann: Person, bob: Person, asked: dict[str, Any]) -> None:
    ann.post("favourite/", {**asked, "name": "x"})
    assert ann.refused("POST", "favourite/", {**asked, "name": "x"}) == (409, "favourite_exists")
    other = ann.post("favourite/", {**asked, "name": "x", "group": "g"})
    assert ann.refused("PATCH", f"favourite/{other['id']}/", {"group": ""}) == (409, "favourite_exists")
    bob.post("favourite/", {**asked, "name": "x"})
    bob.post("favourite/", {**asked, "name": "x", "visibility": "space"})
    assert ann.refused("POST", "favourite/", {**asked, "name": "x", "visibility": "space"}) == (409, "favourite_exists")
    assert Favourite.objects.count() == 4


def test_personal_ones_are_their_owners_and_shared_ones_everybodys(ann: Person, bob: Person, asked: dict[str, Any]) -> None:
    own = ann.post("favourite/", {**asked, "name": "own"})
    shared = ann.post("favourite/", {**asked, "name": "shared", "visibility": "space"})
    assert shared["space"] == "default"
    assert [one["name"] for one in bob.get("favourite/")["items"]] == ["shared"]
    assert [one["name"] for one in ann.get("favourite/")["items"]] == ["own", "shared"]
    assert [one["name"] for one in ann.get("favourite/?visibility=personal")["items"]] == ["own"]
    for method in ("GET", "PATCH", "DELETE"):
        assert bob.refused(method, f"favourite/{own['id']}/", {}) == (404, "no_favourite")
    assert bob.patch(f"favourite/{shared['id']}/", {"query": "better"})["owner"] == "ann"
    taken = bob.refused("PATCH", f"favourite/{shared['id']}/", {"visibility": "personal"})
    assert taken == (403, "favourite_owner")


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({}, (400, "favourite")),
        ({"name": " x"}, (400, "favourite")),
        ({"name": "x" * 65}, (400, "favourite")),
        ({"name": "\ud800"}, (400, "favourite")),
        ({"name": "x", "visibility": "world"}, (400, "favourite")),
        ({"name": "x", "surprise": 1}, (400, "favourite")),
        ({"name": "x", "query": "level:("}, (400, "query_syntax")),
        ({"name": "x", "query": "a\0b"}, (400, "no_text")),
        ({"name": "x", "start": "yesterday"}, (400, "time_syntax")),
        ({"name": "x", "addition": "level"}, (400, "search_request")),
        ({"name": "x", "query": "x " * 30_000}, (400, "query_too_large")),
        ({"name": "x", "index_set_id": 999}, (404, "no_index_set")),
        ({"name": "x", "index_set_id": "near"}, (400, "search_request")),
    ],
)
def test_a_favourite_that_could_not_be_asked_is_refused(
    ann: Person, asked: dict[str, Any], body: dict[str, Any], answer: tuple[int, str]
) -> None:
    assert ann.refused("POST", "favourite/", {**asked, **body}) == answer
    assert not Favourite.objects.exists()


def test_a_search_is_in_the_history_of_who_asked_it(ann: Person, bob: Person, asked: dict[str, Any]) -> None:
    index_set = asked["index_set_id"]
    for query in ("one", "two", "one"):
        ann.search(index_set, query=query)
    ann.search(index_set, query="one", addition=[CONDITION])
    ann.search(index_set, query="three", explain=True)
    assert ann.ask("POST", f"index_set/{index_set}/search/", {"query": "level:("}).status_code == 400
    items = ann.get("history/")["items"]
    assert [one["search"]["query"] for one in items] == ["one", "two", "one"]
    assert items[0]["search"]["addition"] == [CONDITION]
    assert items[0]["index_set"] == "near"
    assert bob.get("history/")["items"] == []
    assert bob.refused("DELETE", f"history/{items[0]['id']}/") == (404, "no_history")
    assert ann.delete(f"history/{items[0]['id']}/") == 204
    assert ann.ask("DELETE", "history/").json() == {"deleted": 2}
    ann.search(index_set, query="one")
    assert len(ann.get(f"history/?index_set_id={index_set}&limit=5")["items"]) == 1


def test_a_search_that_is_streamed_is_in_the_history_once(ann: Person, asked: dict[str, Any]) -> None:
    path = f"/api/v1/search/index_set/{asked['index_set_id']}/search/"
    body = {"query": "streamed", "start": "now-1d", "limit": 1}
    headers = {**ann.headers, "Accept": "application/x-ndjson"}
    answer = Client().post(path, json.dumps(body), content_type="application/json", headers=headers)
    events = [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]  # type: ignore[attr-defined]
    assert "result" in events[-1]
    assert [one["search"]["query"] for one in ann.get("history/")["items"]] == ["streamed"]


def test_the_answer_does_not_wait_for_the_history(ann: Person, asked: dict[str, Any]) -> None:
    """What is written is written when the answer is closed, and not again within a minute."""
    index_set = get_searchable(asked["index_set_id"])
    with CaptureQueriesContext(connection) as before:
        answer = recorded({"rows": []}, "ann", index_set, {"query": "x"})
    assert len(before) == 0
    close(answer)
    assert HistoryEntry.objects.count() == 1
    with CaptureQueriesContext(connection) as again:
        close(recorded({"rows": []}, "ann", index_set, {"query": "x"}))
    assert len(again) == 0


def close(answer: HttpResponse) -> None:
    """As the server does when it has sent it; the connection to the database is the test's."""
    request_finished.disconnect(close_old_connections)
    try:
        answer.close()
    finally:
        request_finished.connect(close_old_connections)


def test_a_history_is_bounded_and_the_latest_stay(db: None) -> None:
    clock = [0.0]
    recorder = Recorder(clock=lambda: clock[0])

    def ask(query: str, second: int) -> None:
        found = SavedSearch(1, "near", {"query": query, "start": f"now-{second + 1}s"})
        recorder.record("ann", found, now=NOW + timedelta(seconds=second), most=3)

    for second, query in enumerate(["a", "b", "c", "d"]):
        ask(query, second)
    assert [one["search"]["query"] for one in list_history("ann", index_set_id=None, limit=10)] == ["d", "c", "b"]
    clock[0] += QUIET_SECONDS
    ask("b", 10)
    found = list_history("ann", index_set_id=None, limit=10)
    assert [one["search"]["query"] for one in found] == ["b", "d", "c"]
    assert (found[0]["search"]["start"], found[0]["first_at"] < found[0]["last_at"]) == ("now-11s", True)


def test_a_link_keeps_the_range_or_freezes_it(ann: Person, bob: Person, asked: dict[str, Any]) -> None:
    kept = ann.post("link/", asked)
    frozen = ann.post("link/", {**asked, "freeze": True, "expires_in_days": 1})
    assert kept["search"] == {name: asked[name] for name in ("query", "start", "end")}
    opened = bob.get(f"link/{frozen['token']}/")
    assert opened == frozen
    times = [datetime.fromisoformat(frozen["search"][name]) for name in ("start", "end")]
    assert times[1] - times[0] == timedelta(hours=1)
    assert abs(datetime.now(UTC) - times[1]) < timedelta(minutes=1)
    assert len({kept["token"], frozen["token"]}) == 2
    assert len(kept["token"]) >= 22  # 128 random bits
    assert bob.post(opened["search_path"].removeprefix("/api/v1/search/"), opened["search"])["rows"] == []
    assert bob.get("link/")["items"] == []
    assert [one["token"] for one in ann.get("link/")["items"]] == [frozen["token"], kept["token"]]
    assert bob.refused("DELETE", f"link/{kept['token']}/") == (403, "link_owner")
    assert ann.delete(f"link/{kept['token']}/") == 204
    assert bob.refused("GET", f"link/{kept['token']}/") == (404, "no_link")


@pytest.mark.parametrize("body", [{"freeze": 1}, {"expires_in_days": 0}, {"expires_in_days": True}, {"surprise": 1}])
def test_a_link_that_is_none_is_refused(ann: Person, asked: dict[str, Any], body: dict[str, Any]) -> None:
    assert ann.refused("POST", "link/", {**asked, **body}) == (400, "search_request")


def test_what_is_over_goes_by_itself(ann: Person, asked: dict[str, Any]) -> None:
    """An expired link says so for a day; of an index set that is gone only favourites stay."""
    tokens = [ann.post("link/", asked)["token"] for _ in range(3)]
    for token, hours in zip(tokens, (-1, 1, 25), strict=True):
        Link.objects.filter(token=token).update(expires_at=datetime.now(UTC) - timedelta(hours=hours))
    assert ann.refused("GET", f"link/{tokens[1]}/") == (410, "link_expired")
    ann.search(asked["index_set_id"], query="x")
    ann.post("favourite/", {**asked, "name": "x"})
    expire_saved()
    assert ann.refused("GET", f"link/{tokens[2]}/") == (404, "no_link")
    assert (Link.objects.count(), HistoryEntry.objects.count()) == (2, 1)
    IndexSet.objects.get(name="near").delete()
    expire_saved()
    assert HistoryEntry.objects.count() == 1, "the index set may be newer than the list of those that there are"
    expire(index_sets=[], now=datetime.now(UTC) + timedelta(hours=2))
    assert (Link.objects.count(), HistoryEntry.objects.count()) == (0, 0)
    (favourite,) = ann.get("favourite/")["items"]
    assert (favourite["index_set"], favourite["index_set_exists"]) == ("near", False)
