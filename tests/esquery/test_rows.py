"""Rows of one index set, as a page, a sample, a scroll, a file and a row's surroundings, over known rows with Chinese text."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from bklog.esquery.rows import batch_number
from bklog.store.clickhouse import ClickHouseStore
from tests.esquery.conftest import ALL, DAY, ROWS, Site

BATCH = batch_number(UUID(int=1))


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
