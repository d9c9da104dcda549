"""The pieces below the fleet's life: ports, the end of a log, the supervisor's log, the tether, the home."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bklog.errors import ConfigError, Conflict
from bklog.supervise import ports, processes, status, tether
from bklog.supervise.home import Home, home_of, prepare
from bklog.supervise.programs import fleet_of
from bklog.supervise.tail import follow, last_lines
from config.environ import Loaded, load
from tests.servers import free_port

WORKERS = ("celery", "async_export", "pipeline", "service_schedule", "additional_task", "tgpa_task")


def loaded(home: Path, **variables: object) -> Loaded:
    given = {"BKLOG_HOME": str(home), "BKLOG_PORT": str(free_port())}
    return load({**given, **{name: str(value) for name, value in variables.items()}}, with_fleet=False)


def test_ports_that_are_not_set_are_chosen_free_and_apart(tmp_path: Path) -> None:
    chosen = ports.choose(loaded(tmp_path), {})
    assert len(set(chosen.values())) == 3
    assert all(20000 <= chosen[name] < 32000 for name in ("BKLOG_STORE_PORT", "BKLOG_INGEST_PORT"))


def test_a_former_port_is_kept_while_it_is_free(tmp_path: Path) -> None:
    former = ports.choose(loaded(tmp_path), {})
    assert ports.choose(loaded(tmp_path), former)["BKLOG_STORE_PORT"] == former["BKLOG_STORE_PORT"]
    with socket.create_server(("127.0.0.1", former["BKLOG_STORE_PORT"])):
        assert ports.choose(loaded(tmp_path), former)["BKLOG_STORE_PORT"] != former["BKLOG_STORE_PORT"]


@pytest.mark.parametrize("setting", ["BKLOG_PORT", "BKLOG_STORE_PORT", "BKLOG_INGEST_PORT"])
def test_a_port_that_is_set_and_in_use_is_refused_with_its_holder(tmp_path: Path, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        with pytest.raises(Conflict) as caught:
            ports.choose(loaded(tmp_path, **{setting: port}), {})
    assert caught.value.message == f"port {port} is in use by pid {os.getpid()} ({psutil.Process().name()})"
    assert setting in caught.value.hint


def test_an_address_that_is_not_of_this_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be listened on"):
        ports.choose(loaded(tmp_path, BKLOG_BIND_HOST="203.0.113.1"), {})


@pytest.mark.parametrize(
    ("content", "count", "lines"),
    [
        ("", 5, []),
        ("a\nb\nc\n", 2, ["b", "c"]),
        ("a\nb\nc", 2, ["b", "c"]),
        ("a\nb\n", 9, ["a", "b"]),
        ("a\n", 0, []),
        ("ä" * 200_000 + "\nend\n", 2, ["ä" * 200_000, "end"]),
    ],
)
def test_the_last_lines_of_a_log(tmp_path: Path, content: str, count: int, lines: list[str]) -> None:
    (tmp_path / "log").write_text(content)
    assert last_lines(tmp_path / "log", count) == lines


def test_a_log_is_followed_across_its_rotation(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("old\n")
    seen: list[str] = []

    def write() -> None:
        time.sleep(0.6)
        append("one\n")
        time.sleep(0.6)
        rotate()
        time.sleep(0.6)
        append("three\n")

    def append(text: str) -> None:
        with file.open("a") as stream:
            stream.write(text)

    def rotate() -> None:
        file.rename(tmp_path / "log.1")
        file.write_text("two\n")

    writer = threading.Thread(target=write)
    writer.start()
    stream: Iterator[str] = follow(file)
    while "".join(seen) != "one\ntwo\nthree\n":
        seen.append(next(stream))
    writer.join()


def test_a_tethered_program_ends_with_its_parent(tmp_path: Path) -> None:
    child = [sys.executable, "-I", "-S", str(Path(tether.__file__)), sys.executable, "-c", "import time; time.sleep(60)"]
    code = f"import subprocess, sys, time; p = subprocess.Popen({child!r}); print(p.pid, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        tethered = psutil.Process(int(parent.stdout.readline()))
        while tethered.cmdline()[1:] != ["-c", "import time; time.sleep(60)"]:  # it is still becoming the program
            time.sleep(0.02)
        parent.kill()
    _, alive = psutil.wait_procs([tethered], timeout=5)
    assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError) as caught:
        prepare(Home(tmp_path / "file" / "home", tmp_path / "log"))
    assert "BKLOG_HOME" in caught.value.hint


def test_logs_go_where_the_setting_says(tmp_path: Path) -> None:
    assert home_of(loaded(tmp_path)).log == tmp_path / "log"
    assert home_of(loaded(tmp_path, BKLOG_LOG_PATH=tmp_path / "elsewhere")).log == tmp_path / "elsewhere"


@pytest.mark.parametrize(
    ("changed", "embedded"),
    [
        ({}, ["broker", "store"]),
        ({"BKLOG_STORE_URL": "clickhouse://ch/logs"}, ["broker"]),
        ({"BKLOG_MQ_URL": "amqp://a;amqp://b"}, ["store"]),
    ],
)
def test_store_and_broker_run_here_only_where_they_are_embedded(
    tmp_path: Path, changed: dict[str, str], embedded: list[str]
) -> None:
    fleet = fleet_of(loaded(tmp_path, **changed))
    assert [program.name for program in fleet.programs] == [*embedded, "ingest", "web", *WORKERS, "beat", "agent"]
    steps = [*fleet.before, *(program.then for program in fleet.programs)]
    assert any("bklog.api.bootstrap:bootstrap" in step for step in steps)


def test_the_small_profile_has_one_worker_for_the_queues_of_all(tmp_path: Path) -> None:
    full, small = (fleet_of(loaded(tmp_path, BKLOG_PROFILE=profile)).programs for profile in ("full", "small"))
    assert [program.name for program in small if program.queues] == ["worker"]
    assert {queue for program in small for queue in program.queues} == {queue for program in full for queue in program.queues}


@pytest.mark.parametrize("profile", ["full", "small"])
def test_every_program_is_in_the_supervisors_configuration(tmp_path: Path, profile: str) -> None:
    fleet = fleet_of(loaded(tmp_path, BKLOG_PROFILE=profile))
    text = fleet.conf.read_text()
    sections = {name: text.split(f"[program:{name}]")[1].split("\n[")[0] for name in (one.name for one in fleet.programs)}
    for section in sections.values():
        for line in (
            "autorestart = true",
            "startretries = 5",
            "killasgroup = true",
            "redirect_stderr = true",
        ):
            assert line in section
        # A worker tells its own children when to stop: they would leave their tasks if they were asked themselves.
        assert f"stopasgroup = {'false' if '-m bklog.tasks worker' in section else 'true'}" in section
        assert 'command = "%(ENV_FLEET_PYTHON)s" -I -S "%(ENV_FLEET_TETHER)s"' in section
    priorities = [int(section.split("priority = ")[1].split()[0]) for section in sections.values()]
    assert priorities == sorted(priorities)
    used = {name.split(")")[0] for name in text.split("%(ENV_")[1:]}
    assert used <= fleet.environ.keys()


def test_a_status_is_json_also_where_nothing_runs(tmp_path: Path) -> None:
    found = status.read(fleet_of(loaded(tmp_path)))
    assert json.loads(json.dumps(found.as_dict()))["total_rss_bytes"] == 0
    assert {row.state for row in found.programs} == {"STOPPED"}
    assert processes.of_fleet(tmp_path) == []
