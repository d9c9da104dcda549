"""The official Elasticsearch client through the entry port of a real fleet: uWSGI, Django, the store behind HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import AuthenticationException, Elasticsearch, helpers

from tests.running_fleet import RunningFleet

pytestmark = pytest.mark.fleet
LINES = 2_500


def test_the_client_searches_what_came_in(fleet: RunningFleet, tmp_path: Path) -> None:
    file = tmp_path / "orders.jsonl"
    rows = [{"level": ("info", "error")[number % 2], "order": number, "text": f"订单 {number} paid"} for number in range(LINES)]
    written = [json.dumps(row, ensure_ascii=False) for row in rows]
    file.write_text("".join(f"{line}\n" for line in written), encoding="utf-8")
    fleet.bklog("ingest", "--collector", "orders", "--json", str(file))
    token = fleet.api_headers["Authorization"].removeprefix("Bearer ")
    with Elasticsearch(f"{fleet.url}/es", basic_auth=("grafana", token), request_timeout=60) as es:
        assert es.ping()
        assert es.cluster.health(wait_for_status="yellow")["status"] == "green"
        listed = {one["index"]: one["docs.count"] for one in es.cat.indices(format="json", index="orders")}  # type: ignore[index]
        assert listed == {"orders": str(LINES)}
        lines = [hit["_source"]["log"] for hit in helpers.scan(es, index="orders", size=700)]
        assert sorted(lines) == sorted(written)
        searches: list[dict[str, Any]] = [{"index": "orders"}, {"query": {"match": {"log": "订单"}}, "size": 1}]
        (found,) = es.msearch(searches=searches)["responses"]
        assert found["hits"]["total"]["value"] == LINES
    with (
        Elasticsearch(f"{fleet.url}/es", api_key="nobody") as es,
        pytest.raises(AuthenticationException, match="security_exception"),
    ):
        es.search(index="orders")
