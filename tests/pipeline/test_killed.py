"""Runs whose workers and broker are killed at every step, in turn: each ends once, and leaves what it should and no more."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from tests.databases import postgresql
from tests.pipeline.killing import Stage, stage

pytestmark = pytest.mark.fleet

WANTED: Final = {"name": "shop", "retention_days": 30, "agent": {"paths": ["/var/log/shop/*.log"]}}
COUNTS: Final = """
from bklog.collect.models import Collector, IndexSet, IngestToken
from bklog.tasks.wiring.store import the_store
[Collector.objects.count(), IndexSet.objects.count(), IngestToken.objects.count(), sorted(the_store().expiry_days())]
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("killed")) as running:
        running.keep_workers()
        yield running


def store_a_line(made: Stage) -> None:
    made.store.run("INSERT INTO bklog.c1_shop (time, log) VALUES (now64(9), 'the first one')")


def agent_config(home: Path) -> dict[str, Any]:
    return dict(json.loads((home / "agent" / "agent.json").read_text()))


def test_an_onboarding(made: Stage) -> None:
    run_id = made.begin("collector_onboarding", "collector:shop", {"wanted": WANTED})
    looks: list[str] = []

    def line_comes_while_it_is_polled() -> None:
        looks.append("first_line")
        if len(looks) == 2:
            store_a_line(made)

    killed = made.survive(run_id, at={"first_line": line_comes_while_it_is_polled})

    shown = made.shown(run_id)
    steps = ["collector", "table", "token", "agent", "first_line", "running"]
    assert (shown["state"], [step["name"] for step in shown["steps"]]) == ("done", steps)
    assert {step for step, _ in killed} == set(steps)
    assert ("first_line", "service_schedule") in killed
    assert made.ended_steps(run_id) == dict.fromkeys(steps, 1)
    *counts, tables = made.call(COUNTS)
    assert counts == [1, 1, 1]
    assert "c1_shop" in tables
    home = made.site.home
    assert [item["name"] for item in agent_config(home)["inputs"]] == ["c1_shop"]
    assert agent_config(home)["host"] == "of the operator"
    token = (home / "secrets" / "tokens" / "shop").read_text().strip()
    assert made.call(f"from bklog.collect.ingest_tokens import find_token\nfind_token({token!r}).collector.state") == "active"
    assert token not in json.dumps(shown)


def test_its_deletion(made: Stage) -> None:
    about = {"collector_id": 1, "name": "shop", "table": "c1_shop"}
    run_id = made.begin("collector_deletion", "collector:shop", about)
    killed = made.survive(run_id)

    shown = made.shown(run_id)
    steps = ["refuse", "agent", "drain", "table", "rows"]
    assert (shown["state"], [step["name"] for step in shown["steps"]]) == ("done", steps)
    assert {step for step, _ in killed} == set(steps)
    assert made.ended_steps(run_id) == dict.fromkeys(steps, 1)
    *counts, tables = made.call(COUNTS)
    assert counts == [0, 0, 0]
    assert "c1_shop" not in tables
    assert agent_config(made.site.home) == {"endpoint": "fleet", "inputs": [], "host": "of the operator"}
    assert not (made.site.home / "secrets" / "tokens" / "shop").exists()


def test_polls_and_kills_over_rabbitmq(tmp_path: Path) -> None:
    """Its messages that are to come later wait in queues of the broker, not in the hands of a worker."""
    wanted = {name: value for name, value in WANTED.items() if name != "agent"}
    with stage(tmp_path, kind="rabbitmq") as made:
        made.keep_workers()
        run_id = made.begin("collector_onboarding", "collector:shop", {"wanted": wanted})
        kills: list[str] = []

        def at_the_poll() -> None:
            """The line comes at the second kill: at the first one the step is asked for the first time, however slow all is."""
            kills.append("first_line")
            if len(kills) == 2:
                store_a_line(made)

        killed = made.survive(run_id, kills=(made.kill_workers,), at={"first_line": at_the_poll})
        assert made.shown(run_id)["state"] == "done"
        assert ("first_line", "service_schedule") in killed
        assert made.call(COUNTS)[:3] == [1, 1, 1]


def test_the_database_is_restarted_under_a_step_and_under_a_poll(tmp_path: Path) -> None:
    with postgresql() as server, stage(tmp_path, database_url=server.url) as made:
        made.keep_workers()
        wanted = {name: value for name, value in WANTED.items() if name != "agent"}
        run_id = made.begin("collector_onboarding", "collector:shop", {"wanted": wanted})
        restarts: list[str] = []

        def restart(step: str) -> None:
            server.stop()
            time.sleep(1)
            server.start()
            restarts.append(step)
            if len(restarts) == 3:
                store_a_line(made)

        made.survive(run_id, kills=(), at={step: partial(restart, step) for step in ("table", "first_line")})
        assert restarts == ["table", "first_line", "first_line"]
        assert made.shown(run_id)["state"] == "done"
        assert made.call(COUNTS)[:3] == [1, 1, 1]
        assert set(made.ended_steps(run_id).values()) == {1}
