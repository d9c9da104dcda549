"""The event listener as a process of its own: what the supervisor tells it becomes events and the record of the fleet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from bklog.supervise import event_log, record
from bklog.supervise.event_log import ProgramEvent, last_words
from bklog.supervise.record import Change, FleetRecord, ProgramRecord, follow_change
from bklog.supervise.supervisor_log import Ending, find_ending
from config.environ import ROOT

NOON = datetime(2026, 5, 4, 12, 0, 0).astimezone()


class Spoken:
    """A listener, and this test as its supervisor."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = self.start()
        self.serial = -1

    def start(self) -> subprocess.Popen[bytes]:
        with (self.folder / "watch.log").open("ab") as errors:
            return subprocess.Popen(
                [sys.executable, "-m", "bklog.supervise.listener"],
                env={**os.environ, "FLEET_LOG": str(self.folder), "FLEET_RUN": str(self.folder), "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )

    def says(self, words: bytes) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.read(len(words)) == words

    def sends(self, name: str, payload: str, *, serial: int | None = None) -> None:
        self.serial += 1
        number = self.serial if serial is None else serial
        body = payload.encode()
        head = f"ver:3.0 server:bklog serial:{number} pool:watch poolserial:{number} eventname:{name} len:{len(body)}\n"
        assert self.process.stdin is not None
        self.process.stdin.write(head.encode() + body)
        self.process.stdin.flush()

    def tells(self, state: str, program: str = "web", *, serial: int | None = None, **more: object) -> None:
        self.says(b"READY\n")
        pairs = " ".join(f"{name}:{value}" for name, value in more.items())
        self.sends(f"PROCESS_STATE_{state}", f"processname:{program} groupname:{program} from_state:X {pairs}", serial=serial)
        self.says(b"RESULT 2\nOK")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()

    @property
    def events(self) -> list[dict[str, Any]]:
        return read_lines(self.folder / "events.log")

    @property
    def known(self) -> FleetRecord:
        return record.read(self.folder / "programs.json")


def read_lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def spoken(tmp_path: Path) -> Iterator[Spoken]:
    with speaking(tmp_path) as found:
        yield found


@contextmanager
def speaking(folder: Path) -> Iterator[Spoken]:
    found = Spoken(folder)
    try:
        yield found
    finally:
        found.kill()


def supervisor_says(folder: Path, *lines: tuple[float, str]) -> None:
    with (folder / "supervisord.log").open("a") as log:
        for seconds, text in lines:
            moment = NOON + timedelta(seconds=seconds)
            log.write(f"{moment:%Y-%m-%d %H:%M:%S},{moment.microsecond // 1000:03} INFO {text}\n")


def test_a_crash_is_told_with_its_cause_its_count_and_the_last_lines(spoken: Spoken, tmp_path: Path) -> None:
    supervisor_says(
        tmp_path,
        (0, "spawned: 'web' with pid 8"),
        (90.5, "exited: web (terminated by SIGKILL; not expected)"),
        (90.6, "spawned: 'web' with pid 9"),
    )
    late = {"time": (NOON + timedelta(seconds=91)).isoformat(), "message": "of its next life"}
    (tmp_path / "web.log").write_text(f"plain\n{json.dumps({'message': 'the last word 字'})}\n{json.dumps(late)}\n")
    spoken.tells("STARTING", tries=0)
    spoken.tells("RUNNING", pid=8)
    spoken.tells("EXITED", expected=0, pid=8)
    spoken.tells("STARTING", tries=0)
    assert [(one["message"], one["level"], one["program"]) for one in spoken.events] == [
        ("ProgramStarted", "INFO", "web"),
        ("ProgramCrashed", "ERROR", "web"),
    ]
    crash = spoken.events[1]
    assert datetime.fromisoformat(crash["time"]) == NOON + timedelta(seconds=90.5)
    assert (crash["pid"], crash["signal"], crash["exit_code"], crash["ran_seconds"]) == (8, "SIGKILL", None, 90.5)
    assert (crash["reason"], crash["crashes"], crash["while_starting"]) == ("ended by SIGKILL", 1, False)
    assert crash["last_lines"] == 'plain\n{"message": "the last word \\u5b57"}'
    assert spoken.known.of("web").restarts == 1


def test_five_starts_that_fail_are_told_as_fatal_with_the_reason(spoken: Spoken, tmp_path: Path) -> None:
    (tmp_path / "web.log").write_text("no configuration\n")
    for number in range(6):
        supervisor_says(
            tmp_path, (number, f"spawned: 'web' with pid {number}"), (number, "exited: web (exit status 3; not expected)")
        )
        spoken.tells("STARTING", tries=number)
        spoken.tells("BACKOFF", tries=number + 1)
    spoken.tells("FATAL")
    assert [one["message"] for one in spoken.events].count("ProgramCrashed") == 6
    fatal = spoken.events[-1]
    assert (fatal["message"], fatal["level"]) == ("ProgramFatal", "CRITICAL")
    assert fatal["reason"] == "gave up after 6 failed starts, the last: exit status 3"
    assert fatal["last_lines"] == "no configuration"
    assert "bklog up" in fatal["hint"]


def test_a_program_that_crashes_again_and_again_is_told_once(spoken: Spoken) -> None:
    for _ in range(8):
        spoken.tells("STARTING", tries=0)
        spoken.tells("EXITED", expected=0, pid=1)
    assert [one["message"] for one in spoken.events] == ["ProgramCrashed"] * 5 + ["CrashLoop"] + ["ProgramCrashed"] * 3
    assert spoken.events[5]["reason"].startswith("5 crashes in 0 seconds")


def test_an_event_that_is_told_again_after_a_kill_is_counted_once(spoken: Spoken) -> None:
    spoken.tells("STARTING", tries=0)
    spoken.tells("EXITED", expected=0, pid=1)
    spoken.kill()
    spoken.process = spoken.start()
    spoken.tells("EXITED", serial=1, expected=0, pid=1)
    spoken.tells("STARTING", serial=2, tries=0)
    assert len(spoken.events) == 1
    assert (spoken.known.of("web").starts, spoken.known.of("web").crashed) == (2, 1)


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("PROCESS_STATE_EXITED", "no pairs at all"),
        ("PROCESS_STATE_EXITED", "processname:web"),
        ("PROCESS_STATE_EXITED", "processname:web groupname:web from_state:RUNNING expected:0 pid:many"),
        ("PROCESS_STATE_EXITED", ""),
        ("PROCESS_STATE_EXITED", "ä:\0\n字"),
    ],
)
def test_an_odd_event_is_told_and_does_not_end_the_watch(spoken: Spoken, tmp_path: Path, name: str, payload: str) -> None:
    spoken.says(b"READY\n")
    spoken.sends(name, payload)
    spoken.says(b"RESULT 2\nOK")
    spoken.tells("RUNNING", pid=8)
    assert [one["message"] for one in spoken.events] == ["ProgramStarted"]
    (told,) = read_lines(tmp_path / "watch.log")
    assert (told["message"], told["event"]) == ("EventNotRecorded", payload)


