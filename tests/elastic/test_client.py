"""The official client: search, pages, aggregations and the cluster's own answers, compared with plain Python over the rows."""

from __future__ import annotations

import math
from collections import Counter
from datetime import datetime, timedelta
from statistics import fmean, pvariance
from typing import Any

import pytest
import urllib3
from elasticsearch import ApiError, AuthenticationException, BadRequestError, Elasticsearch, NotFoundError, helpers

from bklog.collect.models import Collector, IndexSet
from tests.elastic.shop import BEGIN, LEVELS, identity, millis

Rows = list[dict[str, Any]]
HOUR = 3_600_000
SHIFTED = {"gte": "2026-11-20T10:00", "time_zone": "+08:00"}
START = int(BEGIN.timestamp() * 1000)


def short(value: Any) -> str:
    """The id of a parameter, the same in every process."""
    return "rows" if callable(value) else str(value)[:60]


def dict_items(answer: Any) -> list[dict[str, Any]]:
    return list(answer)


def ids(answer: Any) -> list[str]:
    return [hit["_id"] for hit in answer["hits"]["hits"]]


def test_the_client_knows_what_it_talks_to(es: Elasticsearch) -> None:
    assert es.ping()
    assert es.info()["version"]["number"].startswith("8.")
    assert es.cluster.health()["status"] == "green"
    assert es.indices.exists(index="shop")
    assert not es.indices.exists(index="nothing")
    assert {one["name"] for one in es.indices.resolve_index(name="shop*")["indices"]} == {"shop", "shop-two", "shops"}
    listed = {one["index"]: one["docs.count"] for one in dict_items(es.cat.indices(format="json"))}
    assert listed == {"plain": "0", "shop": "3000", "shop-two": "500", "shops": "3500"}


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({"match_all": {}}, lambda row: True),
        ({"match_none": {}}, lambda row: False),
        ({"term": {"level": "error"}}, lambda row: row["level"] == "error"),
        ({"term": {"level": {"value": "ERROR", "boost": 2}}}, lambda row: row["level"] == "error"),
        ({"term": {"status": 404}}, lambda row: row["fields"]["status"] == 404),
        ({"term": {"ok": True}}, lambda row: row["fields"]["ok"]),
        ({"terms": {"user": ["user-1", "user-3"]}}, lambda row: row["fields"].get("user") in ("user-1", "user-3")),
        ({"terms": {"user": []}}, lambda row: False),
        ({"term": {"city": "北京"}}, lambda row: row["fields"].get("city") == "北京"),
        ({"match": {"log": "timeout logged"}}, lambda row: "timeout" in row["log"] or "logged" in row["log"]),
        ({"match": {"log": {"query": "TIMEOUT db", "operator": "and"}}}, lambda row: "timeout" in row["log"]),
        ({"match": {"message": "余额不足"}}, lambda row: "余额不足" in row["log"]),
        ({"match_phrase": {"log": "user logged in"}}, lambda row: "user logged in" in row["log"]),
        ({"match_phrase": {"log": "logged user"}}, lambda row: False),
        ({"match_phrase": {"log": {"query": "connection db", "slop": 2}}}, lambda row: "connection" in row["log"]),
        ({"match_phrase_prefix": {"log": "conn"}}, lambda row: "connection" in row["log"]),
        ({"multi_match": {"query": "timeout", "fields": ["log^2", "user"]}}, lambda row: "timeout" in row["log"]),
        ({"multi_match": {"type": "phrase", "query": "logged in", "lenient": True}}, lambda row: "logged in" in row["log"]),
        ({"range": {"status": {"gte": 404, "lt": 503}}}, lambda row: 404 <= row["fields"]["status"] < 503),
        ({"range": {"@timestamp": {"lt": "2026-11-20T01:00:00Z"}}}, lambda row: millis(row) < START + HOUR),
        ({"range": {"@timestamp": {"gte": START + HOUR, "lte": START + 2 * HOUR, "format": "epoch_millis"}}},
         lambda row: START + HOUR <= millis(row) <= START + 2 * HOUR),
        ({"range": {"@timestamp": SHIFTED}}, lambda row: millis(row) >= START + 2 * HOUR),
        ({"range": {"@timestamp": {"gte": "2026-11-20||+3h/h"}}}, lambda row: millis(row) >= START + 3 * HOUR),
        ({"range": {"@timestamp": {"gt": "2026-11-20"}}}, lambda row: False),
        ({"exists": {"field": "user"}}, lambda row: "user" in row["fields"]),
        ({"exists": {"field": "city"}}, lambda row: "city" in row["fields"]),
        ({"prefix": {"host": "web-1"}}, lambda row: row["host"] == "web-1"),
        ({"wildcard": {"user": {"value": "user-?"}}}, lambda row: "user" in row["fields"]),
        ({"wildcard": {"log": "conn*tion"}}, lambda row: "connection" in row["log"]),
        ({"regexp": {"user": "user-[12]"}}, lambda row: row["fields"].get("user") in ("user-1", "user-2")),
        ({"regexp": {"user": "ser-[12]"}}, lambda row: False),
        ({"query_string": {"query": "level:error AND timeout", "analyze_wildcard": True}},
         lambda row: row["level"] == "error" and "timeout" in row["log"]),
        ({"query_string": {"query": "timeout logged"}}, lambda row: "timeout" in row["log"] or "logged" in row["log"]),
        ({"query_string": {"query": "timeout cart", "default_operator": "AND"}}, lambda row: False),
        ({"query_string": {"query": "level:(error OR warn) -timeout"}},
         lambda row: row["level"] in ("error", "warn") and "timeout" not in row["log"]),
        ({"query_string": {"query": "status:>=500 +web"}}, lambda row: False),
        ({"query_string": {"query": "@timestamp:[2026-11-20T01:00:00Z TO 2026-11-20T02:00:00Z}"}},
         lambda row: START + HOUR <= millis(row) < START + 2 * HOUR),
        ({"constant_score": {"filter": {"term": {"nested.deep": 2}}}}, lambda row: row["fields"]["nested"]["deep"] == 2),
        ({"dis_max": {"queries": [{"term": {"status": 500}}, {"term": {"status": 503}}]}},
         lambda row: row["fields"]["status"] >= 500),
        ({"bool": {"filter": {"term": {"ok": False}}, "must_not": [{"exists": {"field": "user"}}]}},
         lambda row: not row["fields"]["ok"] and "user" not in row["fields"]),
        ({"bool": {"should": [{"term": {"level": "error"}}, {"term": {"status": 500}}]}},
         lambda row: row["level"] == "error" or row["fields"]["status"] == 500),
        ({"bool": {"must": [{"term": {"level": "error"}}], "should": [{"term": {"status": 500}}]}},
         lambda row: row["level"] == "error"),
        ({"bool": {"should": [{"term": {"level": "error"}}, {"term": {"status": 500}}, {"term": {"ok": True}}],
                   "minimum_should_match": 2}},
         lambda row: (row["level"] == "error") + (row["fields"]["status"] == 500) + row["fields"]["ok"] >= 2),
        ({"bool": {}}, lambda row: True),
    ],
    ids=short,
)  # fmt: skip
def test_a_query_finds_what_it_says(es: Elasticsearch, site: dict[str, Rows], query: dict[str, Any], wanted: Any) -> None:
    expected = sum(1 for row in site["shop"] if wanted(row))
    assert es.count(index="shop", query=query)["count"] == expected
    found = es.search(index="shop", query=query, size=3, track_total_hits=True)
    assert found["hits"]["total"] == {"value": expected, "relation": "eq"}
    newest = sorted(filter(wanted, site["shop"]), key=lambda row: (row["time"], row["row"]), reverse=True)
    assert ids(found) == [identity(row) for row in newest[:3]]


