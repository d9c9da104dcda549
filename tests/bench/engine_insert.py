"""The baseline of ingest: python -m tests.bench.engine_insert FOLDER CONNECTIONS CLEAN_RULE prints its seconds."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from bklog.clean import CleanRule
from bklog.ingest.commit import count_lines
from bklog.store import LineBatch, LogTable, Source
from bklog.store.clickhouse import INSERT_SETTINGS
from bklog.store.schema import Layout, create_database, create_log_table
from bklog.store.statements import store_lines
from tests.chdb_connection import connect

LAYOUT = Layout()
OF_A_CLUSTER = ("distributed_foreground_insert",)


def main(bodies: Path, connections: int, rule: CleanRule) -> None:
    table = LogTable("baseline", 30, types=rule.types)
    with tempfile.TemporaryDirectory(prefix="bklog-engine-") as folder:
        first = connect(folder)
        for statement in [create_database(LAYOUT), *create_log_table(table, LAYOUT)]:
            first.query(statement, "Null")
        own = threading.local()

        def insert(file: Path) -> None:
            if not hasattr(own, "connection"):
                own.connection = connect(folder)
            insert_file(own.connection, file, table, rule)

        with ThreadPoolExecutor(connections) as threads:
            started = time.perf_counter()
            list(threads.map(insert, sorted(bodies.iterdir())))
            print(time.perf_counter() - started)
        sys.stdout.flush()
        os._exit(0)  # connections of ended threads would be closed in the interpreter's own shut-down


def insert_file(connection: Any, file: Path, table: LogTable, rule: CleanRule) -> None:
    body = file.read_bytes()
    batch = LineBatch(table, rule, Source(), uuid4(), datetime.now(UTC), body, (count_lines(body),), 1 << 20, keyed=False)
    statement = store_lines(batch, LAYOUT)
    source = f"file('{file}', 'LineAsString', 'raw String')"
    text = statement.text.removesuffix(" FORMAT LineAsString").replace("input('raw String')", source)
    settings = ", ".join(f"{name} = {value}" for name, value in INSERT_SETTINGS.items() if name not in OF_A_CLUSTER)
    separator = ", " if " SETTINGS " in text else " SETTINGS "
    connection.query(
        f"{text}{separator}{settings}", "Null", params={name: str(value) for name, value in statement.params.items()}
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), CleanRule.from_dict(json.loads(sys.argv[3])))
