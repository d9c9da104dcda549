"""What Grafana's Elasticsearch data source sends, in the shape of its own source, and what it reads of the answers."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import urllib3

from tests.elastic.shop import BEGIN, identity, millis

Rows = list[dict[str, Any]]
REQUESTS = {file.stem: json.loads(file.read_text()) for file in sorted((Path(__file__).parent / "grafana").glob("*.json"))}
FROM, TO = 1795132800000, 1795154400000
HTTP = urllib3.PoolManager(retries=False)


class Grafana:
    """Basic authentication with an API token as the password."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._headers = urllib3.make_headers(basic_auth=f"grafana:{token}")

    def get(self, path: str) -> Any:
        answer = HTTP.request("GET", f"{self._url}{path}", headers=self._headers)
        assert answer.status == 200, answer.data
        assert answer.headers["X-Elastic-Product"] == "Elasticsearch"
        return answer.json()

    def ask(self, name: str) -> Any:
        captured = REQUESTS[name]
        body = "".join(f"{json.dumps(captured[line])}\n" for line in ("header", "body"))
        headers = {**self._headers, "Content-Type": "application/x-ndjson"}
        answer = HTTP.request("POST", f"{self._url}/{captured['path']}", body=body, headers=headers)
        assert answer.status == 200, answer.data
        (found,) = answer.json()["responses"]
        assert found["status"] == 200, found
        return found


@pytest.fixture
def grafana(url: str, token: str) -> Grafana:
    return Grafana(url, token)


def test_the_requests_are_of_the_shop() -> None:
    assert int(BEGIN.timestamp() * 1000) == FROM
    assert set(REQUESTS) == {"logs", "logs_volume", "metric_over_time", "raw_data", "terms_by_metric", "variable_values"}


def test_a_data_source_is_saved_and_tested(grafana: Grafana) -> None:
    """Its version, its health, and the fields that its editor offers: dates to choose the time field, numbers for metrics."""
    assert grafana.get("")["version"]["number"].split(".")[0] == "8"
    assert grafana.get("/_cluster/health?wait_for_status=yellow")["status"] == "green"
    properties = grafana.get("/shop/_mapping")["shop"]["mappings"]["properties"]
    assert properties["@timestamp"]["type"] == "date"
    assert {name for name, one in properties.items() if one.get("type") in ("long", "double")} == {"status", "spent"}


def test_a_metric_over_time_by_level(grafana: Grafana, site: dict[str, Rows]) -> None:
    buckets = grafana.ask("metric_over_time")["aggregations"]["4"]["buckets"]
    rows = [row for row in site["shop"] if row["fields"]["status"] in (200, 404)]
    assert [one["key"] for one in buckets] == ["warn", "info", "error"]
    for bucket in buckets:
        own = [row for row in rows if row["level"] == bucket["key"]]
        assert bucket["doc_count"] == len(own)
        series = bucket["2"]["buckets"]
        assert [one["key"] for one in series] == list(range(FROM, TO + 1, 1_800_000))
        assert [one["key_as_string"] for one in series] == [str(one["key"]) for one in series]
        for point in series:
            spent = [row["fields"]["spent"] for row in own if point["key"] <= millis(row) < point["key"] + 1_800_000]
            found = point["doc_count"], point["1"]["value"], point["3"]["value"]
            assert found == (len(spent), max(spent, default=None), min(spent, default=None))


def test_the_users_with_the_highest_average(grafana: Grafana, site: dict[str, Rows]) -> None:
    buckets = grafana.ask("terms_by_metric")["aggregations"]["3"]["buckets"]
    spent: dict[str, list[float]] = {}
    for row in site["shop"]:
        if "user" in row["fields"]:
            spent.setdefault(row["fields"]["user"], []).append(row["fields"]["spent"])
    means = {user: fmean(values) for user, values in spent.items()}
    assert [one["key"] for one in buckets] == sorted(means, key=lambda user: -means[user])[:5]
    for bucket in buckets:
        assert bucket["1"]["value"] == pytest.approx(means[bucket["key"]])
        assert sum(one["doc_count"] for one in bucket["2"]["buckets"]) == len(spent[bucket["key"]])


def test_logs_with_their_histogram(grafana: Grafana, site: dict[str, Rows]) -> None:
    found = grafana.ask("logs")
    rows = [row for row in site["shop"] if "timeout" in row["log"]]
    hits = found["hits"]["hits"]
    newest = sorted(rows, key=lambda row: (row["time"], row["row"]), reverse=True)[:500]
    assert [hit["_id"] for hit in hits] == [identity(row) for row in newest]
    assert found["hits"]["total"]["value"] == len(rows)
    for hit, row in zip(hits, newest, strict=True):
        assert hit["fields"]["@timestamp"] == [row["time"].replace(" ", "T") + "Z"]
        assert hit["highlight"]["log"] == [row["log"].replace("timeout", "@HIGHLIGHT@timeout@/HIGHLIGHT@")]
        assert hit["sort"][0] == millis(row)
        assert hit["_source"]["log"] == row["log"]
    hours = Counter(millis(row) // 3_600_000 * 3_600_000 for row in rows)
    assert {one["key"]: one["doc_count"] for one in found["aggregations"]["1"]["buckets"] if one["doc_count"]} == hours


def test_the_volume_of_logs_by_level(grafana: Grafana, site: dict[str, Rows]) -> None:
    buckets = grafana.ask("logs_volume")["aggregations"]["3"]["buckets"]
    levels = Counter(row["level"] for row in site["shop"])
    counts = {name: one["doc_count"] for name, one in buckets.items()}
    assert counts == {
        "critical": 0, "error": levels["error"], "warning": levels["warn"], "unknown": levels["info"] + levels[""],
    }  # fmt: skip
    for bucket in buckets.values():
        assert len(bucket["2"]["buckets"]) == 361
        assert sum(one["doc_count"] for one in bucket["2"]["buckets"]) == bucket["doc_count"]


def test_raw_data_as_a_table(grafana: Grafana, site: dict[str, Rows]) -> None:
    hits = grafana.ask("raw_data")["hits"]["hits"]
    rows = [row for row in site["shop"] if row["host"] == "web-1"]
    newest = sorted(rows, key=lambda row: row["time"], reverse=True)[:50]
    assert [hit["_source"]["log"] for hit in hits] == [row["log"] for row in newest]


def test_the_values_of_a_variable(grafana: Grafana, site: dict[str, Rows]) -> None:
    buckets = grafana.ask("variable_values")["aggregations"]["1"]["buckets"]
    assert [one["key"] for one in buckets] == sorted({row["fields"]["user"] for row in site["shop"] if "user" in row["fields"]})
