"""A run of any pipeline through real workers, a real broker and a real store, all of which are killed at each of its steps.

with stage(home) as made:
    run = made.begin("collector_deletion", "collector:shop", {"collector_id": 3, …})
    made.survive(run, at={"first_line": lambda: …})     # kills at every step, in both programs
    assert made.shown(run)["state"] == "done"
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.brokers import BROKERS, Broker
from tests.queues.workers import Site, kill
from tests.store.conftest import StoreServer, end, start
from tests.waiting import is_alive

PROGRAMS: Final = ("pipeline", "service_schedule")
STALL_SECONDS: Final = 180.0  # a message that was lost in a kill is made up for by a sweep after one minute
SWEEP_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Attempt:
    """One attempt at a step that is done and not kept yet, in this process of this program."""

    name: str
    pid: int

    @property
    def step(self) -> str:
        return self.name.split(":")[0]

    @property
    def program(self) -> str:
        return self.name.split(":")[1]

    @property
    def lives(self) -> bool:
        return is_alive(self.pid)


class Stage:
    def __init__(self, site: Site, broker: Broker, store: StoreServer) -> None:
        self.site, self.broker, self.store = site, broker, store
        self._released = site.home / "released"
        self._released.mkdir()
        site.environ |= {"PROBE_FOLDER": str(self._released), "BKLOG_STORE_PORT": str(store.port)}
        self.workers: dict[str, subprocess.Popen[bytes]] = {}

    def keep_workers(self) -> None:
        """As supervisor does: what has ended is started. A worker that holds a message when its broker goes ends too."""
        for name in PROGRAMS:
            if name not in self.workers or self.workers[name].poll() is not None:
                self.workers[name] = self.site.start("-m", "tests.pipeline.probe", "worker", name, log=f"{name}.log")

    def call(self, code: str) -> Any:
        """What the last expression of the code is, in a process of the site's own; as JSON."""
        *before, last = code.strip().splitlines()
        lines = ["import django, json; django.setup()", *before, f"print('\\n' + json.dumps({last}))"]
        return json.loads(self.site.python("-c", "\n".join(lines)).splitlines()[-1])

    def begin(self, pipeline: str, subject: str, context: Mapping[str, Any], *, urgent: bool = True) -> int:
        code = (
            "from bklog.pipeline.actions import start; from bklog.queues.send import send\n"
            f"start({pipeline!r}, {subject!r}, {dict(context)!r}, send=send, urgent={urgent}).pk"
        )
        return int(self.call(code))

    def shown(self, run_id: int) -> dict[str, Any]:
        code = (
            "from bklog.pipeline.selectors import get_run, present_run, present_steps\n"
            f"present_run(get_run({run_id})) | {{'steps': present_steps(get_run({run_id}))}}"
        )
        return dict(self.call(code))

    def survive(
        self,
        run_id: int,
        *,
        kills: Sequence[Callable[[], None]] | None = None,
        at: Mapping[str, Callable[[], object]] | None = None,
    ) -> list[tuple[str, str]]:
        """Lets the run go on to its end, and kills one after the other, once for each step and program that has it in hand.

        `kills` are both workers, and the broker, where nothing else is said; `at` is what happens outside while a step is held.
        Returns where it killed, in order.
        """
        killers = (self.kill_workers, self.kill_broker) if kills is None else kills
        killed: list[tuple[str, str]] = []
        while (attempt := self._held(run_id)) is not None:
            if (attempt.step, attempt.program) not in killed:
                killed.append((attempt.step, attempt.program))
                for killer in killers:
                    killer()
                    attempt = self._again(run_id, attempt.step)
                (at or {}).get(attempt.step, lambda: None)()
            (self._released / attempt.name).touch()
        return killed

    def ended_steps(self, run_id: int) -> Counter[str]:
        """How often each step of the run was concluded, as the programs logged it."""
        lines = [line for name in PROGRAMS for line in self.site.log(f"{name}.log").splitlines() if "PipelineStepEnded" in line]
        told = [json.loads(line) for line in lines]
        return Counter(one["step"] for one in told if one["run_id"] == run_id)

    def kill_workers(self) -> None:
        for process in self.workers.values():
            kill(process)

    def kill_broker(self) -> None:
        self.broker.kill()
        self.broker.start()

    def _held(self, run_id: int) -> Attempt | None:
        """The next attempt that is held; None at the end of the run."""
        began = swept = time.monotonic()
        while time.monotonic() - began < STALL_SECONDS:
            self.keep_workers()
            if found := self._living():
                return found
            if self._has_ended(run_id):
                return None
            if time.monotonic() - swept > SWEEP_SECONDS:
                swept = time.monotonic()
                self.call("from bklog.pipeline.upkeep import sweep; from bklog.queues.send import send\nsweep(send)")
            time.sleep(0.05)
        raise AssertionError(f"nothing goes on: {self.shown(run_id)}")

    def _again(self, run_id: int, step: str) -> Attempt:
        """The attempt after a kill: it is the same step, since nothing was kept of the former."""
        settled = self._held(run_id)
        assert settled
        assert settled.step == step
        return settled

    def _living(self) -> Attempt | None:
        lines = [line.split() for line in self.site.probe_file.read_text().splitlines()]
        attempts = [Attempt(name, int(pid)) for what, name, pid in lines if what == "held"]
        return next((one for one in reversed(attempts) if one.lives and not (self._released / one.name).exists()), None)

    def _has_ended(self, run_id: int) -> bool:
        lines = (line for name in PROGRAMS for line in self.site.log(f"{name}.log").splitlines() if "PipelineEnded" in line)
        return any(json.loads(line)["run_id"] == run_id for line in lines)


@contextmanager
def stage(home: Path, *, database_url: str = "", kind: str = "valkey") -> Iterator[Stage]:
    """The store and the broker run, the database is migrated, the agent has a configuration of its operator; no worker yet."""
    agent = home / "agent" / "agent.json"
    agent.parent.mkdir()
    agent.write_text(json.dumps({"endpoint": "fleet", "inputs": [], "host": "of the operator"}))
    store = start(home / "data")
    try:
        with BROKERS[kind]() as broker:
            site = Site(home, broker.url, database_url)
            made = Stage(site, broker, store)
            try:
                site.migrate()
                made.call("from bklog.tasks.wiring.store import the_store\nthe_store().migrate()")
                yield made
            finally:
                _release_all(made)
                site.stop()
    finally:
        end(store)


def _release_all(made: Stage) -> None:
    """A worker that is asked to stop waits for the step that it holds."""
    for process in made.workers.values():
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