def test_a_hit_shows_its_row(es: Elasticsearch, site: dict[str, Rows]) -> None:
    row = site["shop"][-1]
    fields: list[Any] = ["user", {"field": "@timestamp", "format": "epoch_millis"}]
    inside: list[Any] = ["nested.*"]
    found = es.search(
        index="shop",
        query={"match_phrase": {"log": f"number={row['row']}"}},
        fields=fields,
        docvalue_fields=inside,
        highlight={"fields": {"*": {}}, "pre_tags": ["<"], "post_tags": [">"]},
        sort=[{"@timestamp": {"order": "desc", "format": "strict_date_optional_time_nanos"}}],
        version=True,
    )
    (hit,) = found["hits"]["hits"]
    written = row["time"].replace(" ", "T") + "Z"
    assert (hit["_index"], hit["_id"], hit["_score"], hit["_version"]) == ("shop", identity(row), None, 1)
    assert hit["_source"] == {
        "@timestamp": written,
        "host": "web-1",
        "path": "/var/log/shop.log",
        "log": row["log"],
        **row["fields"],
    }
    assert hit["fields"] == {
        "@timestamp": [str(millis(row))],
        "nested.deep": [row["fields"]["nested"]["deep"]],
        "user": [row["fields"]["user"]],
    }
    assert hit["highlight"] == {"log": [row["log"].replace(f"number={row['row']}", f"<number={row['row']}>")]}
    assert hit["sort"][0] == written
    chosen = es.search(index="shop", size=1, source_includes=["nested", "lo*"], source_excludes=["*.shallow"])
    assert set(chosen["hits"]["hits"][0]["_source"]) == {"nested", "log"}
    assert "_source" not in es.search(index="shop", size=1, source=False)["hits"]["hits"][0]


