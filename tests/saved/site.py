"""The API over two stores, as somebody with a token uses it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.test import Client
from django.utils import timezone

from bklog.accounts.tokens import replace_api_token
from bklog.collect.models import Collector
from bklog.records import Permission
from bklog.store.clickhouse import ClickHouseStore

SEARCH = "/api/v1/search/"


class Person:
    def __init__(self, name: str, *permissions: Permission) -> None:
        self.name = name
        self.headers = {"Authorization": f"Bearer {replace_api_token(name, permissions)}"}

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        data = b"" if body is None else json.dumps(body)
        return Client().generic(method, f"{SEARCH}{path}", data, content_type="application/json", headers=self.headers)

    def get(self, path: str) -> Any:
        return self._good(self.ask("GET", path))

    def post(self, path: str, body: Any) -> Any:
        return self._good(self.ask("POST", path, body))

    def patch(self, path: str, body: Any) -> Any:
        return self._good(self.ask("PATCH", path, body))

    def delete(self, path: str) -> int:
        return int(self.ask("DELETE", path).status_code)

    def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        answer = self.ask(method, path, body)
        return answer.status_code, answer.json()["error"]["code"]

    def search(self, index_set: int, **asked: Any) -> Any:
        return self.post(f"index_set/{index_set}/search/", {"start": "now-1d", "end": "now+1h", **asked})

    @staticmethod
    def _good(answer: Any) -> Any:
        assert answer.status_code in (200, 201), answer.content
        return answer.json()


def put(store: ClickHouseStore, collector: Collector, logs: list[str], **values: Any) -> None:
    """Rows of one batch; all of one time where `time` is given, else each a second after the one before."""
    now = timezone.now().replace(microsecond=0, tzinfo=None)
    rows = [
        {
            "time": str(now + timedelta(seconds=place - 60)),
            "ingest_time": str(now),
            "batch": str(uuid4()),
            "row": place,
            "log": log,
            **values,
        }
        for place, log in enumerate(logs)
    ]
    store.insert_rows(collector.table, rows, token=uuid4().hex)
