"""The programs of both profiles on a real fleet: all run, within their memory, and each comes back when it is killed."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any, Final

import psutil
import pytest

from tests.running_fleet import RunningFleet

pytestmark = pytest.mark.fleet
WORKERS: Final = ("celery", "async_export", "pipeline", "service_schedule", "additional_task", "tgpa_task")
BACK_SECONDS: Final = 5.0


def rows(fleet: RunningFleet) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in json.loads(fleet.try_bklog("status", "--json").stdout)["programs"]}


@pytest.mark.parametrize("program", [*WORKERS, "beat", "broker", "store", "ingest", "web", "agent"])
def test_a_killed_program_is_back_within_five_seconds(fleet: RunningFleet, program: str) -> None:
    former = rows(fleet)[program]["pid"]
    children = psutil.Process(former).children(recursive=True)
    os.kill(former, signal.SIGKILL)
    killed = time.monotonic()

    while (now := rows(fleet)[program])["pid"] in (former, None) or now["state"] != "RUNNING":
        assert time.monotonic() - killed < BACK_SECONDS, now
        time.sleep(0.1)
    assert psutil.wait_procs(children, timeout=5)[1] == []  # nothing of its former life goes on


def test_the_small_profile_folds_the_workers_into_one_within_a_gigabyte(tmp_path_factory: pytest.TempPathFactory) -> None:
    with RunningFleet(tmp_path_factory.mktemp("small"), BKLOG_PROFILE="small") as small:
        found = rows(small)
        total = json.loads(small.bklog("status", "--json"))["total_rss_bytes"]
    assert "worker" in found
    assert not found.keys() & set(WORKERS)
    assert {row["state"] for row in found.values()} == {"RUNNING"}
    assert {queue["name"] for queue in found["worker"]["queues"]} >= {"default", "async_export", "tgpa_task", "pipeline"}
    assert total < 1.0e9
