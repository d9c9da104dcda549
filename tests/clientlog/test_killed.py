"""A worker that is killed while it stores a client log: every line is there once, under its own number."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import clickhouse_connect
import psutil
import pytest

from bklog.objects import ObjectStore
from tests.clientlog.archives import gz, tarred
from tests.clientlog.test_end_to_end import ended, submit
from tests.running_fleet import RunningFleet

pytestmark = pytest.mark.fleet

LINES = 600_000  # 10 pieces of 8 MiB in two files
SECONDS = 120
EXACT = """
SELECT path, count(), uniqExact(fields.line_number::UInt64), min(fields.line_number::UInt64), max(fields.line_number::UInt64),
       countIf(toUInt64(extract(log, 'line ([0-9]+)')) != fields.line_number::UInt64)
FROM {table:Identifier} WHERE stream = 'killed' GROUP BY path ORDER BY path
"""


def body(name: str) -> bytes:
    tail = f" of {name}: the quick brown fox jumps over the lazy dog, 十六进制 {'ab' * 30}\n"
    return "".join(f"2026-11-24 INFO line {n}{tail if n % 3 else chr(10)}" for n in range(1, LINES + 1)).encode()


def kill_when(fleet: RunningFleet, state: str, folder: Path, *, files_left: int) -> dict[str, Any]:
    """Kills the worker program as soon as its task is in a state and so many unpacked files are left."""
    until = time.monotonic() + SECONDS
    while True:
        task = fleet.api("GET", "/api/v1/clientlog/tasks/killed/")
        left = len(list(folder.iterdir())) if folder.is_dir() else 0
        if task["state"] == state and left == files_left:
            os.kill(fleet.pid("worker"), signal.SIGKILL)
            return task
        assert task["state"] not in {"success", "failed"}, task
        assert time.monotonic() < until, (task, left)
        time.sleep(0.02)


def test_killed_twice_every_line_is_there_once(fleet: RunningFleet, objects: ObjectStore) -> None:
    objects.put("killed.tar.gz", [gz(tarred({"a.log": body("a"), "b.log": body("b")}))])
    task = submit(fleet, "killed", object_key="killed.tar.gz", device="phone")
    folder = fleet.home / "tmp" / f"clientlog-{task['id']}"
    kill_when(fleet, "ingesting", folder, files_left=2)
    kill_when(fleet, "ingesting", folder, files_left=1)
    done = ended(fleet, "killed", seconds=SECONDS)
    assert (done["state"], done["attempts"]) == ("success", 3)
    assert (done["line_count"], done["stored_lines"]) == (2 * LINES, 2 * LINES)
    assert sum(file["duplicate_lines"] for file in done["files"]) > 0
    assert not folder.exists()
    collector = fleet.api("GET", "/api/v1/databus/collectors/?name=client")["items"][0]
    client = clickhouse_connect.get_client(host="127.0.0.1", port=fleet.settings["BKLOG_STORE_PORT"], database="bklog")
    rows = client.query(EXACT, parameters={"table": collector["table"]}).result_rows
    assert [tuple(row) for row in rows] == [(name, LINES, LINES, 1, LINES, 0) for name in ("a.log", "b.log")]


def test_the_worker_stays_small(fleet: RunningFleet) -> None:
    """After what it did above: the unpacked files had 100 MB."""
    worker = psutil.Process(fleet.pid("worker"))
    resident = [one.memory_info().rss for one in (worker, *worker.children(recursive=True))]
    assert max(resident) < 300 << 20, resident