def test_events_that_are_not_of_programs_are_taken(spoken: Spoken) -> None:
    for name in ("TICK_5", "SUPERVISOR_STATE_CHANGE_RUNNING", "SOMETHING_NEW"):
        spoken.says(b"READY\n")
        spoken.sends(name, "when:1")
        spoken.says(b"RESULT 2\nOK")
    spoken.tells("RUNNING", pid=8)
    assert len(spoken.events) == 1


def test_giving_up_while_the_fleet_stops_is_no_failure(spoken: Spoken) -> None:
    spoken.says(b"READY\n")
    spoken.sends("SUPERVISOR_STATE_CHANGE_STOPPING", "")
    spoken.says(b"RESULT 2\nOK")
    spoken.tells("FATAL")
    assert [one["message"] for one in spoken.events] == ["ProgramStopped"]


def test_a_full_disk_is_told_and_does_not_end_the_watch(spoken: Spoken, tmp_path: Path) -> None:
    (tmp_path / "events.log").mkdir()  # as good as full, also for root
    spoken.tells("RUNNING", pid=8)
    (tmp_path / "events.log").rmdir()
    spoken.tells("RUNNING", pid=8)
    assert [one["message"] for one in spoken.events] == ["ProgramStarted"]
    assert "IsADirectoryError" in read_lines(tmp_path / "watch.log")[0]["exception"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"programs": {"web": {"starts": 1}}}', '{"programs": {}, "new": 1}'])
def test_a_record_that_cannot_be_read_is_replaced(tmp_path: Path, content: str) -> None:
    (tmp_path / "programs.json").write_text(content)
    with speaking(tmp_path) as spoken:
        spoken.tells("STARTING", tries=0)
        assert spoken.known.of("web").starts == 1
    assert read_lines(tmp_path / "watch.log")[0]["message"] == "RecordNotReadable"