def test_hits_are_counted_as_far_as_asked(es: Elasticsearch) -> None:
    assert es.search(index="shop", size=0, track_total_hits=100)["hits"]["total"] == {"value": 100, "relation": "gte"}
    assert es.search(index="shop", size=0)["hits"]["total"] == {"value": 3000, "relation": "eq"}
    assert "total" not in es.search(index="shop", size=1, track_total_hits=False)["hits"]


def test_several_index_sets_are_one_search(es: Elasticsearch, site: dict[str, Rows]) -> None:
    everything = {identity(row) for name in ("shop", "shop_two") for row in site[name]}
    for index in ("shops", "shop,shop-two", "shop*", "_all", "*,-plain", "shop,shop-two,nothing-*"):
        assert es.count(index=index)["count"] == len(everything), index
    found = es.search(index="shop*", size=1000)
    assert {hit["_index"] for hit in found["hits"]["hits"]} == {"shop", "shop-two"}
    assert es.search(index="nothing-*")["hits"]["total"]["value"] == 0
    assert es.search(index="plain", aggs={"a": {"terms": {"field": "level"}}})["aggregations"]["a"]["buckets"] == []
    with pytest.raises(NotFoundError, match="index_not_found_exception"):
        es.search(index="nothing")
    assert es.search(index="nothing,shop-two", ignore_unavailable=True, size=0)["hits"]["total"]["value"] == 500


