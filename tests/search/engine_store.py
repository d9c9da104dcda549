"""Searching for tests: statements run in the engine, in this process, with values bound as the official client binds them."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any

from clickhouse_connect.driver.binding import bind_query

from bklog.errors import StoreError
from bklog.records import Limits, Rows, Statement, Writing
from bklog.store import LogTable
from bklog.store.schema import Layout, create_database, create_log_table
from tests.chdb_connection import connect

LIMITS = Limits(seconds=60, memory_bytes=4 << 30, result_rows=20_000)


class EngineStore:
    """`settings` are added to every statement; `statements` keeps what was asked."""

    def __init__(self) -> None:
        self.layout = Layout("bklog_search")
        self.connection = connect(":memory:")
        self.connection.query(create_database(self.layout), "Null")
        self.statements: list[Statement] = []
        self.settings: dict[str, Any] = {}
        self._one_at_a_time = threading.Lock()  # a connection answers one statement, and several collectors are asked at once

    def table(self, name: str) -> str:
        return self.layout.table(name)

    def of(self, tables: Iterable[LogTable]) -> EngineStore:
        return self

    def create_table(self, table: LogTable) -> None:
        for sql in create_log_table(table, self.layout):
            self.connection.query(sql, "Null")

    def drop_table(self, table: LogTable) -> None:
        self.connection.query(f"DROP TABLE IF EXISTS {self.table(table.name)} SYNC", "Null")

    def select(self, statement: Statement, limits: Limits) -> Rows:
        with self._one_at_a_time:
            return self._select(statement, limits)

    def _select(self, statement: Statement, limits: Limits) -> Rows:
        self.statements.append(statement)
        limited = {"max_execution_time": limits.seconds, "max_memory_usage": limits.memory_bytes} | self.settings
        text, bound = bind_query(statement.text, dict(statement.params))
        assert isinstance(text, str)
        params = {name.removeprefix("param_"): value for name, value in bound.items()}
        self._set(limited)
        try:
            answer = self.connection.query(text, "JSONCompact", params=params)
        except RuntimeError as error:
            code = re.search(r"Code: (\d+)", str(error))
            raise StoreError(str(error), engine_code=int(code[1]) if code else 0) from error
        finally:
            self._set(dict.fromkeys(limited, "DEFAULT"))
        body = json.loads(answer.bytes())
        columns = tuple(column["name"] for column in body["meta"])
        rows = [tuple(row) for row in body["data"]]
        return Rows(columns, rows, answer.storage_rows_read(), answer.bytes_read(), answer.elapsed())

    def ping(self) -> str:
        return str(self.connection.query("SELECT version()", "TabSeparated").bytes(), "utf-8").strip()

    def _set(self, settings: Mapping[str, Any]) -> None:
        for name, value in settings.items():
            self.connection.query(f"SET {name} = {value}", "Null")

    def insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        handle = self.connection.send_insert(f"INSERT INTO {self.table(table)}", "JSONEachRow")
        self.connection.insert_append(handle, "\n".join(json.dumps(row) for row in rows).encode())
        self.connection.insert_done(handle)

    def stream(self, statement: Statement, writing: Writing, limits: Limits) -> Generator[bytes]:
        raise NotImplementedError

    @property
    def shares_files(self) -> bool:
        return False

    def stream_into(self, statement: Statement, writing: Writing, limits: Limits, *, name: str, at: int) -> Generator[bytes]:
        raise NotImplementedError

    def cancel(self, mark: str) -> int:
        raise NotImplementedError

    def identity(self, table: str) -> str:
        raise NotImplementedError
