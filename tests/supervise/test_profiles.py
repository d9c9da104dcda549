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
from tests.waiting import wait_until

pytestmark = pytest.mark.fleet
WORKERS: Final = ("celery", "async_export", "pipeline", "service_schedule", "additional_task", "tgpa_task")
BACK_SECONDS: Final = 5.0


def rows(fleet: RunningFleet) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in json.loads(fleet.try_bklog("status", "--json").stdout)["programs"]}


@pytest.mark.alone
@pytest.mark.parametrize("killed", [(*WORKERS, "beat"), ("broker",), ("store",), ("ingest", "web", "agent")], ids=" ".join)
def test_killed_programs_are_back_within_five_seconds(fleet: RunningFleet, killed: tuple[str, ...]) -> None:
    former = {program: fleet.pid(program) for program in killed}
    children = [child for pid in former.values() for child in psutil.Process(pid).children(recursive=True)]
    for pid in former.values():
        os.kill(pid, signal.SIGKILL)
    began = time.monotonic()

    def is_back(program: str) -> bool:
        now = fleet.program(program)
        return now.pid not in (former[program], None) and now.state == "RUNNING"

    while away := [program for program in killed if not is_back(program)]:
        assert time.monotonic() - began < BACK_SECONDS, away
        time.sleep(0.05)
    assert psutil.wait_procs(children, timeout=10)[1] == []  # nothing of their former lives goes on


def test_the_small_profile_folds_the_workers_into_one_within_a_gigabyte(tmp_path_factory: pytest.TempPathFactory) -> None:
    with RunningFleet(tmp_path_factory.mktemp("small"), BKLOG_PROFILE="small") as small:
        found = rows(small)
        wait_until(lambda: small.rss_bytes < 1.0e9, seconds=120)
    assert "worker" in found
    assert not found.keys() & set(WORKERS)
    assert {row["state"] for row in found.values()} == {"RUNNING"}
    assert {queue["name"] for queue in found["worker"]["queues"]} >= {"default", "async_export", "tgpa_task", "pipeline"}
