"""The database server is stopped under a running fleet and started again: nothing is lost, nobody has to help."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import urllib3

from bklog.api.token_cache import KEEP_SECONDS
from bklog.tasks.schedule import SCHEDULE
from tests.databases import SERVERS, DatabaseServer
from tests.running_fleet import RunningFleet
from tests.waiting import wait_until

pytestmark = pytest.mark.fleet
LINES = 20
DONE_RUNS = """
import django; django.setup()
import json
from bklog.queues.models import PeriodicRun
print(json.dumps([run.due_at.isoformat() for run in PeriodicRun.objects.filter(state="done")]))
"""


class Sender:
    """Sends numbered batches and counts what was acknowledged, as a careful sender does: the same batch until it is."""

    def __init__(self, fleet: RunningFleet, token: str) -> None:
        self._fleet = fleet
        self._token = token
        self._batch = 0
        self.acknowledged = 0

    def send(self) -> tuple[int, dict[str, Any]]:
        body = "".join(f"batch {self._batch} line {line}\n" for line in range(LINES)).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Idempotency-Key": f"batch-{self._batch}"}
        try:
            status, answer = self._fleet.post("/ingest/v1/lines", body, headers)
        except urllib3.exceptions.HTTPError:  # ingest is being started again
            return 0, {}
        if status == 200:
            self.acknowledged += LINES
            self._batch += 1
        return status, answer


@pytest.fixture(params=sorted(SERVERS), scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    with SERVERS[request.param]() as running:
        yield running


@pytest.fixture(scope="module")
def fleet(server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    home = tmp_path_factory.mktemp("fleet")
    with RunningFleet(home, BKLOG_DATABASE_URL=server.url, BKLOG_PROFILE="small") as running:
        yield running
        server.stop()  # a fleet goes down without its database too
    server.start()


def get(fleet: RunningFleet, path: str) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", fleet.url + path, headers=fleet.api_headers, timeout=30, retries=False)


def programs(fleet: RunningFleet, what: str) -> dict[str, Any]:
    """Name → its state, its pid …, also while not all of them run."""
    return {one["name"]: one[what] for one in json.loads(fleet.try_bklog("status", "--json").stdout)["programs"]}


def test_a_fleet_outlives_its_database(fleet: RunningFleet, server: DatabaseServer) -> None:
    token = fleet.api("POST", "/api/v1/databus/collectors/", {"name": "shop"})["ingest_token"]
    sender = Sender(fleet, token)
    assert sender.send()[0] == 200

    server.stop()
    answer = get(fleet, "/api/v1/databus/collectors/")
    assert (answer.status, answer.json()["error"]["code"]) == (503, "database_down")
    assert int(answer.headers["Retry-After"]) > 0
    health = get(fleet, "/healthz/")
    assert (health.status, {part["name"]: part["ok"] for part in health.json()["parts"]}["database"]) == (503, False)
    until = time.monotonic() + KEEP_SECONDS + 1  # longer than a token is remembered without asking
    while time.monotonic() < until:
        assert sender.send()[0] == 200
        time.sleep(0.2)
    status, refused = fleet.post("/ingest/v1/lines", b"one\n", {"Authorization": "Bearer not-known"})
    assert (status, refused["error"]["code"]) == (503, "database_down")

    server.start()
    wait_until(lambda: get(fleet, "/api/v1/databus/collectors/").status == 200)
    assert sender.send()[0] == 200
    wait_until(lambda: set(programs(fleet, "state").values()) == {"RUNNING"}, seconds=30)
    assert fleet.count("*", "shop") == sender.acknowledged


def test_an_ingest_that_starts_without_the_database_refuses_until_it_is_back(
    fleet: RunningFleet, server: DatabaseServer
) -> None:
    sender = Sender(fleet, fleet.api("POST", "/api/v1/databus/collectors/", {"name": "late"})["ingest_token"])
    assert sender.send()[0] == 200
    server.kill()
    killed = fleet.pid("ingest")
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: fleet.program("ingest").pid not in (killed, None))
    wait_until(lambda: sender.send()[1].get("error", {}).get("code") == "database_down")

    server.start()
    wait_until(lambda: sender.send()[0] == 200)
    assert fleet.count("*", "late") == sender.acknowledged


def test_work_that_was_due_while_the_database_was_away_is_done_when_it_is_back(
    fleet: RunningFleet, server: DatabaseServer
) -> None:
    wait_until(lambda: done_runs(fleet), seconds=90)
    server.stop()
    away_at = datetime.now(UTC)
    due_at = min(entry.last_due(away_at) + timedelta(seconds=entry.every_seconds) for entry in SCHEDULE)
    time.sleep((due_at - away_at).total_seconds() + 1)
    server.start()
    wait_until(lambda: due_at in done_runs(fleet), seconds=150)
    wait_until(lambda: set(programs(fleet, "state").values()) == {"RUNNING"})


def done_runs(fleet: RunningFleet) -> set[datetime]:
    """When they were due. Nothing while the database is away."""
    asked = fleet.try_python("-c", DONE_RUNS)
    return {datetime.fromisoformat(due) for due in json.loads(asked.stdout or "[]")}
