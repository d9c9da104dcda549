"""Each resource of the original, asked as its clients ask it, over known rows with Chinese text in a real store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from bklog.accounts.tokens import replace_api_token
from bklog.api.admission import BLOCKS, begun_turns
from bklog.blocks.models import Block
from bklog.collect.models import IndexSet, IndexSetAlias
from bklog.esquery.conditions import KEYS as CONDITION_KEYS
from bklog.esquery.rows import batch_number
from bklog.search import service
from bklog.search.asking import ASKING
from bklog.store.clickhouse import ClickHouseStore
from tests.esquery.conftest import DAY, PAY_ROWS, ROWS, Site

BATCH = batch_number(UUID(int=1))
ALL = [row["row"] for row in reversed(ROWS)]


def of(wanted: Any) -> list[int]:
    """The places of the rows of which it holds, newest first."""
    return [row["row"] for row in reversed(ROWS) if wanted(row)]


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({}, lambda row: True),
        ({"keyword": "支付"}, lambda row: True),
        ({"keyword": "timeout AND level:error"}, lambda row: row["level"] == "error"),
        ({"keyword": "level:error level:warn"}, lambda row: row["level"] != "info"),
        ({"keyword": "NOT serverIp:web0"}, lambda row: row["host"] == "web1"),
        ({"keyword": "user:用户*"}, lambda row: True),
        ({"keyword": '"10 ms"'}, lambda row: row["row"] == 1),
        ({"keyword": "dtEventTimeStamp:>=1795168806000"}, lambda row: row["row"] >= 6),
        ({"addition": [{"field": "user", "operator": "=", "value": ["用户1"]}]}, lambda row: row["row"] % 5 == 1),
        ({"addition": [{"field": "log", "operator": "contains", "value": ["付 time"]}]}, lambda row: True),
        ({"addition": [{"field": "status", "operator": ">", "value": [404]}]}, lambda row: row["row"] % 4 == 2),
        ({"filter": [{"key": "serverIp", "method": "is one of", "value": "web1,web7"}]}, lambda row: row["host"] == "web1"),
        (
            {
                "addition": [
                    {"field": "level", "operator": "=", "value": ["error"]},
                    {"field": "status", "operator": "=", "value": ["200"], "condition": "and"},
                    {"field": "level", "operator": "=", "value": ["info"], "condition": "or"},
                ]
            },
            lambda row: row["level"] == "info" or (row["level"] == "error" and row["fields"]["status"] == 200),
        ),
        ({"start_time": 1795168802, "end_time": "1795168804000"}, lambda row: 2 <= row["row"] <= 4),
        (
            {"start_time": "2026-11-20 18:00:02", "end_time": "2026-11-20 18:00:04", "time_zone": "Asia/Shanghai"},
            lambda row: 2 <= row["row"] <= 4,
        ),
    ],
)
def test_a_search_finds_what_it_says(site: Site, asked: dict[str, Any], wanted: Any) -> None:
    assert site.found(**asked) == of(wanted)
    total = site.data("esquery_search/", _in_esquery({"indices": "shop", "size": 0, **DAY, **asked}))["hits"]["total"]
    assert total == len(of(wanted))


def _in_esquery(body: dict[str, Any]) -> dict[str, Any]:
    """Under the names that esquery_search has for the same."""
    names = {"keyword": "query_string", "addition": "filter"}
    return {names.get(key, key): value for key, value in body.items()}


def test_a_page_has_the_shape_of_the_originals(site: Site) -> None:
    page = site.of_set("search", keyword="支付 AND level:error", begin=1, size=2, sort_list=[["dtEventTimeStamp", "asc"]])
    assert (page["total"], page["total_relation"], page["complete"], page["note"]) == (4, "eq", True, "")
    assert [row["iterationIndex"] for row in page["origin_log_list"]] == [4, 7]
    first, marked = page["origin_log_list"][1], page["list"][1]
    assert first["log"] == ROWS[7]["log"]
    assert marked["log"] == ROWS[7]["log"].replace("支付", "<mark>支付</mark>")
    assert {name: first[name] for name in ("dtEventTimeStamp", "serverIp", "path", "gseIndex", "user", "status")} == {
        "dtEventTimeStamp": "1795168807000",
        "serverIp": "web1",
        "path": "/var/log/shop.log",
        "gseIndex": BATCH,
        "user": "用户2",
        "status": 404,
    }
    assert page["fields"]["serverIp"] == {"max_length": 4}
    assert site.of_set("search", size=0)["list"] == []


def test_a_page_has_aggregations_beside_its_rows(site: Site) -> None:
    aggs = {"serverIp": {"terms": {"field": "serverIp"}, "aggs": {"last": {"max": {"field": "dtEventTimeStamp"}}}}}
    page = site.of_set("search", size=1, aggs=aggs, track_total_hits=True)
    assert page["total"] == 12
    assert page["aggs"] == page["aggregations"]
    buckets = page["aggs"]["serverIp"]["buckets"]
    assert [(one["key"], one["doc_count"], one["last"]["value"]) for one in buckets] == [
        ("web0", 6, 1795168805000.0),
        ("web1", 6, 1795168811000.0),
    ]


def test_an_empty_page_says_where_the_rows_are(site: Site) -> None:
    page = site.data(f"search_index_set/{site.index_set}/search/original/", {})
    assert (page["total"], page["list"]) == (0, [])
    assert "2026-11-20T10:00:11" in page["note"]


def test_a_sample_has_the_newest_rows_of_the_day(site: Site, store: ClickHouseStore) -> None:
    now = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
    rows = [{**ROWS[0], "time": str(now - timedelta(seconds=n)), "row": 50 + n, "batch": str(uuid4())} for n in range(5)]
    store.insert_rows("shop_rows", rows, token=uuid4().hex)
    page = site.data(f"search_index_set/{site.index_set}/search/original/", {"size": "2", "begin": 1})
    assert [row["iterationIndex"] for row in page["origin_log_list"]] == [51, 52]
    newest = site.data(f"search/index_set/{site.index_set}/tail_f/", {"zero": True, "size": 3})
    assert [row["iterationIndex"] for row in newest["list"]] == [52, 51, 50]
    assert site.data(f"search/index_set/{site.index_set}/tail_f/", {"zero": True, "serverIp": "elsewhere"})["list"] == []


def test_a_scroll_gives_every_row_once(site: Site) -> None:
    page = site.of_set("search", is_scroll_search=True, size=5, keyword="支付")
    found: list[int] = []
    while page["origin_log_list"]:
        assert page["total"] == 12
        assert all("<mark>支付</mark>" in row["log"] for row in page["list"])
        found += [row["iterationIndex"] for row in page["origin_log_list"]]
        page = site.of_set("search", scroll_id=page["scroll_id"])
    assert found == ALL


def test_a_page_leaves_as_a_file_of_json_lines(site: Site) -> None:
    path, body = f"search/index_set/{site.index_set}/export/", {**DAY, "keyword": "支付 AND level:error", "bk_biz_id": 2}
    answer = site.ask(path, {**body, "begin": 1, "size": 2, "export_fields": ["iterationIndex", "log", "nosuch"]})
    assert (answer.status_code, answer["Content-Disposition"]) == (200, 'attachment; filename="bk_log_search_shop.log"')
    lines = b"".join(answer).decode().splitlines()
    assert [json.loads(line) for line in lines] == [{"iterationIndex": n, "log": ROWS[n]["log"]} for n in (7, 4)]
    whole = [json.loads(line) for line in b"".join(site.ask(path, body)).splitlines()]
    assert whole == site.of_set("search", keyword=body["keyword"], size=100)["origin_log_list"]
    assert site.refused(path, {**body, "file_type": "csv"}) == (400, "search_request")


def test_esquery_answers_as_elasticsearch_and_scrolls(site: Site) -> None:
    asked = {
        "indices": "shop",
        "scenario_id": "log",
        "storage_cluster_id": 3,
        "use_time_range": True,
        "time_range": "customized",
        "time_field": "dtEventTimeStamp",
        **DAY,
        "query_string": "*",
        "filter": [],
        "sort_list": [["dtEventTimeStamp", "desc"], ["gseIndex", "desc"], ["iterationIndex", "desc"]],
        "start": 0,
        "size": 5,
        "aggs": {"over": {"date_histogram": {"field": "dtEventTimeStamp", "interval": "1d"}}},
        "highlight": {
            "pre_tags": ["<mark>"],
            "post_tags": ["</mark>"],
            "fields": {"*": {"number_of_fragments": 0}},
            "require_field_match": False,
        },
    }
    found = site.data("esquery_search/", {**asked, "scroll": "1m"})
    assert (found["timed_out"], found["_shards"]["failed"], found["hits"]["total"]) == (False, 0, 12)
    assert [one["doc_count"] for one in found["aggregations"]["over"]["buckets"]] == [12]
    hit = found["hits"]["hits"][0]
    assert (hit["_index"], hit["_type"], hit["_source"]["log"], hit["_source"]["iterationIndex"]) == (
        "shop",
        "_doc",
        ROWS[11]["log"],
        11,
    )
    places = []
    while hits := found["hits"]["hits"]:
        places += [one["_source"]["iterationIndex"] for one in hits]
        found = site.data("esquery_scroll/", {"indices": "shop", "scroll_id": found["_scroll_id"], "scroll": "1m"})
    assert places == ALL
    of_id = site.data("esquery_search/", {**DAY, "index_set_id": str(site.index_set), "query_string": "支付", "size": 1})
    assert of_id["hits"]["total"] == 12


def test_esquery_dsl_takes_a_body_of_elasticsearch(site: Site) -> None:
    body = {
        "query": {
            "bool": {
                "filter": [
                    {"range": {"dtEventTimeStamp": {"gte": 1795168802000, "lte": 1795168809000, "format": "epoch_millis"}}},
                    {"terms": {"serverIp": ["web1"]}},
                    {"query_string": {"query": "支付 AND NOT level:info"}},
                ]
            }
        },
        "sort": [{"dtEventTimeStamp": "asc"}],
        "_source": ["serverIp", "user"],
        "aggs": {"serverIp": {"terms": {"field": "serverIp"}, "aggs": {"rows": {"top_hits": {"size": 1}}}}},
    }
    found = site.data("esquery_dsl/", {"indices": "shop", "body": body})
    wanted = [row for row in ROWS if 2 <= row["row"] <= 9 and row["host"] == "web1" and row["level"] != "info"]
    assert [one["_source"] for one in found["hits"]["hits"]] == [
        {"serverIp": "web1", "user": row["fields"]["user"]} for row in wanted
    ]
    (bucket,) = found["aggregations"]["serverIp"]["buckets"]
    assert bucket["rows"]["hits"]["hits"][0]["_source"]["iterationIndex"] == wanted[-1]["row"]


def test_index_sets_are_listed_with_what_esquery_takes(site: Site, pay: int) -> None:
    found = {one["index_set_name"]: one for one in site.data("search_index_set/?space_uid=default", method="GET")}
    assert set(found) >= {"shop", "pay"}
    assert found["pay"]["tags"] == [{"name": "支付", "color": "green"}]
    (table,) = found["pay"]["indices"]
    total = site.data("esquery_search/", {**DAY, "indices": table["result_table_id"]})["hits"]["total"]
    assert total == len(PAY_ROWS)
    assert site.data("search_index_set/?space_uid=bkcc__2", method="GET") == []
    IndexSetAlias.objects.create(index_set_id=pay, name="refunds")
    for indices in ("shop,refunds", "*", "pay, shop"):
        assert site.data("esquery_search/", {**DAY, "indices": indices, "size": 0})["hits"]["total"] == 12 + len(PAY_ROWS)


def test_fields_and_operators_are_told(site: Site) -> None:
    path = f"search_index_set/{site.index_set}/fields/"
    listed = site.data(path, method="GET")
    types = {one["field_name"]: one["field_type"] for one in listed["fields"]}
    assert {
        "dtEventTimeStamp": "date",
        "serverIp": "keyword",
        "log": "text",
        "status": "long",
        "user": "keyword",
    }.items() <= types.items()
    assert {"time", "host"} & set(types) == set()
    assert listed["display_fields"] == ["dtEventTimeStamp", "log"]
    assert listed["sort_list"][0] == ["dtEventTimeStamp", "desc"]
    assert "path" in site.data(f"{path}?scope=search_context", method="GET")["display_fields"]
    IndexSet.objects.filter(pk=site.index_set).update(default_fields=["time", "host"], default_order="oldest")
    listed = site.data(path, method="GET")
    assert (listed["display_fields"], listed["sort_list"][0]) == (["dtEventTimeStamp", "serverIp"], ["dtEventTimeStamp", "asc"])
    assert site.found() == ALL[::-1]
    mapped = site.data("esquery_mapping/", {"indices": "shop"})[0]["shop"]["mappings"]["properties"]
    assert (mapped["serverIp"], mapped["deep"]["properties"]["a"]) == ({"type": "keyword"}, {"type": "keyword"})


def test_every_operator_that_is_told_is_understood(site: Site) -> None:
    """And generate_querystring writes what finds the same rows."""
    fields = {"text": "log", "long": "status", "date": "time"}
    values = {"log": "支付", "status": "404", "time": "2026-11-20T10:00:05Z"}
    told = site.data("search_index_set/operators/", method="GET")
    assert set(told) == {*fields, "keyword", "integer", "double", "boolean"}
    for kind, field in fields.items():
        for one in told[kind]:
            condition = {"field": field, "operator": one["operator"], "value": values[field]}
            assert set(condition) <= set(CONDITION_KEYS)
            text = site.data("search/index_set/generate_querystring/", {"addition": [condition]})["querystring"]
            assert site.found(addition=[condition]) == site.found(keyword=text), (kind, one)


def test_values_are_counted(site: Site, pay: int) -> None:
    asked = {**DAY, "fields": ["level", "user"], "size": 2, "order": {"_key": "asc"}}
    assert site.of_set("aggs/terms", asked) == {
        "aggs": {"level": [["error", 4], ["info", 4]], "user": [["用户0", 3], ["用户1", 3]]},
        "aggs_items": {"level": ["error", "info"], "user": ["用户0", "用户1"]},
    }
    both = site.data(
        "search/index_set/aggs/union_search/terms/", {**DAY, "fields": ["serverIp"], "index_set_ids": [site.index_set, pay]}
    )
    assert both["aggs"] == {"serverIp": [["pay", 6], ["web0", 6], ["web1", 6]]}
    whole = {"fields": ["level"], "time_dimension": -1}
    path = f"search/index_set/{site.index_set}/aggs/terms/"
    assert sum(count for _, count in site.data(path, whole)["aggs"]["level"]) == 12
    assert site.data(path, {"fields": ["level"]})["aggs"] == {"level": []}  # of the last day


def test_rows_are_counted_over_time(site: Site, pay: int) -> None:
    minute = {"start_time": "2026-11-20 18:00:00", "end_time": "2026-11-20 18:01:00", "time_zone": "Asia/Shanghai"}
    buckets = site.of_set("aggs/date_histogram", {**minute, "interval": "5m"})["aggs"]["group_by_histogram"]["buckets"]
    assert buckets == [{"key_as_string": "18:00", "key": 1795168800000, "doc_count": 12}]
    seconds = site.of_set("aggs/date_histogram", minute)["aggs"]["group_by_histogram"]["buckets"]
    assert len(seconds) == 61
    assert [one["doc_count"] for one in seconds] == [1] * 12 + [0] * 49
    grouped = site.of_set("aggs/date_histogram", {**minute, "interval": "1d", "group_field": "level"})
    (day,) = grouped["aggs"]["group_by_histogram"]["buckets"]
    assert {one["key"]: one["doc_count"] for one in day["level"]["buckets"]} == {"error": 4, "info": 4, "warn": 4}
    metric = {"term_filed": "user", "metric_type": "max", "metric_field": "status"}
    lines = site.of_set("aggs/date_histogram", {**minute, "interval": "1h", "fields": [{"term_filed": "level"}, metric]})[
        "aggs"
    ]
    assert lines["level"]["labels"] == ["2026-11-20 18"]
    assert {one["label"]: one["data"][0]["count"] for one in lines["level"]["datasets"]} == {"error": 4, "info": 4, "warn": 4}
    most = {one["label"]: one["data"][0]["value"] for one in lines["user"]["datasets"]}
    assert most == {f"用户{n}": max(row["fields"]["status"] for row in ROWS if row["row"] % 5 == n) for n in range(5)}
    both = site.data(
        "search/index_set/aggs/union_search/date_histogram/",
        {**minute, "interval": "1m", "index_set_ids": [str(site.index_set), pay], "begin": 0, "size": 500, "ip_chooser": {}},
    )
    assert [one["doc_count"] for one in both["aggs"]["group_by_histogram"]["buckets"]] == [12 + len(PAY_ROWS), 0]


def test_a_field_is_described(site: Site, pay: int) -> None:
    of_both = {**DAY, "bk_biz_id": 2, "index_set_ids": [site.index_set, pay], "keyword": "*"}
    assert site.data("field/index_set/statistics/total/", of_both) == {"total_count": 18}
    top = site.data(
        "field/index_set/fetch_topk_list/", {**of_both, "agg_field": "user", "limit": 1, "index_set_ids": [site.index_set]}
    )
    assert {name: top[name] for name in ("name", "total_count", "field_count", "distinct_count", "values")} == {
        "name": "user",
        "total_count": 12,
        "field_count": 12,
        "distinct_count": 5,
        "values": [["用户0", 3, 0.25]],
    }
    info = site.data(
        "field/index_set/statistics/info/",
        {**of_both, "index_set_ids": [site.index_set], "agg_field": "status", "field_type": "long"},
    )
    assert info["value_analysis"] == {"max": 502.0, "min": 200.0, "avg": 326.5, "median": 404.0}
    told = site.data("field/index_set/statistics/info/", {**of_both, "agg_field": "serverIp", "field_type": "keyword"})
    assert told == {"total_count": 18, "field_count": 18, "distinct_count": 3, "field_percent": 1.0}


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


def test_what_stands_around_a_row_is_found_by_the_row_as_it_came(site: Site) -> None:
    path = f"search_index_set/{site.index_set}/context/"
    row = next(one for one in site.of_set("search", size=100)["origin_log_list"] if one["iterationIndex"] == 3)
    without = {name: value for name, value in row.items() if name != "__id__"}
    for given in (row, without, {"__id__": row["__id__"]}):
        around = site.data(path, {**given, "size": 2, "zero": True})
        assert [one["iterationIndex"] for one in around["list"]] == [1, 2, 3, 4]
        assert (around["zero_index"], around["count_start"], around["total"]) == (2, 2, 4)
    before = site.data(path, {**row, "size": 2, "begin": -1})
    assert [one["iterationIndex"] for one in before["list"]] == [0, 1]
    assert [one["iterationIndex"] for one in site.data(path, {**row, "size": 2, "begin": 2})["list"]] == [5]
    assert site.data(path, {**row, "size": 2, "begin": -3})["list"] == []
    tail = f"search/index_set/{site.index_set}/tail_f/"
    assert [one["iterationIndex"] for one in site.data(tail, {**row, "size": 30})["list"]] == [4, 5]


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


def test_an_index_set_without_a_collector_is_no_defect(site: Site) -> None:
    empty = IndexSet.objects.create(name="empty")
    assert (
        site.data("esquery_search/", {"indices": "empty", "aggs": {"a": {"terms": {"field": "level"}}}})["hits"]["total"] == 0
    )
    assert site.data(f"search/index_set/{empty.pk}/aggs/terms/", {"fields": ["level"]})["aggs"] == {"level": []}
    assert site.data("field/index_set/fetch_topk_list/", {"index_set_ids": [empty.pk], "agg_field": "a"})["values"] == []
    assert site.refused(f"search/index_set/{empty.pk}/search/", {}) == (400, "empty_index_set")


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
