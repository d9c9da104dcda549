"""A Store for tests: statements run in the engine, in this process, with values bound as the official client binds them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.binding import bind_query

from bklog.clean import CleanRule
from bklog.errors import StoreError
from bklog.records import COLUMNS, Limits, Rows, Statement
from bklog.store.base import LineBatch, LogTable
from tests.chdb_connection import connect

LIMITS = Limits(seconds=60, memory_bytes=4 << 30, result_rows=100_000)
INDEXES = {
    "full": ", INDEX log_words lower(log) TYPE text(tokenizer = 'splitByNonAlpha', posting_list_codec = 'bitpacking')",
    "bloom": ", INDEX log_words lower(log) TYPE tokenbf_v1(65536, 4, 0) GRANULARITY 1",
    "none": "",
}
TYPES = {"string": "String", "keyword": "LowCardinality(String)", "int": "Nullable(Int64)", "float": "Nullable(Float64)"}


class ChdbStore:
    def __init__(self, path: Path) -> None:
        self.connection = connect(str(path))
        self.statements: list[Statement] = []
        self.settings: dict[str, str] = {}

    def run(self, sql: str, params: Mapping[str, Any] | None = None) -> Any:
        text, bound = bind_query(sql, dict(params or {}))
        try:
            return self.connection.query(text, "JSONCompact", params={k.removeprefix("param_"): v for k, v in bound.items()})
        except RuntimeError as error:
            code = re.search(r"Code: (\d+)", str(error))
            raise StoreError(str(error), engine_code=int(code[1]) if code else 0) from error

    def select(self, statement: Statement, limits: Limits) -> Rows:
        self.statements.append(statement)
        settings = {"max_execution_time": str(limits.seconds), "max_memory_usage": str(limits.memory_bytes), **self.settings}
        for name, value in settings.items():
            self.connection.query(f"SET {name} = {value}", "CSV")
        answer = self.run(statement.text, statement.params)
        body = json.loads(answer.bytes())
        columns = tuple(column["name"] for column in body["meta"])
        rows = [tuple(row) for row in body["data"]]
        return Rows(columns, rows, answer.storage_rows_read(), answer.bytes_read(), answer.elapsed())

    def create(self, name: str, *, rule: CleanRule, index: str) -> None:
        types = ", ".join(f"`{path}` {TYPES.get(kind, 'Nullable(Bool)')}" for path, kind in rule.types.items())
        columns = ", ".join(
            f"{column.name} {f'JSON({types})' if column.name == 'fields' else column.type}" for column in COLUMNS
        )
        bucket = "toStartOfInterval(time, INTERVAL 5 MINUTE)"
        self.run(
            f"CREATE TABLE {name} ({columns}{INDEXES[index]}) ENGINE = MergeTree PARTITION BY toDate(time)"
            f" PRIMARY KEY ({bucket}, host, path) ORDER BY ({bucket}, host, path, time)"
        )

    def insert(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        handle = self.connection.send_insert(f"INSERT INTO {name}", "JSONEachRow")
        self.connection.insert_append(handle, "\n".join(json.dumps(row) for row in rows).encode())
        self.connection.insert_done(handle)

    def ping(self) -> str:
        raise NotImplementedError

    def migrate(self) -> list[str]:
        raise NotImplementedError

    def create_table(self, table: LogTable) -> None:
        raise NotImplementedError

    def drop_table(self, table: LogTable) -> None:
        raise NotImplementedError

    def insert_lines(self, batch: LineBatch) -> list[Stored]:
        raise NotImplementedError

    def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]], token: str) -> None:
        raise NotImplementedError
