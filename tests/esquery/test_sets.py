"""Which index sets there are, their fields, and the operators that conditions know."""

from __future__ import annotations

from bklog.collect.models import IndexSet, IndexSetAlias
from bklog.esquery.conditions import KEYS as CONDITION_KEYS
from tests.esquery.conftest import ALL, DAY, PAY_ROWS, Site


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


def test_an_index_set_without_a_collector_is_no_defect(site: Site) -> None:
    empty = IndexSet.objects.create(name="empty")
    assert (
        site.data("esquery_search/", {"indices": "empty", "aggs": {"a": {"terms": {"field": "level"}}}})["hits"]["total"] == 0
    )
    assert site.data(f"search/index_set/{empty.pk}/aggs/terms/", {"fields": ["level"]})["aggs"] == {"level": []}
    assert site.data("field/index_set/fetch_topk_list/", {"index_set_ids": [empty.pk], "agg_field": "a"})["values"] == []
    assert site.refused(f"search/index_set/{empty.pk}/search/", {}) == (400, "empty_index_set")
