"""Who is let in, and what is refused how: the gateway's header, the envelope, blocks, masking."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from bklog.accounts.tokens import replace_api_token
from bklog.api.admission import BLOCKS
from bklog.blocks.models import Block
from bklog.collect.models import IndexSet
from tests.esquery.conftest import ALL, DAY, Site


def test_who_asks_is_told_as_the_gateway_tells_it(site: Site) -> None:
    token = site.headers["Authorization"].removeprefix("Bearer ")
    for secret in ({"access_token": token}, {"bk_app_code": "shop", "bk_app_secret": token, "bk_username": "admin"}):
        assert site.data("search_index_set/", method="GET", headers={"X-Bkapi-Authorization": json.dumps(secret)})
    wrong = {"X-Bkapi-Authorization": json.dumps({"access_token": "nobody"})}
    assert site.refused("search_index_set/", method="GET", headers=wrong) == (401, "token_wrong")
    for header in ("{", "[]", '{"bk_app_code": "shop"}', '{"access_token": 5}', '{"access_token": "\\u4e2d"}', "x" * 20_000):
        none = site.refused("search_index_set/", method="GET", headers={"X-Bkapi-Authorization": header})
        assert none == (401, "token_missing")
    both = {**wrong, **site.headers}
    assert site.data("search_index_set/", method="GET", headers=both)
    assert (
        Client()
        .get("/api/v1/search/index_set/", headers={"X-Bkapi-Authorization": json.dumps({"access_token": token})})
        .status_code
        == 401
    )


def test_a_request_keeps_its_id(site: Site) -> None:
    asked = {**site.headers, "X-Request-ID": "night-shift-1"}
    assert site.ask("search_index_set/", method="GET", headers=asked).json()["request_id"] == "night-shift-1"
    assert site.ask("search_index_set/", method="GET", headers={**asked, "X-Request-ID": "<b>"}).json()["request_id"] == ""
    assert site.ask("esquery_search/", {"indices": "nope"}, headers=asked).json()["request_id"] == "night-shift-1"


ONE = {"index_set_id": 1}

NO_ROW = {"dtEventTimeStamp": 1795168805000, "iterationIndex": 5}

REFUSED: list[tuple[str, Any, tuple[int, str]]] = [
    ("search/index_set/999/search/", {}, (404, "no_index_set")),
    ("search/index_set/{}/search/", {"keyword": "a AND ("}, (400, "query_syntax")),
    ("search/index_set/{}/search/", {"keyword": "nosuchfield:1"}, (400, "unknown_field")),
    ("search/index_set/{}/search/", {"addition": [{"field": "nosuch", "value": "1"}]}, (400, "unknown_field")),
    ("search/index_set/{}/search/", {"size": 10_001}, (400, "limit")),
    ("search/index_set/{}/search/", {"begin": 9_999, "size": 2}, (400, "limit")),
    ("search/index_set/{}/search/", {"sort_list": [["level", "asc"]]}, (400, "search_request")),
    ("search/index_set/{}/search/", {"unheard_of": 1}, (400, "search_request")),
    ("search/index_set/{}/search/", {"scroll_id": "x"}, (404, "search_context_missing_exception")),
    ("search/index_set/{}/search/", {"aggs": {"a": {"nosuch": {}}}}, (400, "parsing_exception")),
    ("search/index_set/{}/search/", [], (400, "no_json")),
    ("esquery_search/", {}, (400, "search_request")),
    ("esquery_search/", {"indices": "nosuch"}, (404, "index_not_found_exception")),
    ("esquery_dsl/", {"indices": "shop"}, (400, "search_request")),
    ("esquery_dsl/", {"indices": "shop", "body": {"query": {"fuzzy": {}}}}, (400, "parsing_exception")),
    ("esquery_dsl/", {"indices": "shop", "body": {"sort": ["level"]}}, (400, "illegal_argument_exception")),
    ("esquery_scroll/", {"scroll_id": "x"}, (404, "search_context_missing_exception")),
    ("search/index_set/{}/aggs/terms/", {}, (400, "search_request")),
    ("search/index_set/{}/aggs/terms/", {"fields": ["level"], "order": {"x": "asc"}}, (400, "search_request")),
    ("search/index_set/{}/aggs/date_histogram/", {"interval": "soon"}, (400, "illegal_argument_exception")),
    ("search/index_set/{}/aggs/date_histogram/", {"interval": "1ms", "time_range": "30d"}, (400, "too_many_buckets_exception")),
    ("search/index_set/{}/aggs/date_histogram/", {"fields": [{"term_filed": ""}]}, (400, "search_request")),
    ("search/index_set/aggs/union_search/terms/", {"fields": ["level"]}, (400, "search_request")),
    ("search/index_set/union_search/", {"union_configs": [ONE, {"index_set_id": "1"}]}, (400, "search_request")),
    ("search/index_set/union_search/", {"union_configs": [{**ONE, "is_desensitize": False}]}, (400, "search_request")),
    ("search_index_set/{}/context/", {"gseIndex": 1}, (400, "row_identity")),
    ("search_index_set/{}/context/", {"__id__": "x"}, (400, "cursor")),
    ("search_index_set/{}/context/", {**NO_ROW, "gseIndex": 7}, (404, "row_not_found")),
    ("search_index_set/{}/context/", {"begin": -999, "size": 10}, (400, "limit")),
    ("search/index_set/{}/tail_f/", {"zero": True, "keyword": "error"}, (400, "search_request")),
    ("search/index_set/{}/tail_f/", {}, (400, "row_identity")),
    ("esquery_cluster/", {}, (404, "no_path")),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "told"), REFUSED)
def test_what_cannot_be_done_is_refused_in_the_envelope(site: Site, path: str, body: Any, told: tuple[int, str]) -> None:
    assert site.refused(path.format(site.index_set), body) == told


def test_values_of_no_field_are_refused(site: Site) -> None:
    asked = {"index_set_ids": [site.index_set]}
    assert site.refused("field/index_set/fetch_topk_list/", asked) == (400, "search_request")


def test_another_method_is_refused_with_what_is_possible(site: Site) -> None:
    answer = site.ask("esquery_search/", method="GET")
    assert (answer.status_code, answer["Allow"], answer.json()["error"]["code"]) == (405, "POST", "method_not_allowed")


def test_a_blocked_search_is_refused_on_every_way(site: Site) -> None:
    Block.objects.create(pattern="*支付*", reason="it stops the store", made_by="ops", index_set_id=site.index_set)
    BLOCKS.forget()
    try:
        blocked = [
            (f"search/index_set/{site.index_set}/search/", {**DAY, "keyword": "a 支付"}),
            (f"search/index_set/{site.index_set}/search/", {**DAY, "addition": [{"field": "log", "value": "支付"}]}),
            ("esquery_search/", {**DAY, "indices": "*", "query_string": "支付"}),
            ("esquery_dsl/", {"indices": "shop", "body": {"query": {"match": {"log": "支付"}}}}),
            (f"search/index_set/{site.index_set}/aggs/terms/", {"fields": ["level"], "keyword": "支付"}),
            ("search/index_set/union_search/", {"index_set_ids": [site.index_set], "keyword": "支付"}),
        ]
        for path, body in blocked:
            assert site.refused(path, body) == (403, "search_blocked"), path
        assert site.found(keyword="timeout") == ALL
    finally:
        BLOCKS.forget()


def test_raw_values_need_the_permission(site: Site) -> None:
    IndexSet.objects.filter(pk=site.index_set).update(masking_rules=[{"field": "user", "operator": "replace", "text": "某人"}])
    path = f"search/index_set/{site.index_set}/search/"
    users = {row["user"] for row in site.data(path, {**DAY, "size": 100})["origin_log_list"]}
    assert users == {"某人"}
    raw = {row["user"] for row in site.data(path, {**DAY, "size": 100, "is_desensitize": False})["origin_log_list"]}
    assert raw == {f"用户{n}" for n in range(5)}
    nobody = {"Authorization": f"Bearer {replace_api_token('nobody')}"}
    assert site.refused(path, {**DAY, "is_desensitize": False}, headers=nobody) == (403, "permission_missing")
    assert site.refused(path, {**DAY, "keyword": "user:用户1"}, headers=nobody) == (403, "field_masked")
