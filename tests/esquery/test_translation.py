"""Bodies of the original's clients -> questions of the platform, and rows back; nothing is asked of a store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings

from bklog.errors import BklogError
from bklog.esquery.analyses import read_interval
from bklog.esquery.conditions import read_conditions
from bklog.esquery.names import body_in_our_names, in_our_names, lucene_text
from bklog.esquery.question import COMMON_KEYS, read_ids, read_order, read_paging, read_question
from bklog.esquery.rows import hit_of, in_their_names, marked_row, row_of
from bklog.query import Query, parse, read_cursor
from bklog.query.lucene import parse_lucene
from bklog.query.plan import Order
from bklog.query.tree import Node
from bklog.records import TimeRange
from bklog.search.context import ALL_TIME
from bklog.search.given import Given
from tests.query.trees import NODES

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BATCH = UUID("8a7b6c5d-0000-4000-8000-000000000001")


def asked(body: dict[str, Any], header: str = "") -> Any:
    return read_question(Given(body, COMMON_KEYS), now=NOW, zone=header)


@given(NODES)
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
def test_lucene_reads_a_tree_as_it_was_written(node: Node) -> None:
    for all_must in (False, True):
        assert parse_lucene(lucene_text(node), all_must=all_must).node == node


@pytest.mark.parametrize(
    ("keyword", "query"),
    [
        ("", "*"),
        ("  * ", "*"),
        ("error timeout", "error OR timeout"),
        ("error AND 支付", "error 支付"),
        ('serverIp: "10.0.0.1" AND NOT path: "/var/log/a.log"', 'host:"10.0.0.1" NOT path:"/var/log/a.log"'),
        ("dtEventTimeStamp: [1700000000000 TO *]", "time:>=1700000000000"),
        ("_exists_:serverIp", "_exists_:host"),
        ("level: (error OR warn) AND status: >=500", "(level:error OR level:warn) status:>=500"),
        ("fields.serverIp: a", "fields.serverIp:a"),
    ],
)
def test_a_keyword_is_read_as_lucene_reads_it(keyword: str, query: str) -> None:
    for name in ("keyword", "query_string"):
        found = asked({name: keyword})
        assert found.node == parse(query).node
        assert found.query == str(parse(query))
        assert parse_lucene(lucene_text(found.node), all_must=False).node == found.node


@pytest.mark.parametrize(
    ("conditions", "query"),
    [
        ([], "*"),
        ([{"field": "level", "operator": "=", "value": ["error", "warn"]}], 'level:"error" OR level:"warn"'),
        ([{"field": "level", "operator": "is one of", "value": "error, warn"}], 'level:"error" OR level:"warn"'),
        ([{"field": "level", "operator": "is not one of", "value": ["a", "b"]}], 'NOT (level:"a" OR level:"b")'),
        ([{"key": "serverIp", "method": "is", "value": "10.0.0.1"}], 'host:"10.0.0.1"'),
        ([{"key": "serverIp", "value": "10.0.0.1", "type": "field"}], 'host:"10.0.0.1"'),
        ([{"field": "user", "operator": "!=", "value": ["用户1"]}], 'NOT user:"用户1"'),
        ([{"field": "log", "operator": "contains", "value": ["支付"]}], "log:*支付*"),
        ([{"field": "log", "operator": "not contains", "value": ["a b"]}], "NOT log:*a\\ b*"),
        ([{"field": "log", "operator": "contains match phrase", "value": ["a b", "c"]}], 'log:"a b" OR log:"c"'),
        ([{"field": "log", "operator": "not contains match phrase", "value": ["a b"]}], 'NOT log:"a b"'),
        ([{"field": "log", "operator": "all contains match phrase", "value": ["a", "b"]}], 'log:"a" log:"b"'),
        ([{"field": "path", "operator": "=~", "value": ["/var/*.log"]}], "path:\\/var/*.log"),
        ([{"field": "path", "operator": "!=~", "value": ["a?c"]}], "NOT path:a?c"),
        ([{"field": "user", "operator": "exists", "value": ["0"]}], "_exists_:user"),
        ([{"field": "user", "operator": "does not exists"}], "NOT _exists_:user"),
        ([{"field": "ok", "operator": "is true", "value": []}], 'ok:"true"'),
        ([{"field": "ok", "operator": "is false"}], 'ok:"false"'),
        ([{"field": "status", "operator": ">=", "value": [500]}], "status:>=500"),
        ([{"field": "status", "operator": "lt", "value": "500"}], "status:<500"),
        ([{"field": "*", "operator": "contains match phrase", "value": ["a b"]}], '"a b"'),
        (
            [
                {"field": "a", "operator": "is", "value": "1"},
                {"field": "b", "operator": "is", "value": "2", "condition": "AND"},
                {"field": "c", "operator": "is", "value": "3", "condition": "or"},
                {"field": "d", "operator": "is", "value": "4"},
            ],
            '(a:"1" b:"2") OR (c:"3" d:"4")',
        ),
    ],
)
def test_conditions_mean_what_the_originals_mean(conditions: list[Any], query: str) -> None:
    assert read_conditions(conditions, "addition") == parse(query).node
    for name in ("addition", "filter"):
        assert asked({name: conditions}).node == parse(query).node


def test_everything_that_is_asked_holds_together() -> None:
    found = asked(
        {
            "keyword": "a b",
            "addition": [{"field": "level", "operator": "=", "value": ["error"]}],
            "filter": [{"key": "serverIp", "method": "is", "value": "h"}],
            "host_scopes": {"modules": [], "ips": "", "target_nodes": []},
            "ip_chooser": {},
            "bk_biz_id": 2,
        }
    )
    assert found.query == '(a OR b) level:"error" host:"h"'
    assert found.typed == "a b"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "start", "end"),
    [
        ({}, "2026-11-20 11:45:00", "2026-11-20 12:00:00"),
        ({"time_range": "1h", "start_time": "2020-01-01 00:00:00"}, "2026-11-20 11:00:00", "2026-11-20 12:00:00"),
        ({"start_time": "2026-11-20 10:00:00", "end_time": "2026-11-20 11:00:00"},
         "2026-11-20 10:00:00", "2026-11-20 11:00:00.001"),
        ({"start_time": "2026-11-20 18:00:00", "end_time": "2026-11-20 19:00:00", "time_zone": "Asia/Shanghai"},
         "2026-11-20 10:00:00", "2026-11-20 11:00:00.001"),
        ({"start_time": 1795168800, "end_time": 1795172400}, "2026-11-20 10:00:00", "2026-11-20 11:00:00.001"),
        ({"start_time": "1795168800000", "end_time": 1795172400000.0}, "2026-11-20 10:00:00", "2026-11-20 11:00:00.001"),
        ({"start_time": 1795168800000001, "end_time": "1795172400000000"},
         "2026-11-20 10:00:00.000001", "2026-11-20 11:00:00.001"),
        ({"start_time": "2026-11-20T18:00:00+08:00", "end_time": "2026-11-20T11:00:00Z", "time_range": "customized"},
         "2026-11-20 10:00:00", "2026-11-20 11:00:00.001"),
        ({"start_time": "2026-11-20", "end_time": "2026-11-20 11:00", "include_start_time": False, "include_end_time": False},
         "2026-11-20 00:00:00.001", "2026-11-20 11:00:00"),
        ({"end_time": "2026-11-20 11:00:00"}, "2026-11-20 10:45:00", "2026-11-20 11:00:00.001"),
        ({"start_time": "2026-11-20 10:00:00"}, "2026-11-20 10:00:00", "2026-11-20 12:00:00"),
    ],
)  # fmt: skip
def test_a_time_is_read_in_each_form(body: dict[str, Any], start: str, end: str) -> None:
    assert asked(body).time_range == TimeRange(moment(start), moment(end))


def test_a_zone_is_that_of_the_body_or_of_the_header() -> None:
    body = {"start_time": "2026-11-20 18:00:00"}
    assert asked(body, "Asia/Shanghai").time_range.start == moment("2026-11-20 10:00:00")
    assert asked({**body, "time_zone": "+09:00"}, "Asia/Shanghai").time_range.start == moment("2026-11-20 09:00:00")
    assert asked({"use_time_range": False}).time_range == ALL_TIME


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"start_time": "yesterday"}, "time_syntax"),
    ({"start_time": "2026-02-31 00:00:00"}, "time_syntax"),
    ({"start_time": "0001-01-01 00:00:00", "time_zone": "Asia/Shanghai"}, "time_syntax"),
    ({"end_time": {}}, "time_syntax"),
    ({"time_range": "a while"}, "search_request"),
    ({"start_time": "2026-11-20 11:00:00", "end_time": "2026-11-20 10:00:00"}, "time_range"),
    ({"time_zone": "Mars/North"}, "zone"),
    ({"keyword": "a AND (b"}, "query_syntax"),
    ({"keyword": "a", "query_string": "b"}, "search_request"),
    ({"keyword": 5}, "search_request"),
    ({"keyword": "gseIndex: 5"}, "unknown_field"),
    ({"keyword": "a " * 501}, "query_too_large"),
    ({"nonsense": 1}, "search_request"),
    ({"host_scopes": {"ips": "10.0.0.1"}}, "search_request"),
    ({"ip_chooser": {"node_list": [1]}}, "search_request"),
    ({"custom_indices": "2_bklog.a"}, "search_request"),
    ({"slice_search": True}, "search_request"),
    ({"addition": {}}, "search_request"),
    ({"addition": ["a"]}, "search_request"),
    ({"addition": [{"field": "a", "operator": "≈", "value": "b"}]}, "condition"),
    ({"addition": [{"field": "a", "operator": "=", "value": []}]}, "condition"),
    ({"addition": [{"field": "a", "operator": ">", "value": [1, 2]}]}, "condition"),
    ({"addition": [{"field": "a", "operator": "=", "value": {}}]}, "search_request"),
    ({"addition": [{"operator": "=", "value": "b"}]}, "search_request"),
    ({"addition": [{"field": "a", "value": "b", "condition": "xor"}]}, "search_request"),
    ({"addition": [{"field": "a", "value": "b", "type": "nested"}]}, "search_request"),
    ({"addition": [{"field": "a", "value": "b", "weight": 1}]}, "search_request"),
    ({"addition": [{"field": "iterationIndex", "value": "5"}]}, "unknown_field"),
    ({"filter": [{"field": "a", "value": "b"}] * 101}, "search_request"),
]


@pytest.mark.parametrize(("body", "code"), REFUSED)
def test_what_cannot_be_meant_is_refused_with_a_reason(body: dict[str, Any], code: str) -> None:
    with pytest.raises(BklogError) as refused:
        asked(body)
    assert refused.value.stable_code == code
    assert refused.value.hint or refused.value.fields


KEYS = ("begin", "size", "sort_list")


def test_pages_reach_ten_thousand_rows() -> None:
    assert read_paging(Given({"begin": "9990", "size": 10}, KEYS), "begin").begin == 9990
    assert read_paging(Given({}, KEYS), "begin").size == 10
    for body in ({"begin": 9991, "size": 10}, {"size": 10_001}, {"begin": -1}, {"size": "ten"}, {"size": 1.5}):
        with pytest.raises(BklogError):
            read_paging(Given(body, KEYS), "begin")


@pytest.mark.parametrize(
    ("keys", "order"),
    [
        (None, None),
        ([], None),
        ([["dtEventTimeStamp", "desc"], ["gseIndex", "desc"], ["iterationIndex", "desc"]], Order.NEWEST),
        ([["time", "asc"]], Order.OLDEST),
    ],
)
def test_rows_are_sorted_by_time(keys: Any, order: Order | None) -> None:
    assert read_order(Given({"sort_list": keys}, KEYS)) is order


@pytest.mark.parametrize(
    "keys",
    ["time", [["time"]], [["level", "asc"]], [["gseIndex", "asc"]], [["time", "up"]], [["time", "asc"], ["gseIndex", "desc"]]],
)
def test_another_order_is_refused(keys: Any) -> None:
    with pytest.raises(BklogError, match="sort"):
        read_order(Given({"sort_list": keys}, KEYS))


def test_ids_are_numbers_also_in_text() -> None:
    assert read_ids(["66", 53, 66], "index_set_ids") == [66, 53]
    for raw in ([], "66", [0], ["a"], [1.5], [True], [None], list(range(1, 102))):
        with pytest.raises(BklogError, match="index_set_ids"):
            read_ids(raw, "index_set_ids")


def test_a_body_of_elasticsearch_is_put_into_our_names_and_keeps_its_own() -> None:
    body = {
        "query": {"bool": {"filter": [
            {"range": {"dtEventTimeStamp": {"gte": 1795168800000, "format": "epoch_millis"}}},
            {"terms": {"serverIp": ["dtEventTimeStamp"]}},
            {"query_string": {"query": "serverIp: a b", "default_field": "log"}},
            {"query_string": {"query": "serverIp: a b", "default_operator": "AND"}},
        ]}},
        "sort": [{"dtEventTimeStamp": {"order": "desc"}}, {"gseIndex": "desc"}, "iterationIndex:desc"],
        "_source": ["serverIp"],
        "aggs": {"serverIp": {
            "terms": {"field": "serverIp", "order": {"dtEventTimeStamp": "desc"}},
            "aggs": {"dtEventTimeStamp": {"max": {"field": "dtEventTimeStamp"}}},
            "meta": {"serverIp": "serverIp"},
        }, "f": {"filters": {"filters": {"serverIp": {"exists": {"field": "serverIp"}}}}}},
    }  # fmt: skip
    assert body_in_our_names(body) == {
        "query": {"bool": {"filter": [
            {"range": {"@timestamp": {"gte": 1795168800000, "format": "epoch_millis"}}},
            {"terms": {"host": ["dtEventTimeStamp"]}},
            {"query_string": {"query": "host:a OR b", "default_field": "log"}},
            {"query_string": {"query": "host:a AND b", "default_operator": "AND"}},
        ]}},
        "sort": [{"@timestamp": {"order": "desc"}}, {"_doc": "desc"}, "_doc:desc"],
        "_source": ["host"],
        "aggs": {"serverIp": {
            "terms": {"field": "host", "order": {"dtEventTimeStamp": "desc"}},
            "aggs": {"dtEventTimeStamp": {"max": {"field": "@timestamp"}}},
            "meta": {"serverIp": "serverIp"},
        }, "f": {"filters": {"filters": {"serverIp": {"exists": {"field": "host"}}}}}},
    }  # fmt: skip


def test_names_are_put_into_every_place_of_a_tree() -> None:
    node = parse_lucene("NOT (serverIp:a AND _exists_:serverIp) OR dtEventTimeStamp:>5", all_must=False).node
    assert str(Query(in_our_names(node))) == "time:>5 NOT (host:a _exists_:host)"


ROW: dict[str, Any] = {
    "time": "2026-11-20T10:00:05.123456789Z",
    "batch": str(BATCH),
    "row": 7,
    "host": "10.0.0.1",
    "path": "/var/log/a.log",
    "stream": "",
    "level": "error",
    "log": "支付 failed",
    "parse_error": "",
    "fields": {"status": 500, "serverIp": "own", "host": "inner", "__ext": {"container_id": "c1"}},
    "highlight": [(0, 2)],
}


def test_a_row_has_the_originals_names() -> None:
    shown = row_of(ROW)
    cursor = read_cursor(shown.pop("__id__"))
    assert (cursor.time, cursor.batch, cursor.row) == (1795168805123456789, BATCH, 7)
    assert shown == {
        "dtEventTimeStamp": "1795168805123",
        "dtEventTimeStampNanos": "2026-11-20T10:00:05.123456789Z",
        "serverIp": "10.0.0.1",
        "path": "/var/log/a.log",
        "level": "error",
        "log": "支付 failed",
        "status": 500,
        "__ext": {"container_id": "c1"},
        "fields": {"host": "inner", "serverIp": "own"},
        "gseIndex": BATCH.int >> 75,
        "iterationIndex": 7,
    }
    assert shown["gseIndex"] < 2**53
    assert marked_row(ROW)["log"] == "<mark>支付</mark> failed"
    assert row_of({**ROW, "parse_error": "no JSON", "fields": {}})["__parse_failure"] is True


def test_a_hit_has_them_too_and_a_cut_one_no_more() -> None:
    hit = {"_index": "shop", "_id": f"{BATCH}-7", "_source": {"@timestamp": ROW["time"], "host": "h", "log": "x"}}
    whole = hit_of(hit)
    assert (whole["_type"], whole["_source"]["iterationIndex"], whole["_source"]["serverIp"]) == ("_doc", 7, "h")
    cut = hit_of({**hit, "_source": {"host": "h"}, "fields": {"@timestamp": [1]}})
    assert (cut["_source"], cut["fields"]) == ({"serverIp": "h"}, {"dtEventTimeStamp": [1]})
    nested = in_their_names({"a": {"buckets": [{"top": {"hits": {"total": 1, "hits": [hit]}}}]}})
    assert nested["a"]["buckets"][0]["top"]["hits"]["hits"] == [whole]


@pytest.mark.parametrize(
    ("length", "interval"),
    [
        (timedelta(minutes=1), "1s"),
        (timedelta(hours=1), "1m"),
        (timedelta(hours=6), "5m"),
        (timedelta(hours=72), "1h"),
        (timedelta(hours=73), "1d"),
    ],
)
def test_an_interval_fits_its_range(length: timedelta, interval: str) -> None:
    time_range = TimeRange(NOW, NOW + length + timedelta(milliseconds=1))
    assert read_interval(Given({}, ("interval",)), time_range) == interval
    assert read_interval(Given({"interval": "10s"}, ("interval",)), time_range) == "10s"
