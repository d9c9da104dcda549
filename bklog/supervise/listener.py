"""`python -m bklog.supervise.listener`, an event listener of the supervisor, turns what happens to programs into events.

PROCESS_STATE_… on stdin ─▶ Change ─▶ record (run/programs.json) and one JSON line (log/events.log) ─▶ RESULT on stdout

It is small and imports little: it is there to see the others fall. The protocol is written out here, since the supervisor's
`childutils` import its web server. Killed in the middle of an event, it is given that event again; its serial tells.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import BinaryIO, Final

from bklog.supervise import record as records
from bklog.supervise.event_log import Fields, ProgramEvent, append, last_words
from bklog.supervise.record import LOOP_CRASHES, LOOP_SECONDS, Change, FleetRecord, ProgramRecord
from bklog.supervise.supervisor_log import Ending, find_ending

NAME: Final = "watch"
_STATE: Final = "PROCESS_STATE_"
_STOPPING: Final = "SUPERVISOR_STATE_CHANGE_STOPPING"
_ENDED: Final = ("EXITED", "BACKOFF", "STOPPED")
_LEVELS: Final = {"ProgramCrashed": "ERROR", "ProgramFatal": "CRITICAL", "ProgramExited": "WARNING"}


class Listener:
    """Never raises for an event: what goes wrong with one is told on stderr, and the next one is taken."""

    def __init__(self, *, log: Path, run: Path, supervisor: str, clock: Callable[[], float] = time.time) -> None:
        self._log = log
        self._file = run / "programs.json"
        self._clock = clock
        self._record = self._take_over(supervisor)

    def handle(self, headers: dict[str, str], payload: str) -> None:
        try:
            self._handle(headers, payload)
        except Exception:  # noqa: BLE001 - one odd event, or a full disk, must not end the watch
            self._complain("EventNotRecorded", {"event": payload[:1000], "exception": traceback.format_exc(limit=5)})

    def finish(self) -> None:
        """Stops last, when the supervisor tells no more: what it has just stopped stands in its log."""
        for name, known in self._record.programs.items():
            change = Change(self._record.serial, name, "STOPPED", pid=known.pid)
            if known.pid and find_ending(self._log / "supervisord.log", name, known.pid).moment:
                self._follow(change)
        self._keep(replace(self._record, is_stopping=True))

    def _handle(self, headers: dict[str, str], payload: str) -> None:
        serial, name = int(headers["poolserial"]), headers["eventname"]
        if serial <= self._record.serial:
            return
        if name == _STOPPING:
            self._keep(replace(self._record, serial=serial, is_stopping=True))
        elif name.startswith(_STATE):
            self._follow(_change(serial, name.removeprefix(_STATE), payload))

    def _follow(self, change: Change) -> None:
        now, former = self._clock(), self._record.of(change.program)
        ending = Ending()
        if change.state in _ENDED:
            ending = find_ending(self._log / "supervisord.log", change.program, change.pid)
        current = records.follow_change(former, change, ending, now=now)
        event = self._event(change, current, ending, now)
        if event:
            append(self._log, event)
        if current.is_looping(now) and current.crashed > former.crashed and not former.is_looping(now):
            append(self._log, _loop(change, current, now))
        self._keep(self._record.with_program(change, current))

    def _event(self, change: Change, current: ProgramRecord, ending: Ending, now: float) -> ProgramEvent | None:
        message = _message(change, is_stopping=self._record.is_stopping)
        if not message:
            return None
        moment = ending.moment or now
        fields: Fields = {"pid": change.pid, "restarts": current.restarts}
        if change.state in _ENDED:
            fields |= {"exit_code": ending.exit_code, "signal": ending.signal, "ran_seconds": ending.ran_seconds}
        if message == "ProgramCrashed":
            fields |= {"reason": str(ending), "while_starting": change.state == "BACKOFF", "crashes": current.crashed}
        if message == "ProgramFatal":
            fields |= {"reason": current.gave_up, "crashes": current.crashed, "hint": _hint(change.program)}
        if message in ("ProgramCrashed", "ProgramFatal", "ProgramExited"):
            fields["last_lines"] = last_words(self._log / f"{change.program}.log", until=ending.moment)
        return ProgramEvent(message, _LEVELS.get(message, "INFO"), change.program, moment, fields)

    def _keep(self, record: FleetRecord) -> None:
        self._record = record
        records.write(self._file, record)

    def _take_over(self, supervisor: str) -> FleetRecord:
        """The record of the life of this supervisor, where this listener is not the first in it."""
        try:
            former = records.read(self._file)
        except (ValueError, TypeError, KeyError, OSError) as problem:
            self._complain("RecordNotReadable", {"file": str(self._file), "reason": str(problem)})
            former = FleetRecord()
        if former.supervisor == supervisor:
            return replace(former, is_stopping=False)
        if former.supervisor and not former.is_stopping:
            self._complain("SupervisorCrashed", {"former": former.supervisor, "hint": "it was killed, or the machine stopped"})
        return FleetRecord(supervisor)

    def _complain(self, message: str, fields: Fields) -> None:
        """The supervisor keeps stderr in `log/watch.log`, which is shipped too."""
        print(ProgramEvent(message, "ERROR", NAME, self._clock(), fields).as_line(), file=sys.stderr, flush=True)  # noqa: T201


def _change(serial: int, state: str, payload: str) -> Change:
    given = dict(pair.split(":", 1) for pair in payload.split())
    return Change(
        serial=serial,
        program=given["processname"],
        state=state,
        from_state=given["from_state"],
        pid=int(given["pid"]) if "pid" in given else None,
        is_expected=given.get("expected", "1") == "1",
    )


def _message(change: Change, *, is_stopping: bool) -> str:
    match change.state:
        case "RUNNING":
            return "ProgramStarted"
        case "EXITED":
            return "ProgramExited" if change.is_expected else "ProgramCrashed"
        case "BACKOFF":
            return "ProgramCrashed"
        case "FATAL":
            # Asked to stop, the supervisor gives up on what it was about to start again: that is no failure.
            return "ProgramStopped" if is_stopping else "ProgramFatal"
        case "STOPPED":
            return "ProgramStopped"
        case _:
            return ""


def _loop(change: Change, current: ProgramRecord, now: float) -> ProgramEvent:
    seconds = now - current.crashes[0]
    reason = f"{LOOP_CRASHES} crashes in {seconds:.0f} seconds, the last: {current.last_ending}"
    fields: Fields = {"reason": reason, "restarts": current.restarts, "hint": _hint(change.program)}
    return ProgramEvent("CrashLoop", "CRITICAL", change.program, now, {**fields, "window_seconds": LOOP_SECONDS})


def _hint(program: str) -> str:
    return f"`bklog logs {program}` says why; `bklog up` starts it again"


class Asked:
    """SIGTERM: ends the wait for the next event at once, and the work on one when it is done."""

    def __init__(self) -> None:
        self.to_end = False
        self._waits = False
        signal.signal(signal.SIGTERM, self._end)

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self.to_end = True
        if self._waits:
            raise SystemExit(0)

    def wait_for_line(self, requests: BinaryIO) -> bytes:
        self._waits = True
        try:
            return b"" if self.to_end else requests.readline()
        finally:
            self._waits = False


def listen(listener: Listener, requests: BinaryIO, answers: BinaryIO, asked: Asked) -> None:
    """Returns when the supervisor has gone. Raises ValueError where it does not speak the protocol."""
    while True:
        _say(answers, b"READY\n")
        line = asked.wait_for_line(requests)
        if not line:
            return
        headers = dict(pair.split(":", 1) for pair in line.decode(errors="replace").split())
        payload = requests.read(int(headers["len"]))
        listener.handle(headers, payload.decode(errors="replace"))
        _say(answers, b"RESULT 2\nOK")


def _say(answers: BinaryIO, words: bytes) -> None:
    answers.write(words)
    answers.flush()


def main() -> None:
    environ, asked, parent = os.environ, Asked(), os.getppid()
    listener = Listener(
        log=Path(environ["FLEET_LOG"]), run=Path(environ["FLEET_RUN"]), supervisor=records.supervisor_id(parent)
    )
    try:
        listen(listener, sys.stdin.buffer, sys.stdout.buffer, asked)
    finally:
        if asked.to_end and os.getppid() == parent:  # else the supervisor was killed, and the tether asks
            listener.finish()


if __name__ == "__main__":
    main()
