"""A fleet that has just begun: it finds its own log, and is small. The first module of its folder, before others make work."""

from __future__ import annotations

import json
import time

import pytest

from tests.running_fleet import RunningFleet
from tests.waiting import wait_until

pytestmark = pytest.mark.fleet
PROGRAMS = (
    "supervisor", "watch", "broker", "store", "ingest", "web",
    "celery", "async_export", "pipeline", "service_schedule", "additional_task", "tgpa_task", "beat", "agent",
)  # fmt: skip


@pytest.mark.smoke
def test_a_fresh_fleet_finds_its_own_log(fleet: RunningFleet) -> None:
    deadline = time.monotonic() + 20
    while not (found := fleet.count("started", "bklog-platform")) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert found > 0
    assert json.loads(fleet.bklog("healthz", "--json"))["healthy"] is True


@pytest.mark.smoke
def test_every_program_runs_and_idles_within_the_memory_limit(fleet: RunningFleet) -> None:
    status = json.loads(fleet.bklog("status", "--json"))
    assert {one["name"]: one["state"] for one in status["programs"]} == dict.fromkeys(PROGRAMS, "RUNNING")
    # With everything embedded; every process of another database loads that one's client library.
    embedded = "BKLOG_DATABASE_URL" not in fleet.environ  # set by --database
    # The second process of a worker, made for what is due at the start, ends half a minute after its last task.
    wait_until(lambda: fleet.rss_bytes < (1.6e9 if embedded else 1.8e9), seconds=120)
