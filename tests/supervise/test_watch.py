"""The event listener under the real supervisor: crashes, failed starts and loops are seen, also when it was away itself."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from bklog.supervise import lifecycle, processes, status
from bklog.supervise.rpc import Supervisor
from tests.supervise.fleets import probes, variables
from tests.supervise.test_lifecycle import row, silent
from tests.waiting import wait_until

pytestmark = pytest.mark.fleet


def events(home: Path, message: str = "", program: str = "web") -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (home / "log" / "events.log").read_text().splitlines()]
    return [one for one in lines if one["program"] == program and message in ("", one["message"])]


@pytest.mark.alone
def test_a_killed_program_is_back_within_five_seconds_and_its_crash_is_an_event(home: Path, tmp_path: Path) -> None:
    fleet = lifecycle.up(variables(home), say=silent, describe=probes(tmp_path / "s.conf"))
    killed = row(status.read(fleet), "web").pid or 0
    began = time.monotonic()
    os.kill(killed, signal.SIGKILL)
    wait_until(
        lambda: row(status.read(fleet), "web").state == "RUNNING" and row(status.read(fleet), "web").pid != killed, seconds=15
    )
    assert time.monotonic() - began < 5
    (crash,) = events(home, "ProgramCrashed")
    assert (crash["pid"], crash["signal"], crash["restarts"]) == (killed, "SIGKILL", 0)
    assert crash["last_lines"] == json.dumps({"message": "started", "pid": killed})
    assert [one["message"] for one in events(home)] == ["ProgramStarted", "ProgramCrashed", "ProgramStarted"]
    assert not events(home, "ProgramCrashed", "store")
    assert row(status.read(fleet), "watch").rss_bytes < 25 * 2**20


def test_what_happens_while_the_listener_is_away_is_told_when_it_is_back(home: Path, tmp_path: Path) -> None:
    fleet = lifecycle.up(variables(home), say=silent, describe=probes(tmp_path / "s.conf"))
    for restarts in (1, 2, 3):
        found = status.read(fleet)
        watch, web = row(found, "watch").pid or 0, row(found, "web").pid or 0
        os.kill(watch, signal.SIGSTOP)
        os.kill(web, signal.SIGKILL)
        wait_until(lambda web=web: Supervisor(fleet.home.socket).program("web").pid not in (web, None), seconds=15)  # type: ignore[misc]
        os.kill(watch, signal.SIGKILL)
        wait_until(lambda restarts=restarts: row(status.read(fleet), "web").restarts == restarts, seconds=15)  # type: ignore[misc]
        wait_until(lambda: status.read(fleet).is_running, seconds=15)
    assert [one["signal"] for one in events(home, "ProgramCrashed")] == ["SIGKILL"] * 3
    assert row(status.read(fleet), "watch").restarts == 3


def test_counts_survive_the_rotation_of_the_supervisors_log(home: Path, tmp_path: Path) -> None:
    fleet = lifecycle.up(variables(home), say=silent, describe=probes(tmp_path / "s.conf"))
    for restarts in (1, 2):
        log = fleet.home.supervisor_log
        log.write_bytes(b"")
        killed = row(status.read(fleet), "web").pid or 0
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda restarts=restarts: row(status.read(fleet), "web").restarts == restarts, seconds=15)  # type: ignore[misc]
        wait_until(lambda: status.read(fleet).is_running, seconds=15)


def test_a_program_that_cannot_start_is_given_up_seen_and_started_again_by_up(home: Path, tmp_path: Path) -> None:
    environ, flag = variables(home), tmp_path / "broken"
    describe = probes(tmp_path / "s.conf", web=f'--fail-if "{flag}"')
    fleet = lifecycle.up(environ, say=silent, describe=describe)
    flag.touch()
    os.kill(row(status.read(fleet), "web").pid or 0, signal.SIGKILL)
    wait_until(lambda: row(status.read(fleet), "web").state == "FATAL", seconds=40)
    wait_until(lambda: bool(events(home, "ProgramFatal")), seconds=15)
    found = status.read(fleet)
    assert not found.is_running
    assert row(found, "web").reason == "gave up after 6 failed starts, the last: exit status 4"
    (fatal,) = events(home, "ProgramFatal")
    assert fatal["last_lines"].splitlines()[-1] == "cannot start: the reason of this test"
    tries = [one for one in events(home, "ProgramCrashed") if one["while_starting"]]
    assert [one["exit_code"] for one in tries] == [4] * 6, "the first and five more"

    flag.unlink()
    lifecycle.up(environ, say=silent, describe=describe)
    assert status.read(fleet).is_running
    assert row(status.read(fleet), "web").reason == ""


def test_a_program_that_starts_and_crashes_again_and_again_is_a_crash_loop(home: Path, tmp_path: Path) -> None:
    flag = tmp_path / "broken"
    describe = probes(tmp_path / "s.conf", web=f'--die-if "{flag}" --die-after 1.5')
    fleet = lifecycle.up(variables(home), say=silent, describe=describe)
    flag.touch()
    os.kill(row(status.read(fleet), "web").pid or 0, signal.SIGKILL)
    wait_until(lambda: bool(events(home, "CrashLoop")), seconds=30)
    found = row(status.read(fleet), "web")
    assert found.is_looping
    assert (found.crashes, found.reason) == (5, "keeps crashing: 5 crashes, the last: exit status 3")
    assert len(events(home, "CrashLoop")) == 1


def test_a_fleet_that_stops_crashes_nothing(home: Path, tmp_path: Path) -> None:
    environ = variables(home)
    lifecycle.up(environ, say=silent, describe=probes(tmp_path / "s.conf"))
    lifecycle.down(environ, say=silent)
    for program in ("store", "web"):
        assert [one["message"] for one in events(home, program=program)] == ["ProgramStarted", "ProgramStopped"]
    assert not processes.of_fleet(home)
    lifecycle.up(environ, say=silent, describe=probes(tmp_path / "s.conf"))
    assert (home / "log" / "watch.log").read_text() == ""


def test_a_killed_supervisor_is_told_at_the_next_start(home: Path, tmp_path: Path) -> None:
    environ, describe = variables(home), probes(tmp_path / "s.conf")
    fleet = lifecycle.up(environ, say=silent, describe=describe)
    os.kill(row(status.read(fleet), "supervisor").pid or 0, signal.SIGKILL)
    wait_until(lambda: not processes.of_fleet(home), seconds=15)
    lifecycle.up(environ, say=silent, describe=describe)
    (told,) = [json.loads(line) for line in (home / "log" / "watch.log").read_text().splitlines()]
    assert told["message"] == "SupervisorCrashed"
    assert [one.restarts for one in status.read(fleet).programs] == [0, 0, 0, 0]
