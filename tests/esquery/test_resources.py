"""Each resource of the original, asked as its clients ask it, over known rows with Chinese text in a real store."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from bklog.accounts.actions import replace_api_token
from bklog.api.original_door import PREFIX
from bklog.blocks.models import Block
from bklog.collect.models import Collector, IndexSet
from bklog.esquery.rows import batch_number
from bklog.store.clickhouse import ClickHouseStore
from tests.openapi.conftest import BEGIN, ROWS, Platform
from tests.openapi.conftest import platform as platform  # noqa: PLC0414 - a fixture
from tests.openapi.conftest import store as store  # noqa: PLC0414 - a fixture
from tests.store.conftest import store_server as store_server  # noqa: PLC0414 - a fixture

DAY = {"start_time": "2026-11-20 00:00:00", "end_time": "2026-11-20 23:59:59"}
BATCH = batch_number(UUID(int=1))


class Site:
    def __init__(self, platform: Platform) -> None:
        self.headers = platform.headers
        self.index_set = platform.ids["index_set_id"]

    def ask(self, path: str, body: Any = None, *, method: str = "POST", **headers: str) -> Any:
        data = b"" if body is None else json.dumps(body).encode()
        return Client().generic(method, PREFIX + path, data, "application/json", headers={**self.headers, **headers})

    def data(self, path: str, body: Any = None, *, method: str = "POST", **headers: str) -> Any:
        answer = self.ask(path, body, method=method, **headers)
        assert answer.status_code == 200, answer.content
        content = answer.json()
        assert {"result": True, "code": 0, "message": ""}.items() <= content.items()
        return content["data"]

    def refused(self, path: str, body: Any, *, method: str = "POST", **headers: str) -> tuple[int, str]:
        answer = self.ask(path, body, method=method, **headers)
        content = answer.json()
        assert (content["result"], content["data"], content["code"]) == (False, None, answer.status_code)
        assert content["message"] == content["error"]["message"]
        assert content["error"]["hint"] or content["error"].get("expected")
        return answer.status_code, content["error"]["code"]

    def search(self, **asked: Any) -> Any:
        return self.data(f"search/index_set/{self.index_set}/search/", {**DAY, **asked})

    def found(self, **asked: Any) -> list[int]:
        """By the places of the rows, newest first."""
        return [row["iterationIndex"] for row in self.search(size=100, **asked)["origin_log_list"]]


@pytest.fixture
def site(platform: Platform) -> Site:
    return Site(platform)


def of(wanted: Any) -> list[int]:
    return [row["row"] for row in reversed(ROWS) if wanted(row)]


def test_smoke(site: Site, store: ClickHouseStore) -> None:
    n = site.index_set
    for path, body in [
        ("esquery_search/", {"indices": "shop", **DAY, "size": 2, "aggs": {"serverIp": {"terms": {"field": "serverIp"}}}}),
        (
            "esquery_dsl/",
            {"indices": "shop", "body": {"query": {"range": {"dtEventTimeStamp": {"gte": "2026-11-20"}}}, "size": 1}},
        ),
        ("esquery_mapping/", {"indices": "shop"}),
        (
            f"search/index_set/{n}/search/",
            {**DAY, "keyword": "支付", "size": 1, "addition": [{"field": "level", "operator": "=", "value": ["error"]}]},
        ),
        (f"search_index_set/{n}/search/original/", {}),
        (f"search/index_set/{n}/aggs/terms/", {**DAY, "fields": ["level", "serverIp", "user"]}),
        (f"search/index_set/{n}/aggs/date_histogram/", {**DAY, "interval": "1h", "group_field": "level"}),
        (f"search/index_set/{n}/aggs/date_histogram/", {**DAY, "interval": "1h", "fields": [{"term_filed": "level"}]}),
        ("search/index_set/union_search/", {**DAY, "union_configs": [{"index_set_id": n, "begin": 0}], "size": 2}),
        ("field/index_set/fetch_topk_list/", {**DAY, "index_set_ids": [n], "agg_field": "user", "limit": 2}),
        ("field/index_set/statistics/info/", {**DAY, "index_set_ids": [n], "agg_field": "status", "field_type": "long"}),
        ("field/index_set/statistics/total/", {**DAY, "index_set_ids": [n]}),
    ]:
        print(path, json.dumps(site.data(path, body), ensure_ascii=False)[:1500])
    for path in ("search_index_set/", "search_index_set/operators/", f"search_index_set/{n}/fields/"):
        print(path, json.dumps(site.data(path, method="GET"), ensure_ascii=False)[:1500])
    row = site.search(keyword='log:"5"', size=1)["origin_log_list"][0]
    print(json.dumps(site.data(f"search_index_set/{n}/context/", {**row, "size": 2, "zero": True}), ensure_ascii=False)[:2500])
    row.pop("__id__")
    print(json.dumps(site.data(f"search_index_set/{n}/context/", {**row, "size": 2, "zero": True}), ensure_ascii=False)[:2500])
    print(json.dumps(site.data(f"search/index_set/{n}/tail_f/", {**row, "size": 2, "zero": False}), ensure_ascii=False)[:2500])
