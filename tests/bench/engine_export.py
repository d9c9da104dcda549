"""The baseline of exports: python -m tests.bench.engine_export FOLDER < jobs: seconds and contents of each, as JSON.

A job is a statement whose file the engine writes itself, and the file of the platform that must hold the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from bklog.records import Compression, Form, Limits, Writing
from bklog.store.stream import format_name, settings_of
from tests.chdb_connection import connect

OF_HTTP = ("wait_end_of_query", "http_write_exception_in_output_format", "max_memory_usage")
LIMITS = Limits(seconds=600, memory_bytes=8 << 30, result_rows=0)


def run(connection: Any, job: dict[str, Any]) -> dict[str, Any]:
    target = Path(f"{job['file']}.engine{''.join(Path(job['file']).suffixes)}")
    writing = Writing(Form(job["form"]), Compression(job["compression"]))
    settings = {name: value for name, value in settings_of(writing, LIMITS).items() if name not in OF_HTTP}
    for name, value in settings.items():
        connection.query(f"SET {name} = {value!r}", "Null")
    packed = f" COMPRESSION '{job['compression']}' LEVEL 3" if target.suffix in (".gz", ".zst") else ""
    into = f"\nINTO OUTFILE '{target}' TRUNCATE{packed} FORMAT {format_name(writing)}"
    started = time.perf_counter()
    connection.query(job["text"] + into, params=job["params"])
    seconds = time.perf_counter() - started
    try:
        same_bytes = packed == "" and digest(target) == job["sha256"]
        return {
            "seconds": seconds,
            "ours": contents(connection, Path(job["file"]), job["form"]),
            "engine": contents(connection, target, job["form"]),
            "same_bytes": same_bytes,
        }
    finally:
        target.unlink()


def contents(connection: Any, file: Path, form: str) -> list[Any]:
    """How many rows, and a hash of them that does not depend on their order."""
    source = f"file('{file}', 'Parquet')" if form == "parquet" else f"file('{file}', 'LineAsString', 'line String')"
    answer = connection.query(f"SELECT count(), toString(sum(cityHash64(*))) FROM {source}", "JSONCompact")
    found: list[Any] = json.loads(answer.bytes())["data"][0]
    return found


def digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


if __name__ == "__main__":
    engine = connect(sys.argv[1])
    json.dump([run(engine, job) for job in json.load(sys.stdin)], sys.stdout)
    sys.stdout.flush()
    os._exit(0)