def test_scan_gives_every_row_once(es: Elasticsearch, site: dict[str, Rows]) -> None:
    query = {"query": {"term": {"level": "warn"}}}
    found = [hit["_id"] for hit in helpers.scan(es, index="shops", query=query, size=170)]
    wanted = [identity(row) for name in ("shop", "shop_two") for row in site[name] if row["level"] == "warn"]
    assert sorted(found) == sorted(wanted)
    in_order = [hit["_id"] for hit in helpers.scan(es, index="shop", query={"sort": "@timestamp:asc"}, preserve_order=True)]
    assert in_order == [identity(row) for row in sorted(site["shop"], key=lambda row: (row["time"], row["batch"], row["row"]))]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_of_a_point_in_time_are_not_moved_by_new_rows(
    es: Elasticsearch, site: dict[str, Rows], store: Any, order: str
) -> None:
    name = f"moving_{order}"
    moving = Collector.objects.create(name=name, table=name, index="full", clean_rule={"kind": "text"}, retention_days=3650)
    IndexSet.objects.create(name=name).collectors.set([moving])
    store.create_table(moving.log_table)
    store.insert_rows(name, site["shop_two"], token=name)
    opened = es.open_point_in_time(index=name, keep_alive="1m")["id"]
    late = {**site["shop_two"][250], "row": 100_000, "ingest_time": "2026-11-20 13:00:00"}
    store.insert_rows(name, [late], token=f"late-{order}")
    found: list[str] = []
    after = None
    while True:
        sort = [{"@timestamp": order}, {"_shard_doc": "asc"}]
        page = es.search(pit={"id": opened, "keep_alive": "1m"}, size=90, sort=sort, search_after=after)
        hits = page["hits"]["hits"]
        assert page["hits"]["total"]["value"] == len(site["shop_two"])
        if not hits:
            break
        found += ids(page)
        after, opened = hits[-1]["sort"], page["pit_id"]
    wanted = sorted(site["shop_two"], key=lambda row: (row["time"], row["row"]), reverse=order == "desc")
    assert found == [identity(row) for row in wanted]
    assert es.close_point_in_time(id=opened)["succeeded"]
    again = es.open_point_in_time(index=name, keep_alive="1m")["id"]
    assert es.search(pit={"id": again}, size=0)["hits"]["total"]["value"] == len(site["shop_two"]) + 1


def test_search_after_goes_on_without_a_point_in_time(es: Elasticsearch, site: dict[str, Rows]) -> None:
    first = es.search(index="shop", size=7, sort=[{"@timestamp": "asc"}])
    second = es.search(index="shop", size=7, sort=[{"@timestamp": "asc"}], search_after=first["hits"]["hits"][-1]["sort"])
    wanted = sorted(site["shop"], key=lambda row: (row["time"], row["batch"], row["row"]))
    assert [*ids(first), *ids(second)] == [identity(row) for row in wanted[:14]]
    behind = es.search(index="shop", size=1, sort=[{"@timestamp": "asc"}], search_after=[START + HOUR])
    assert ids(behind) == [next(identity(row) for row in wanted if millis(row) > START + HOUR)]


def test_an_expired_or_foreign_id_is_refused(es: Elasticsearch) -> None:
    short = es.open_point_in_time(index="shop", keep_alive="1ms")["id"]
    for opened in (short, short[:-2]):
        with pytest.raises(NotFoundError, match="search_context_missing_exception"):
            es.search(pit={"id": opened})
    for opened in (short, "x" * 500):
        with pytest.raises(NotFoundError, match="search_context_missing_exception"):
            es.scroll(scroll_id=opened, scroll="1m")


def hour_of(row: dict[str, Any]) -> int:
    return millis(row) // HOUR * HOUR


def counts(rows: Rows, value: Any) -> dict[Any, int]:
    return dict(Counter(found for row in rows if (found := value(row)) is not None))


