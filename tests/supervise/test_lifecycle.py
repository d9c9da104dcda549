"""A fleet of probes under the real supervisor: it comes up whole or not at all, comes back, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bklog.errors import ConfigError, Conflict
from bklog.supervise import fleet as steps
from bklog.supervise import lifecycle, ports, processes, status
from bklog.supervise.home import home_of, locked, prepare
from bklog.supervise.status import Row
from config.environ import ROOT, load
from tests.supervise.fleets import probes, variables
from tests.waiting import is_alive, wait_until

pytestmark = pytest.mark.fleet


def silent(_: str) -> None: ...


def row(found: status.Status, name: str) -> Row:
    return next(one for one in found.programs if one.name == name)


def test_a_fleet_comes_up_bottom_up_is_seen_and_goes_down_whole(home: Path, tmp_path: Path) -> None:
    said: list[str] = []
    environ = variables(home)
    describe = probes(
        tmp_path / "s.conf", store="--with-child", then=("-c", f"open({str(tmp_path / 'then')!r}, 'a').write('x')")
    )
    fleet = lifecycle.up(environ, say=said.append, describe=describe)
    assert [line.split(" (")[0] for line in said] == ["store is ready", "web is ready"]
    assert (tmp_path / "then").read_text() == "x"

    found = status.read(fleet)
    assert found.is_running
    assert found.url == f"http://127.0.0.1:{environ['BKLOG_PORT']}"
    assert [(one.name, one.state, one.restarts) for one in found.programs] == [
        ("supervisor", "RUNNING", 0),
        ("watch", "RUNNING", 0),
        ("store", "RUNNING", 0),
        ("web", "RUNNING", 0),
    ]
    own = processes.usage_of_one(row(found, "store").pid or 0).rss_bytes
    assert row(found, "store").rss_bytes > own > 2**20, "children count"

    pids = [process.pid for process in processes.of_fleet(home)]
    assert len(pids) == 5
    assert lifecycle.down(environ, say=silent) is True
    assert not any(is_alive(pid) for pid in pids)
    stops = [line for line in (home / "log" / "supervisord.log").read_text().splitlines() if "stopped:" in line]
    assert ["web" in stops[0], "store" in stops[1]] == [True, True], "top-down"
    assert not status.read(fleet).is_running


def test_up_on_a_running_fleet_changes_nothing_and_says_so(home: Path, tmp_path: Path) -> None:
    environ, describe = variables(home), probes(tmp_path / "s.conf")
    before = status.read(lifecycle.up(environ, say=silent, describe=describe))
    said: list[str] = []
    after = status.read(lifecycle.up(environ, say=said.append, describe=describe))
    assert [one.pid for one in after.programs] == [one.pid for one in before.programs]
    assert said == [f"the fleet runs already at http://127.0.0.1:{environ['BKLOG_PORT']}"]


def test_up_on_another_port_is_refused_while_the_fleet_runs(home: Path, tmp_path: Path) -> None:
    describe = probes(tmp_path / "s.conf")
    lifecycle.up(variables(home), say=silent, describe=describe)
    with pytest.raises(ConfigError, match="runs already, on port"):
        lifecycle.up(variables(home), say=silent, describe=describe)


def test_down_where_nothing_runs_is_no_failure(home: Path) -> None:
    assert lifecycle.down(variables(home), say=silent) is False
    prepare(home_of(load(variables(home))))
    assert lifecycle.down(variables(home), say=silent) is False


def test_a_fleet_keeps_its_chosen_ports_over_a_restart(home: Path, tmp_path: Path) -> None:
    environ, describe = variables(home), probes(tmp_path / "s.conf")
    chosen = []
    for _ in range(2):
        lifecycle.up(environ, say=silent, describe=describe)
        chosen.append(ports.read(home / "run" / "fleet.json"))
        lifecycle.down(environ, say=silent)
    assert chosen[0] == chosen[1]
    assert set(chosen[0]) == {"BKLOG_PORT", "BKLOG_STORE_PORT", "BKLOG_INGEST_PORT"}


def test_a_command_without_the_port_finds_the_fleet_that_was_started_with_it(home: Path, tmp_path: Path) -> None:
    environ = variables(home)
    lifecycle.up(environ, say=silent, describe=probes(tmp_path / "s.conf"))
    assert int(environ["BKLOG_PORT"]) == load({"BKLOG_HOME": str(home)}).BKLOG_PORT


def test_two_fleets_run_side_by_side(new_home: Callable[[str], Path], tmp_path: Path) -> None:
    first, second = new_home("first"), new_home("second")
    environs = {home: variables(home) for home in (first, second)}
    fleets = {
        home: lifecycle.up(environ, say=silent, describe=probes(tmp_path / f"{home.name}.conf"))
        for home, environ in environs.items()
    }
    lifecycle.down(environs[first], say=silent)
    assert not processes.of_fleet(first)
    assert status.read(fleets[second]).is_running
    assert not set(ports.read(first / "run" / "fleet.json").values()) & set(ports.read(second / "run" / "fleet.json").values())


def test_a_port_in_use_is_named_with_its_holder_and_nothing_is_started(home: Path, tmp_path: Path) -> None:
    environ = variables(home)
    with socket.create_server(("127.0.0.1", int(environ["BKLOG_PORT"]))), pytest.raises(Conflict) as caught:
        lifecycle.up(environ, say=silent, describe=probes(tmp_path / "s.conf"))
    assert caught.value.message.startswith(f"port {environ['BKLOG_PORT']} is in use by pid {os.getpid()} (")
    assert "BKLOG_PORT" in caught.value.hint
    assert not processes.of_fleet(home)
    assert not (home / "run" / "fleet.json").exists()


def test_a_program_that_is_killed_is_started_again_and_counted(home: Path, tmp_path: Path) -> None:
    fleet = lifecycle.up(variables(home), say=silent, describe=probes(tmp_path / "s.conf"))
    for restarts in (1, 2):
        killed = row(status.read(fleet), "web").pid or 0
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda killed=killed: row(status.read(fleet), "web").pid not in (killed, None), seconds=15)  # type: ignore[misc]
        wait_until(lambda: status.read(fleet).is_running, seconds=15)
        assert row(status.read(fleet), "web").restarts == restarts
        assert row(status.read(fleet), "store").restarts == 0


def test_programs_end_with_a_supervisor_that_is_killed_and_up_starts_anew(home: Path, tmp_path: Path) -> None:
    environ, describe = variables(home), probes(tmp_path / "s.conf", store="--with-child")
    found = status.read(lifecycle.up(environ, say=silent, describe=describe))
    os.kill(row(found, "supervisor").pid or 0, signal.SIGKILL)
    wait_until(lambda: not any(is_alive(one.pid or 0) for one in found.programs), seconds=15)
    assert not status.read(lifecycle.up(environ, say=silent, describe=describe)).programs[0].restarts
    assert lifecycle.down(environ, say=silent) is True
    assert not processes.of_fleet(home), "the child of the first store is gone too"


def test_down_ends_what_a_killed_supervisor_left(home: Path, tmp_path: Path) -> None:
    environ = variables(home)
    found = status.read(lifecycle.up(environ, say=silent, describe=probes(tmp_path / "s.conf", store="--with-child")))
    os.kill(row(found, "supervisor").pid or 0, signal.SIGKILL)
    assert lifecycle.down(environ, say=silent) is True
    assert not processes.of_fleet(home)


def test_a_program_that_ignores_the_signal_is_killed_in_bounded_time(home: Path, tmp_path: Path) -> None:
    environ = variables(home)
    lifecycle.up(environ, say=silent, describe=probes(tmp_path / "s.conf", store="--deaf", web="--deaf"))
    began = time.monotonic()
    assert lifecycle.down(environ, say=silent) is True
    assert time.monotonic() - began < steps.STOP_SECONDS / 4
    assert not processes.of_fleet(home)


def test_programs_of_one_tier_stop_at_the_same_time(home: Path, tmp_path: Path) -> None:
    """Each needs the two seconds of its `stopwaitsecs`: one after the other it would be four."""
    environ = variables(home)
    lifecycle.up(environ, say=silent, describe=probes(tmp_path / "s.conf", store="--deaf", web="--deaf", is_one_tier=True))
    assert lifecycle.down(environ, say=silent) is True
    killed = [line for line in (home / "log" / "supervisord.log").read_text().splitlines() if "killing '" in line]
    first, second = (datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f") for line in killed)  # noqa: DTZ007 only compared
    assert second - first < timedelta(seconds=2), "the second was asked when the first was gone"


def test_a_program_that_keeps_ending_fails_the_start_with_its_last_words(home: Path, tmp_path: Path) -> None:
    with pytest.raises(steps.StartFailed) as caught:
        lifecycle.up(
            variables(home), say=silent, describe=probes(tmp_path / "s.conf", store="--ready-after 99 --die-after 0.1")
        )
    assert caught.value.message.startswith("store did not become ready")
    assert "cannot go on: the reason of this test" in caught.value.hint
    assert not processes.of_fleet(home), "half a fleet does not stay"


def test_a_program_that_is_never_ready_fails_the_start_when_the_time_is_up(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "_SAY_EVERY_SECONDS", 0.5)
    environ, said = variables(home), list[str]()
    prepared = home_of(load(environ))
    prepare(prepared)
    ports.write(prepared.fleet_file, ports.choose(load(environ), {}))
    fleet = probes(tmp_path / "s.conf", store="--ready-after 99")(load(environ))
    steps.start_supervisor(fleet, foreground=False)
    with pytest.raises(steps.StartFailed, match="within 3 seconds: it is running, but"):
        steps.start_programs(fleet, say=said.append, ready_seconds=3)
    assert any(line.startswith("waiting for store, which is") for line in said)


def test_a_step_that_fails_stops_the_start_with_its_reason(home: Path, tmp_path: Path) -> None:
    then = ("-c", "raise SystemExit('no store, no bootstrap')")
    with pytest.raises(steps.StartFailed) as caught:
        lifecycle.up(variables(home), say=silent, describe=probes(tmp_path / "s.conf", then=then))
    assert "no store, no bootstrap" in caught.value.hint
    assert not processes.of_fleet(home)


def test_a_second_up_at_the_same_time_is_told_so(home: Path, tmp_path: Path) -> None:
    environ = variables(home)
    prepared = home_of(load(environ))
    prepare(prepared)
    with locked(prepared), pytest.raises(Conflict, match="at work"):
        lifecycle.up(environ, say=silent, describe=probes(tmp_path / "s.conf"))


def test_a_home_with_a_path_too_long_for_a_socket_works(new_home: Callable[[str], Path], tmp_path: Path) -> None:
    home = new_home("x" * 120)
    environ = variables(home)
    fleet = lifecycle.up(environ, say=silent, describe=probes(tmp_path / "s.conf"))
    assert len(str(fleet.home.socket)) < 100
    assert fleet.home.socket.parent.stat().st_mode & 0o077 == 0
    assert status.read(fleet).is_running
    assert lifecycle.down(environ, say=silent) is True
    fleet.home.socket.parent.rmdir()


def test_everything_in_the_home_is_its_owners_alone(home: Path, tmp_path: Path) -> None:
    lifecycle.up(variables(home), say=silent, describe=probes(tmp_path / "s.conf"))
    assert [str(path) for path in (home, *home.rglob("*")) if path.stat().st_mode & 0o077 and path.is_dir()] == []
    assert (home / "secrets" / "secret-key").stat().st_mode & 0o077 == 0


def test_in_the_foreground_it_stays_until_a_signal_and_then_stops_all(home: Path, tmp_path: Path) -> None:
    script = (
        "import os, pathlib; from bklog.supervise import lifecycle; from tests.supervise.fleets import probes;"
        f"describe = probes(pathlib.Path({str(tmp_path / 's.conf')!r}));"
        "raise SystemExit(lifecycle.up_in_foreground(os.environ, say=print, describe=describe))"
    )
    kept = {name: text for name, text in os.environ.items() if not name.startswith("BKLOG_")}
    environ = {**kept, **variables(home), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen([sys.executable, "-c", script], env=environ, stdout=subprocess.PIPE, text=True) as foreground:
        threading.Timer(60, foreground.kill).start()
        lines = iter(foreground.stdout or [])
        assert any(line.startswith("the fleet runs at") for line in lines)
        foreground.send_signal(signal.SIGTERM)
        assert list(lines) == ["the fleet is stopped\n"]
    assert foreground.returncode == 0
    assert not processes.of_fleet(home)
