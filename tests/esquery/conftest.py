"""The platform of the tests of the document, as a client of the original's gateway asks it; and a second index set."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from bklog.collect.models import Collector, IndexSet
from bklog.esquery import PREFIX
from bklog.store.clickhouse import ClickHouseStore
from tests.openapi import conftest as shop
from tests.openapi.conftest import Platform
from tests.openapi.conftest import platform as platform  # noqa: PLC0414 - a fixture
from tests.openapi.conftest import store as store  # noqa: PLC0414 - a fixture
from tests.store.conftest import store_server as store_server  # noqa: PLC0414 - a fixture

DAY = {"start_time": "2026-11-20 00:00:00", "end_time": "2026-11-20 23:59:59"}
ROWS: list[dict[str, Any]] = [dict(row) for row in shop.ROWS]
ALL = [row["row"] for row in reversed(ROWS)]  # as a search has them: the newest first
PAY_ROWS = [{**row, "batch": str(UUID(int=9 << 100)), "log": f"退款 {row['row']}", "host": "pay"} for row in ROWS[::2]]


class Site:
    def __init__(self, platform: Platform, index_set: int) -> None:
        self.headers = platform.headers
        self.index_set = index_set

    def ask(self, path: str, body: Any = None, *, method: str = "POST", headers: dict[str, str] | None = None) -> Any:
        data = b"" if body is None else json.dumps(body).encode()
        asked = self.headers if headers is None else headers
        return Client().generic(method, PREFIX + path, data, "application/json", headers=asked)

    def data(self, path: str, body: Any = None, *, method: str = "POST", headers: dict[str, str] | None = None) -> Any:
        answer = self.ask(path, body, method=method, headers=headers)
        assert answer.status_code == 200, answer.content
        content = answer.json()
        assert {"result": True, "code": 0, "message": ""}.items() <= content.items()
        return content["data"]

    def refused(self, path: str, body: Any = None, *, headers: dict[str, str] | None = None, method: str = "POST") -> Any:
        """Its status and the stable code, after the shape of the envelope."""
        answer = self.ask(path, body, headers=headers, method=method)
        content = answer.json()
        assert (content["result"], content["data"], content["code"]) == (False, None, answer.status_code)
        assert content["message"] == content["error"]["message"] != ""
        assert content["error"]["hint"] or content["error"].get("expected")
        return answer.status_code, content["error"]["code"]

    def of_set(self, name: str, body: Any = None, **asked: Any) -> Any:
        """A resource of the index set `shop`, over the day of its rows."""
        return self.data(f"search/index_set/{self.index_set}/{name}/", {**DAY, **(body or {}), **asked})

    def found(self, **asked: Any) -> list[int]:
        """By the places of the rows, in the order of the answer."""
        return [row["iterationIndex"] for row in self.of_set("search", size=100, **asked)["origin_log_list"]]


@pytest.fixture
def site(platform: Platform) -> Site:
    return Site(platform, platform.ids["index_set_id"])


@pytest.fixture
def pay(site: Site, store: ClickHouseStore) -> int:
    """Every second moment of the rows of `shop` again, in an index set of its own."""
    made = Collector.objects.create(name="pay", table="pay_rows", clean_rule={"kind": "text"}, retention_days=3650)
    store.drop_table(made.log_table)
    store.create_table(made.log_table)
    store.insert_rows(made.log_table.name, PAY_ROWS, token=str(datetime.now(UTC)))
    found = IndexSet.objects.create(name="pay", tags=["支付"])
    found.collectors.add(made)
    return int(found.pk)
