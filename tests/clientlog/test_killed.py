"""A worker that is killed while it stores a client log: every line is there once, under its own number."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import clickhouse_connect
import psutil
import pytest

from bklog.objects import ObjectStore
from tests.clientlog.archives import gz, tarred
from tests.clientlog.test_end_to_end import ended, submit
from tests.running_fleet import RunningFleet
from tests.waiting import wait_until

pytestmark = pytest.mark.fleet

LINES = 600_000  # 10 pieces of 8 MiB in two files
SECONDS = 120
STORED = "SELECT count() FROM {table:Identifier} WHERE stream = 'killed' AND path = {path:String}"
EXACT = """
SELECT path, count(), uniqExact(fields.line_number::UInt64), min(fields.line_number::UInt64), max(fields.line_number::UInt64),
       countIf(toUInt64(extract(log, 'line ([0-9]+)')) != fields.line_number::UInt64)
FROM {table:Identifier} WHERE stream = 'killed' GROUP BY path ORDER BY path
"""


def body(name: str) -> bytes:
    tail = f" of {name}: the quick brown fox jumps over the lazy dog, 十六进制 {'ab' * 30}\n"
    return "".join(f"2026-11-24 INFO line {n}{tail if n % 3 else chr(10)}" for n in range(1, LINES + 1)).encode()


def kill_within(fleet: RunningFleet, path: str, count: Callable[[str], int]) -> None:
    """Kills the worker program when the first lines of a file are stored: four more pieces of it are to come."""
    wait_until(lambda: count(path) > 0, seconds=SECONDS)
    os.kill(fleet.pid("worker"), signal.SIGKILL)
    task = fleet.api("GET", "/api/v1/clientlog/tasks/killed/")
    assert task["state"] == "ingesting", task


def test_killed_twice_every_line_is_there_once(fleet: RunningFleet, objects: ObjectStore) -> None:
    objects.put("killed.tar.gz", [gz(tarred({"a.log": body("a"), "b.log": body("b")}))])
    collector = fleet.api("GET", "/api/v1/databus/collectors/?name=client")["items"][0]
    client = clickhouse_connect.get_client(host="127.0.0.1", port=fleet.settings["BKLOG_STORE_PORT"], database="bklog")

    def count(path: str) -> int:
        return int(str(client.command(STORED, parameters={"table": collector["table"], "path": path})))

    task = submit(fleet, "killed", object_key="killed.tar.gz", device="phone")
    kill_within(fleet, "a.log", count)
    kill_within(fleet, "b.log", count)
    done = ended(fleet, "killed", seconds=SECONDS)
    assert (done["state"], done["attempts"]) == ("success", 3)
    assert (done["line_count"], done["stored_lines"]) == (2 * LINES, 2 * LINES)
    assert sum(file["duplicate_lines"] for file in done["files"]) > 0
    assert not (fleet.home / "tmp" / f"clientlog-{task['id']}").exists()
    rows = client.query(EXACT, parameters={"table": collector["table"]}).result_rows
    assert [tuple(row) for row in rows] == [(name, LINES, LINES, 1, LINES, 0) for name in ("a.log", "b.log")]


def test_the_worker_stays_small(fleet: RunningFleet) -> None:
    """After what it did above: the unpacked files had 100 MB."""
    worker = psutil.Process(fleet.pid("worker"))
    resident = [one.memory_info().rss for one in (worker, *worker.children(recursive=True))]
    assert max(resident) < 300 << 20, resident
