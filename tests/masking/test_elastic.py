"""What an index set hides, asked for in the words of Elasticsearch."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from bklog.collect.models import IndexSet
from tests.masking.reader import Reader
from tests.masking.shapes import LINES, PHONE, TOKEN, found_in


def elastic(reader: Reader, path: str, asked: Any) -> Any:
    """As Elasticsearch's clients ask; a list is a request of lines."""
    body = "".join(f"{json.dumps(one)}\n" for one in asked) if isinstance(asked, list) else json.dumps(asked)
    return Client().post(f"/es/{path}", body, "application/json", headers=reader.headers)


ELASTIC_ROWS: dict[str, Any] = {"top_hits": {"size": 100, "highlight": {"fields": {"*": {}}}}}
ELASTIC_SHOWN: dict[str, Any] = {"highlight": {"fields": {"*": {}}}, "fields": ["*"], "sort": ["@timestamp"], "size": 1000}
ELASTIC_QUERY: dict[str, Any] = {"query_string": {"query": "call card paid number as"}}


@pytest.mark.parametrize("name", ["user.phone", "log", "card"])
def test_no_aggregation_of_elasticsearch_tells_a_secret(reader: Reader, name: str) -> None:
    """Every one that says something of a field's values, below and above others: each level is a statement."""
    figures = {kind: {kind: {"field": name}} for kind in ("extended_stats", "percentiles", "cardinality", "value_count")}
    numbers = {"histogram": {"field": name, "interval": 1e12, "min_doc_count": 1}}
    terms = {"terms": {"field": name, "size": 1000, "missing": "-"}, "aggs": {**figures, "rows": ELASTIC_ROWS}}
    answer = elastic(reader, "secrets/_search", {"size": 0, "aggs": {"terms": terms, "numbers": numbers, **figures}})
    assert answer.status_code == 200, answer.content
    assert len(answer.json()["aggregations"]["terms"]["buckets"]) > 1
    assert found_in(answer.content) == []


@pytest.mark.parametrize("path", ["secrets/_search", "_msearch"])
def test_no_answer_in_the_words_of_elasticsearch_tells_a_secret(reader: Reader, path: str) -> None:
    filters = {"filters": {"filters": [{"match": {"log": "call"}}]}, "aggs": {"rows": ELASTIC_ROWS}}
    asked = {"query": ELASTIC_QUERY, "aggs": {"filters": filters}, **ELASTIC_SHOWN}
    answer = elastic(reader, path, [{"index": "secrets"}, ELASTIC_SHOWN, {}, asked] if path == "_msearch" else asked)
    assert answer.status_code == 200, answer.content
    assert b"_source" in answer.content
    assert found_in(answer.content) == []


def test_no_page_of_a_scroll_or_list_of_fields_tells_a_secret(reader: Reader) -> None:
    answer = elastic(reader, "secrets/_search?scroll=1m&size=40", {})
    rows = 0
    while hits := answer.json()["hits"]["hits"]:
        assert found_in(json.dumps(hits).encode()) == []
        rows += len(hits)
        answer = elastic(reader, "_search/scroll", {"scroll_id": answer.json()["_scroll_id"], "scroll": "1m"})
    assert rows == 2 * len(LINES)
    for path in ("secrets", "secrets/_mapping", "_mapping", "secrets/_field_caps?fields=*"):
        answer = Client().get(f"/es/{path}", headers=reader.headers)
        assert answer.status_code == 200, answer.content
        assert b"message" in answer.content
        assert found_in(answer.content) == []


@pytest.mark.parametrize("secret", [PHONE, TOKEN])
def test_no_condition_of_elasticsearch_tells_whether_a_secret_is_there(reader: Reader, secret: str) -> None:
    expression = "".join(f"[{one}]" for one in secret)
    assert elastic(reader, "secrets/_count", {"query": {"match_phrase": {"log": secret}}}).json()["count"] == 0
    filters = {"a": {"filters": {"filters": [{"wildcard": {"log": f"*{secret}*"}}, {"regexp": {"log": expression}}]}}}
    buckets = elastic(reader, "secrets/_search", {"size": 0, "aggs": filters}).json()["aggregations"]["a"]["buckets"]
    assert [one["doc_count"] for one in buckets] == [0, 0]


@pytest.mark.parametrize("masked", [{"term": {"user.phone": PHONE}}, {"prefix": {"card": "4"}}, {"range": {"pin": {"gte": 1}}}])
def test_a_condition_of_elasticsearch_on_a_masked_field_is_refused(reader: Reader, masked: dict[str, Any]) -> None:
    for body in ({"query": masked}, {"size": 0, "aggs": {"a": {"filters": {"filters": [masked]}}}}):
        refused = elastic(reader, "secrets/_search", body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "field_masked")


def test_index_sets_together_hide_what_any_of_them_hides(reader: Reader, index_set: IndexSet) -> None:
    """The same rows stand in an index set without rules: alone it shows them, with the other one it does not."""
    raw = IndexSet.objects.create(name="raw")
    raw.collectors.set(index_set.collectors.all())
    assert PHONE in found_in(elastic(reader, "raw/_search", {"size": 1000}).content)
    for names in ("raw,secrets", "*", "secrets,raw"):
        assert found_in(elastic(reader, f"{names}/_search", {"size": 1000}).content) == []
