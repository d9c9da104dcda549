"""Values counted, rows counted over time, a field described: of one index set and of several."""

from __future__ import annotations

from tests.esquery.conftest import DAY, PAY_ROWS, ROWS, Site


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
