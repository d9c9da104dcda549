"""The engine in process, for tests of what becomes SQL: no store, no HTTP, the same parser and functions."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from tests.chdb_connection import connect


class Engine:
    """One in-memory connection. chDB allows one folder per process, so every test of the process shares it."""

    def __init__(self) -> None:
        self._connection = connect(":memory:")

    def rows(self, sql: str, params: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        answer = self._connection.query(sql, "JSONEachRow", params=dict(params or {})).bytes()
        return [json.loads(line) for line in answer.splitlines()]

    def run(self, sql: str) -> None:
        self._connection.query(sql, "Null")

    def lines(self, body: bytes) -> str:
        """A table function that gives the body's lines as `raw`; the descriptor stays open as long as the process."""
        descriptor = os.memfd_create("lines")
        os.write(descriptor, body)
        return f"file('/proc/self/fd/{descriptor}', 'LineAsString', 'raw String')"


ENGINE = Engine()
