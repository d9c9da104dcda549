"""A real fleet: a collector is onboarded for files that its agent follows, and deleted while senders go on sending."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import clickhouse_connect
import pytest

from tests.running_fleet import RunningFleet
from tests.waiting import wait_until

pytestmark = pytest.mark.fleet
LINES = 1000


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, logs: Path) -> Iterator[RunningFleet]:
    with RunningFleet(tmp_path_factory.mktemp("fleet"), BKLOG_PROFILE="small", BKLOG_AGENT_FOLDERS=str(logs)) as running:
        yield running


class Sender(threading.Thread):
    """Sends one line after the other until told to stop; keeps what became of each, in order."""

    def __init__(self, fleet: RunningFleet, token: str) -> None:
        super().__init__(daemon=True)
        self._fleet, self._token = fleet, token
        self.halt = threading.Event()
        self.answers: list[tuple[float, int, str]] = []

    def run(self) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        while not self.halt.is_set():
            status, answer = self._fleet.post("/ingest/v1/lines", b"sent meanwhile\n", headers)
            self.answers.append((time.monotonic(), status, answer.get("error", {}).get("code", "stored")))
            time.sleep(0.01)


def test_files_are_followed_from_their_first_line_on(fleet: RunningFleet, logs: Path) -> None:
    (logs / "shop.log").write_text("".join(f"order {number} 订单\n" for number in range(LINES)))
    words = ("collector", "onboard", "shop", "--path", f"{logs}/*.log", "--wait", "60", "--json")
    run = json.loads(fleet.bklog(*words))

    assert run["state"] == "done", run
    assert [step["name"] for step in run["steps"]] == ["collector", "table", "token", "agent", "first_line", "running"]
    with (logs / "shop.log").open("a") as file:
        file.write("the last one\n")
    wait_until(lambda: fleet.count("*", "shop") == LINES + 1)
    assert fleet.try_bklog("collector", "onboard", "shop").returncode == 5


def test_its_deletion_refuses_senders_and_calls_nothing_stored_once_the_table_is_gone(fleet: RunningFleet) -> None:
    found = fleet.api("GET", "/api/v1/databus/collectors/?name=shop")["items"][0]
    token = fleet.api("POST", f"/api/v1/databus/collectors/{found['id']}/tokens/")["ingest_token"]
    client = clickhouse_connect.get_client(host="127.0.0.1", port=fleet.settings["BKLOG_STORE_PORT"], database="bklog")
    senders = [Sender(fleet, token) for _ in range(4)]
    for sender in senders:
        sender.start()
    time.sleep(1)
    run = fleet.api("DELETE", f"/api/v1/databus/collectors/{found['id']}/?drain=true")
    end = time.monotonic() + 90
    while client.command(f"EXISTS TABLE {found['table']}") == 1 and time.monotonic() < end:
        time.sleep(0.05)
    gone_at = time.monotonic()
    time.sleep(5)
    for sender in senders:
        sender.halt.set()
        sender.join()

    answers = sorted(answer for sender in senders for answer in sender.answers)
    assert {(status, code) for _, status, code in answers} <= {
        (200, "stored"),
        (403, "collector_deleting"),
        (401, "token_wrong"),
    }
    stored_until = max(moment for moment, status, _ in answers if status == 200)
    assert stored_until < gone_at - 5, "the drain is longer than what any instance of ingest remembers"
    refused_at = min(moment for moment, status, _ in answers if status == 403)
    assert refused_at < gone_at
    shown = json.loads(fleet.bklog("pipeline", "show", str(run["id"]), "--wait", "30", "--json"))
    assert shown["state"] == "done", shown
    assert fleet.try_bklog("search", "*", "--index-set", "shop").returncode == 4
    assert fleet.api("GET", "/api/v1/databus/collectors/?name=shop")["items"] == []
    inputs = json.loads((fleet.home / "agent" / "agent.json").read_text())["inputs"]
    assert [item["name"] for item in inputs] == ["bklog-platform"]
    ended = "PipelineEnded AND fields.outcome:done AND fields.pipeline:collector_deletion"
    wait_until(lambda: fleet.count(ended, "bklog-platform") == 1)
