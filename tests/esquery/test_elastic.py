"""esquery_search and esquery_dsl: what comes in as Elasticsearch's words is answered in them."""

from __future__ import annotations

from tests.esquery.conftest import ALL, DAY, ROWS, Site


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