def test_terms_with_metrics_inside(es: Elasticsearch, site: dict[str, Rows]) -> None:
    aggs: dict[str, Any] = {
        "users": {
            "terms": {"field": "user", "size": 3, "order": {"spent": "desc"}},
            "aggs": {
                "spent": {"avg": {"field": "spent"}},
                "all": {"extended_stats": {"field": "spent"}},
                "high": {"percentiles": {"field": "spent", "percents": [50, "99"]}},
                "cities": {"cardinality": {"field": "city"}},
                "named": {"value_count": {"field": "city"}},
                "last": {"top_hits": {"size": 1, "_source": ["user"]}},
                "when": {"max": {"field": "@timestamp"}},
            },
        }
    }
    found = es.search(index="shop", size=0, aggs=aggs)["aggregations"]["users"]
    by_user: dict[str, Rows] = {}
    for row in site["shop"]:
        if "user" in row["fields"]:
            by_user.setdefault(row["fields"]["user"], []).append(row)
    means = {user: fmean(row["fields"]["spent"] for row in rows) for user, rows in by_user.items()}
    shown = sorted(by_user, key=lambda user: (-means[user], user))[:3]
    assert [bucket["key"] for bucket in found["buckets"]] == shown
    assert found["sum_other_doc_count"] == sum(len(by_user[user]) for user in by_user if user not in shown)
    for bucket in found["buckets"]:
        rows = by_user[bucket["key"]]
        spent = sorted(row["fields"]["spent"] for row in rows)
        assert bucket["doc_count"] == len(rows)
        assert bucket["spent"]["value"] == pytest.approx(fmean(spent))
        stats = bucket["all"]
        assert (stats["count"], stats["min"], stats["max"], stats["sum"]) == (
            len(spent),
            spent[0],
            spent[-1],
            pytest.approx(sum(spent)),
        )
        assert stats["variance"] == pytest.approx(pvariance(spent))
        assert stats["std_deviation_bounds"]["upper"] == pytest.approx(fmean(spent) + 2 * math.sqrt(pvariance(spent)))
        assert bucket["high"]["values"] == {"50.0": spent[len(spent) // 2], "99.0": spent[int(0.99 * len(spent))]}
        assert bucket["cities"]["value"] == len({row["fields"].get("city") for row in rows} - {None})
        assert bucket["named"]["value"] == sum("city" in row["fields"] for row in rows)
        newest = max(rows, key=lambda row: (row["time"], row["row"]))
        (hit,) = bucket["last"]["hits"]["hits"]
        assert (hit["_id"], hit["_source"]) == (identity(newest), {"user": bucket["key"]})
        assert bucket["when"]["value"] == millis(newest)


def test_keys_have_the_type_of_their_field(es: Elasticsearch, site: dict[str, Rows]) -> None:
    aggs: dict[str, Any] = {
        "status": {"terms": {"field": "status", "order": {"_key": "desc"}}},
        "ok": {"terms": {"field": "ok"}},
        "level": {"terms": {"field": "level", "missing": "(none)", "order": [{"_count": "asc"}, {"_key": "asc"}]}},
        "city": {"terms": {"field": "city", "min_doc_count": 900}},
    }
    found = es.search(index="shop", size=0, aggs=aggs)["aggregations"]
    status = counts(site["shop"], lambda row: row["fields"]["status"])
    assert [(one["key"], one["doc_count"]) for one in found["status"]["buckets"]] == sorted(status.items(), reverse=True)
    assert [(one["key"], one["key_as_string"]) for one in found["ok"]["buckets"]] == [(0, "false"), (1, "true")]
    levels = counts(site["shop"], lambda row: row["level"] or "(none)")
    assert {one["key"]: one["doc_count"] for one in found["level"]["buckets"]} == levels
    cities = counts(site["shop"], lambda row: row["fields"].get("city"))
    assert {one["key"] for one in found["city"]["buckets"]} == {city for city, n in cities.items() if n >= 900}


def test_buckets_of_time_inside_terms_inside_filters(es: Elasticsearch, site: dict[str, Rows]) -> None:
    """Three levels: each is one statement, and what no row is in is shown as empty."""
    aggs: dict[str, Any] = {
        "kinds": {
            "filters": {"filters": {"slow": {"range": {"spent": {"gte": 10}}}, "failed": {"range": {"status": {"gte": 500}}}}},
            "aggs": {
                "users": {
                    "terms": {"field": "user", "size": 2},
                    "aggs": {
                        "hours": {
                            "date_histogram": {
                                "field": "@timestamp",
                                "fixed_interval": "60m",
                                "extended_bounds": {"min": START - HOUR, "max": START + 7 * HOUR},
                            },
                            "aggs": {"spent": {"sum": {"field": "spent"}}},
                        }
                    },
                }
            },
        }
    }
    found = es.search(index="shop", size=0, aggs=aggs)["aggregations"]["kinds"]["buckets"]
    wanted: dict[str, Any] = {
        "slow": lambda row: row["fields"]["spent"] >= 10,
        "failed": lambda row: row["fields"]["status"] >= 500,
    }
    assert set(found) == set(wanted)
    for name, meets in wanted.items():
        rows = [row for row in site["shop"] if meets(row)]
        users = counts(rows, lambda row: row["fields"].get("user"))
        top = sorted(users.items(), key=lambda item: (-item[1], item[0]))[:2]
        assert found[name]["doc_count"] == len(rows)
        assert [(one["key"], one["doc_count"]) for one in found[name]["users"]["buckets"]] == top
        for bucket in found[name]["users"]["buckets"]:
            own = [row for row in rows if row["fields"].get("user") == bucket["key"]]
            hours = counts(own, hour_of)
            spent: Counter[int] = Counter()
            for row in own:
                spent[millis(row) // HOUR * HOUR] += row["fields"]["spent"]
            shown = bucket["hours"]["buckets"]
            assert [one["key"] for one in shown] == [START + place * HOUR for place in range(-1, 8)]
            assert {one["key"]: one["doc_count"] for one in shown if one["doc_count"]} == hours
            assert {one["key"]: one["spent"]["value"] for one in shown} == pytest.approx(
                {one["key"]: spent[one["key"]] for one in shown}
            )


@pytest.mark.parametrize(
    ("interval", "width", "shift"),
    [
        ({"fixed_interval": "7m"}, 7 * 60_000, 0),
        ({"calendar_interval": "day", "time_zone": "Asia/Shanghai"}, 24 * HOUR, 8 * HOUR),
    ],
)
def test_buckets_of_time(es: Elasticsearch, site: dict[str, Rows], interval: dict[str, Any], width: int, shift: int) -> None:
    aggs = {"over": {"date_histogram": {"field": "@timestamp", "min_doc_count": 1, **interval}}}
    shown = es.search(index="shop", size=0, aggs=aggs)["aggregations"]["over"]["buckets"]
    assert {one["key"]: one["doc_count"] for one in shown} == counts(
        site["shop"], lambda row: (millis(row) + shift) // width * width - shift
    )
    times = [datetime.fromisoformat(one["key_as_string"]) for one in shown]
    assert [int(one.timestamp() * 1000) for one in times] == [one["key"] for one in shown]
    assert {one.utcoffset() for one in times} == {timedelta(milliseconds=shift)}


def test_buckets_of_numbers_missing_and_ranges(es: Elasticsearch, site: dict[str, Rows]) -> None:
    aggs: dict[str, Any] = {
        "spent": {"histogram": {"field": "spent", "interval": 2.5}},
        "nameless": {"missing": {"field": "user"}, "aggs": {"most": {"max": {"field": "spent"}}}},
        "ranges": {
            "range": {"field": "status", "ranges": [{"to": 300}, {"from": 300, "to": 500, "key": "mid"}, {"from": 500}]}
        },
        "failed": {"filter": {"term": {"status": 500}}, "meta": {"color": "red"}},
    }
    found = es.search(index="shop", size=0, aggs=aggs)["aggregations"]
    assert {one["key"]: one["doc_count"] for one in found["spent"]["buckets"]} == counts(
        site["shop"], lambda row: row["fields"]["spent"] // 2.5 * 2.5
    )
    nameless = [row for row in site["shop"] if "user" not in row["fields"]]
    assert found["nameless"] == {"doc_count": len(nameless), "most": {"value": max(row["fields"]["spent"] for row in nameless)}}
    assert [one["key"] for one in found["ranges"]["buckets"]] == ["*-300.0", "mid", "500.0-*"]
    assert [one["doc_count"] for one in found["ranges"]["buckets"]] == [1200, 600, 1200]
    assert found["failed"] == {"doc_count": 600, "meta": {"color": "red"}}


def test_aggregations_of_no_rows_are_there(es: Elasticsearch) -> None:
    aggs: dict[str, Any] = {
        "levels": {"terms": {"field": "level"}, "aggs": {"spent": {"stats": {"field": "spent"}}}},
        "spent": {"stats": {"field": "spent"}},
        "over": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1h"}},
        "last": {"top_hits": {}},
    }
    found = es.search(index="shop", size=0, query={"match_none": {}}, aggs=aggs)["aggregations"]
    assert found["levels"]["buckets"] == found["over"]["buckets"] == found["last"]["hits"]["hits"] == []
    assert found["spent"] == {"count": 0, "min": None, "max": None, "avg": None, "sum": 0.0}


def test_fields_and_their_types(es: Elasticsearch) -> None:
    properties = es.indices.get_mapping(index="shop")["shop"]["mappings"]["properties"]
    types = {
        name: properties[name].get("type") for name in ("@timestamp", "log", "level", "status", "spent", "ok", "user", "city")
    }
    assert types == {
        "@timestamp": "date", "log": "text", "level": "keyword", "status": "long", "spent": "double", "ok": "boolean",
        "user": "keyword", "city": "keyword",
    }  # fmt: skip
    assert properties["nested"] == {"properties": {"deep": {"type": "keyword"}}}
    found = es.field_caps(index="shop*", fields="status,nested.*")
    assert set(found["indices"]) == {"shop", "shop-two", "shops"}
    assert found["fields"]["status"] == {
        "long": {"type": "long", "metadata_field": False, "searchable": True, "aggregatable": True}
    }
    assert set(found["fields"]) == {"status", "nested.deep"}


def test_many_searches_in_one_request(es: Elasticsearch) -> None:
    searches: list[dict[str, Any]] = [
        {"index": "shop"}, {"query": {"term": {"level": "error"}}, "size": 0},
        {"index": "nothing"}, {},
        {}, {"query": {"nonsense": {}}},
        {"index": "nothing", "ignore_unavailable": True}, {},
    ]  # fmt: skip
    found = es.msearch(searches=searches, index="shop-two")["responses"]
    assert [one["status"] for one in found] == [200, 404, 400, 200]
    assert found[0]["hits"]["total"]["value"] == 3000 // len(LEVELS)
    assert found[1]["error"]["type"] == "index_not_found_exception"
    assert found[2]["error"]["root_cause"][0]["type"] == "parsing_exception"
    assert found[3]["hits"]["hits"] == []


def test_an_async_search_answers_at_once(es: Elasticsearch) -> None:
    found = es.async_search.submit(index="shop", size=1)
    assert (found["is_running"], found["is_partial"]) == (False, False)
    assert found["response"]["hits"]["total"]["value"] == 3000


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ({"query": {"more_like_this": {"like": "x"}}}, "parsing_exception"),
        ({"query": {"match": {"log": {"query": "x", "fuzziness": "AUTO"}}}}, "illegal_argument_exception"),
        ({"query": {"term": {"leve": "x"}}}, "query_shard_exception"),
        ({"query": {"query_string": {"query": "level:("}}}, "query_shard_exception"),
        ({"query": {"range": {"@timestamp": {"gte": "yesterday"}}}}, "parsing_exception"),
        ({"query": {"range": {"status": {"gte": "x"}}}}, "query_shard_exception"),
        ({"query": {"terms": {"user": [str(number) for number in range(501)]}}}, "illegal_argument_exception"),
        ({"sort": [{"status": "asc"}]}, "illegal_argument_exception"),
        ({"size": 10_001}, "illegal_argument_exception"),
        ({"from_": 9_999, "size": 10}, "illegal_argument_exception"),
        ({"search_after": [1]}, "illegal_argument_exception"),
        ({"collapse": {"field": "user"}}, "parsing_exception"),
        ({"query": {"range": {"@timestamp": {"gte": 1e308}}}}, "parsing_exception"),
        ({"aggs": {"a": {"b": {}}}}, "parsing_exception"),
        ({"aggs": {"a": {"terms": {"field": "user"}, "avg": {"field": "spent"}}}}, "parsing_exception"),
        ({"allow_no_indices": False}, "illegal_argument_exception"),
        ({"script_fields": {"x": {"script": "1"}}}, "illegal_argument_exception"),
        ({"aggs": {"a": {"significant_terms": {"field": "user"}}}}, "parsing_exception"),
        ({"aggs": {"a": {"terms": {"field": "user", "include": "x.*"}}}}, "parsing_exception"),
        ({"aggs": {"a": {"terms": {"field": "user", "order": {"b": "asc"}}}}}, "illegal_argument_exception"),
        ({"aggs": {"a": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1ms"}}}}, "too_many_buckets_exception"),
        ({"aggs": {"a": {"date_histogram": {"field": "@timestamp", "fixed_interval": "5x"}}}}, "illegal_argument_exception"),
    ],
    ids=short,
)  # fmt: skip
def test_what_is_not_supported_is_refused(es: Elasticsearch, asked: dict[str, Any], kind: str) -> None:
    with pytest.raises(ApiError) as refused:
        es.search(index="shop", **asked)
    body = refused.value.body
    assert (refused.value.status_code, body["status"], body["error"]["type"]) == (400, 400, kind)
    assert body["error"]["root_cause"][0]["reason"] == body["error"]["reason"]
    assert isinstance(refused.value, BadRequestError)


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("shop/_search", "[" * 100_000, "parsing_exception"),
        ("shop/_search", "[1]", "parsing_exception"),
        ("shop/_search", '{"query": {"term": {"level": "\\ud800"}}}', "parsing_exception"),
        ("shop/_search", '{"aggs": 5}', "parsing_exception"),
        ("plain/_search", '{"aggs": {"a": 5}}', "parsing_exception"),
        ("shop/_search", '{"query": {"range": {"spent": {"gte": NaN}}}}', "parsing_exception"),
        ("shop/_search", '{"sort": 5}', "parsing_exception"),
        ("shop/_search?nonsense=1", "{}", "parsing_exception"),
        ("_msearch", "{}", "parsing_exception"),
        ("_msearch", "{}\nnonsense\n", "parsing_exception"),
        ("_msearch", "{}\n{}\n" * 101, "parsing_exception"),
        ("_search/scroll", "{}", "parsing_exception"),
        ("shop/_pit", "", "parsing_exception"),
        ("shop/_search", " " * 17_000_000, "content_too_long_exception"),
    ],
    ids=short,
)
def test_bad_input_is_refused_with_a_reason(url: str, token: str, path: str, body: str, kind: str) -> None:
    headers = {"Authorization": f"ApiKey {token}", "Content-Type": "application/json"}
    answer = urllib3.request("POST", f"{url}/{path}", body=body, headers=headers, retries=False)
    failure = answer.json()
    assert (answer.status, failure["error"]["type"]) == (413 if kind.startswith("content") else 400, kind)
    assert (failure["status"], answer.headers["X-Elastic-Product"]) == (answer.status, "Elasticsearch")


def test_a_token_opens_the_door_in_each_form(url: str, token: str) -> None:
    ways: list[dict[str, Any]] = [
        {"api_key": token}, {"api_key": ("id", token)}, {"basic_auth": ("anybody", token)}, {"bearer_auth": token}
    ]  # fmt: skip
    for way in ways:
        with Elasticsearch(url, **way) as client:
            assert client.count(index="shop")["count"] == 3000
    with Elasticsearch(url, basic_auth=("elastic", "wrong")) as client:
        with pytest.raises(AuthenticationException) as refused:
            client.count(index="shop")
        assert refused.value.body["error"]["type"] == "security_exception"
