"""Every analysis, and the rows around a row, and those that come, of an index set that hides something."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from bklog.collect.models import IndexSet
from bklog.query import UNMASKED
from bklog.search.catalogue import FieldCatalogue
from bklog.search.tail.reading import Piece, Source, pieces
from bklog.search.tail.reading import Reader as TailReader
from bklog.search.tail.request import TailRequest
from bklog.store.clickhouse import ClickHouseStore
from tests.masking.reader import NAMES, PROBED, QUERIES, Reader
from tests.masking.shapes import CARD, LINES, NAME, PHONE, SECRETS, found_in
from tests.search.engine_store import LIMITS


def of_one_field(name: str) -> list[tuple[str, dict[str, Any]]]:
    """Every analysis that says something of a field's values, in each of its forms."""
    return [
        ("aggs/terms", {"fields": [name], "limits": [1000]}),
        ("aggs/terms", {"fields": [name], "limits": [1000], "approximate": True}),
        ("aggs/terms", {"fields": ["level", name, "log"], "limits": [5, 100, 20]}),
        ("aggs/date_histogram", {"field": name, "limit": 100}),
        ("aggs/distinct", {"field": name}),
        ("aggs/numbers", {"field": name, "percentiles": [0, 50, 100]}),
        ("fields/statistics", {"field": name, "limit": 1000}),
        ("fields/values", {"field": name, "limit": 1000}),
    ]


def analysed(reader: Reader, path: str, asked: dict[str, Any]) -> Any:
    return reader.post(f"{path}/", {"start": "now-1d", **asked})


def test_the_analyses_would_tell_the_secrets(trusted: Reader) -> None:
    """Without masking: else the tests below would prove nothing."""
    raw = b"".join(
        analysed(trusted, path, {**asked, "masking": False}).content
        for name in ("user.phone", "user.name", "log", "card")
        for path, asked in of_one_field(name)
    )
    assert {PHONE, NAME, CARD} <= set(found_in(raw))


def test_no_analysis_tells_a_secret(reader: Reader) -> None:
    """Each form of a few fields, and of every field its values: three to a question, as each takes the engine its time."""
    names = [one for one in NAMES if "@" not in one and one != "fields"]
    triples = [names[place : place + 3] for place in range(0, len(names), 3)]
    asked = [("aggs/terms", {"fields": triple, "limits": [40, 10, 10][: len(triple)]}) for triple in triples]
    asked += [one for name in ("user.phone", "log", "card") for one in of_one_field(name)]
    for path, given in asked:
        answer = analysed(reader, path, given)
        assert answer.status_code == 200, (path, given, answer.content)
        assert found_in(answer.content) == [], (path, given)


@pytest.mark.parametrize("query", QUERIES[::3])
def test_no_query_makes_an_analysis_tell_a_secret(reader: Reader, query: str) -> None:
    asked: list[tuple[str, dict[str, Any]]] = [("fields", {}), ("aggs/terms", {"fields": ["log"], "limits": [1000]})]
    for path, given in asked:
        answer = analysed(reader, path, {**given, "query": query})
        assert answer.status_code == 200, answer.content
        assert found_in(answer.content) == []
    counted = analysed(reader, "aggs/date_histogram", {"query": query}).json()["total"]
    assert counted == reader.count(query)


def test_masked_values_are_grouped_as_they_are_shown(reader: Reader) -> None:
    shown = {
        one["key"] for one in analysed(reader, "aggs/terms", {"fields": ["user.phone"], "limits": [1000]}).json()["buckets"]
    }
    assert "138***78" in shown
    completed = analysed(reader, "fields/values", {"field": "user.phone", "prefix": "138***"}).json()["values"]
    assert "138***78" in {one["key"] for one in completed}
    for place in (4, len(PHONE)):
        assert analysed(reader, "fields/values", {"field": "user.phone", "prefix": PHONE[:place]}).json()["values"] == []


def test_an_analysis_of_raw_values_needs_the_permission(
    reader: Reader, trusted: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    refused = analysed(reader, "aggs/terms", {"fields": ["user.phone"], "masking": False})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "permission_missing")
    assert analysed(reader, "aggs/terms", {"fields": ["log"], "masking": 0}).json()["error"]["code"] == "search_request"
    assert (
        analysed(reader, "aggs/terms", {"fields": ["log"], "query": "user.phone:138*"}).json()["error"]["code"]
        == "field_masked"
    )
    assert analysed(trusted, "aggs/terms", {"fields": ["user.phone"], "masking": False}).status_code == 200
    (line,) = (one for one in caplog.records if one.message == "RawValuesRead")
    assert (line.__dict__["reader"], line.__dict__["kind"]) == ("trusted", "terms")


def test_no_context_tells_a_secret(reader: Reader) -> None:
    rows = reader.search("*", limit=1000).json()["rows"]
    for scope in ("stream", "collector"):
        for row in (rows[0], rows[-1]):
            asked = {**{name: row[name] for name in ("time", "batch", "row")}, "scope": scope, "before": 1000, "after": 1000}
            answer = reader.post("context/", asked)
            assert answer.status_code == 200, answer.content
            assert found_in(answer.content) == []
            assert len(answer.json()["rows"]) == len(LINES)


def followed(index_set: IndexSet, store: ClickHouseStore, query: str, *, masked: bool = True, **asked: Any) -> Piece:
    """Everything in the index set, as a tail that began before it would have told it."""
    tables = tuple(collector.log_table for collector in index_set.collectors.all())
    masking = index_set.masking if masked else UNMASKED
    catalogue = FieldCatalogue(store, LIMITS)
    request = TailRequest(index_set.pk, query, masked=masked, **asked)
    reader = TailReader(request, Source(tables, masking), store=store, catalogue=catalogue, limits=LIMITS)
    (piece,) = pieces(reader.arrivals(0))
    return reader.read(piece, 10_000)


def test_a_tail_without_masking_would_tell_the_secrets(index_set: IndexSet, store: ClickHouseStore) -> None:
    """Else the test below would prove nothing."""
    assert set(found_in(followed(index_set, store, "*", masked=False).lines)) == set(SECRETS)


def test_no_tail_tells_a_secret(index_set: IndexSet, reader: Reader, store: ClickHouseStore) -> None:
    known = tuple(name for name in NAMES if "@" not in name and name not in ("fields", "log"))
    asked: list[dict[str, Any]] = [{}, {"fields": known}]
    for query in ("*", QUERIES[3]):
        for one in asked if query == "*" else asked[:1]:
            found = followed(index_set, store, query, **one)
            assert found_in(found.lines) == []
            assert len([json.loads(line) for line in found.lines.splitlines()]) == found.shown == reader.count(query)
    for secret in PROBED[:2]:  # the conditions are those of a search
        assert followed(index_set, store, json.dumps(secret, ensure_ascii=False)).shown == 0