def test_the_record_of_a_former_supervisor_is_left_and_its_crash_told(tmp_path: Path) -> None:
    record.write(tmp_path / "programs.json", FleetRecord("1-2", 99, programs={"web": ProgramRecord(starts=7)}))
    with speaking(tmp_path) as spoken:
        spoken.tells("STARTING", tries=0)
        assert spoken.known.of("web").starts == 1
    assert read_lines(tmp_path / "watch.log")[0]["message"] == "SupervisorCrashed"


def test_it_ends_with_its_supervisor_and_is_small(spoken: Spoken, tmp_path: Path) -> None:
    (tmp_path / "web.log").write_text("x" * 5_000_000)
    spoken.tells("EXITED", expected=0, pid=1)
    assert psutil.Process(spoken.process.pid).memory_info().rss < 25 * 2**20
    assert len(spoken.events[0]["last_lines"]) <= event_log.LAST_LINES * 1001
    assert spoken.process.stdin is not None
    spoken.process.stdin.close()
    assert spoken.process.wait(5) == 0


@pytest.mark.parametrize(
    ("text", "code", "signal", "words"),
    [
        ("exited: web (exit status 0; expected)", 0, "", "exit status 0"),
        ("exited: web (exit status 137; not expected)", 137, "", "exit status 137"),
        ("exited: web (terminated by SIGSEGV (core dumped); not expected)", None, "SIGSEGV", "ended by SIGSEGV"),
        ("stopped: web (terminated by SIGTERM)", None, "SIGTERM", "ended by SIGTERM"),
        ("stopped: web (exit status 0)", 0, "", "exit status 0"),
        ("exited: web (unknown termination cause 0x1234; not expected)", None, "", "ended"),
        ("exited: web2 (exit status 4; not expected)", None, "", "ended"),
    ],
)
def test_the_cause_of_an_end_is_read(tmp_path: Path, text: str, code: int | None, signal: str, words: str) -> None:
    supervisor_says(tmp_path, (0, "spawned: 'web' with pid 8"), (2, text))
    found = find_ending(tmp_path / "supervisord.log", "web", 8)
    assert (found.exit_code, found.signal, str(found)) == (code, signal, words)


def test_the_cause_is_that_of_the_process_asked_for_also_over_a_rotation(tmp_path: Path) -> None:
    log = tmp_path / "supervisord.log"
    supervisor_says(tmp_path, (0, "spawned: 'web' with pid 8"), (1, "exited: web (exit status 1; not expected)"))
    supervisor_says(tmp_path, (2, "spawned: 'web' with pid 9"))
    log.rename(tmp_path / "supervisord.log.1")
    supervisor_says(tmp_path, (3, "exited: web (exit status 2; not expected)"))
    assert find_ending(log, "web", 8).exit_code == 1
    assert (find_ending(log, "web", 9).exit_code, find_ending(log, "web", 9).ran_seconds) == (2, 1.0)
    assert find_ending(log, "web", None).exit_code == 2
    assert find_ending(log, "web", 77) == Ending()


def test_a_loop_ends_when_the_crashes_do() -> None:
    known = ProgramRecord()
    for number in range(5):
        change = Change(number, "web", "EXITED", is_expected=False)
        known = follow_change(known, change, Ending(exit_code=1, moment=1000.0 + number), now=0)
    assert known.is_still_looping(1010)
    assert known.is_looping(1100)
    assert not known.is_still_looping(1100)
    assert not known.is_looping(1601)
    assert known.crashes_within(1601) == 4


def test_the_events_are_rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "LOG_BYTES", 1000)
    for number in range(100):
        event_log.append(tmp_path, ProgramEvent("E", "INFO", "web", datetime.now(UTC).timestamp(), {"number": number}))
    files = sorted(tmp_path.iterdir())
    assert [one.name for one in files] == ["events.log", *(f"events.log.{number}" for number in range(1, 6))]
    assert all(one.stat().st_size <= 1000 for one in files)
    assert read_lines(tmp_path / "events.log")[-1]["number"] == 99


def test_the_last_words_reach_over_a_rotation_of_the_log(tmp_path: Path) -> None:
    (tmp_path / "web.log.1").write_text("one\ntwo\n")
    assert last_words(tmp_path / "web.log", until=None) == "one\ntwo"
    (tmp_path / "web.log").write_text("three\n")
    assert last_words(tmp_path / "web.log", until=0.0) == "one\ntwo\nthree"
