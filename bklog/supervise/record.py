"""What the event listener knows of the fleet since its supervisor runs, kept in `run/programs.json` for status and health.

Change (one event of the supervisor) + FleetRecord ─▶ FleetRecord. Events come at least once: a serial number is counted once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

from bklog.supervise.supervisor_log import Ending

LOOP_CRASHES: Final = 5  # as often as a start is tried again
LOOP_SECONDS: Final = 600.0
STILL_LOOPING_SECONDS: Final = 60.0  # a loop whose last crash is older has ended, for now


@dataclass(frozen=True, slots=True)
class Change:
    """The supervisor's word that a program is in another state. `is_expected`: it ended with an exit code of success."""

    serial: int
    program: str
    state: str
    from_state: str = ""
    pid: int | None = None
    is_expected: bool = True


@dataclass(frozen=True, slots=True)
class ProgramRecord:
    """`pid` is known while it runs; `crashes` are the moments of the newest ones; `failed_starts` counts those since it last
    ran; `gave_up` says why the supervisor does not start it any more.
    """

    pid: int | None = None
    starts: int = 0
    crashed: int = 0
    failed_starts: int = 0
    crashes: tuple[float, ...] = ()
    last_ending: str = ""
    gave_up: str = ""

    @property
    def restarts(self) -> int:
        return max(0, self.starts - 1)

    def crashes_within(self, now: float, seconds: float = LOOP_SECONDS) -> int:
        return sum(1 for moment in self.crashes if now - seconds <= moment)

    def is_looping(self, now: float) -> bool:
        return len(self.crashes) >= LOOP_CRASHES and now - self.crashes[-LOOP_CRASHES] <= LOOP_SECONDS

    def is_still_looping(self, now: float) -> bool:
        return self.is_looping(now) and now - self.crashes[-1] <= STILL_LOOPING_SECONDS


@dataclass(frozen=True, slots=True)
class FleetRecord:
    """Of one life of a supervisor, which its pid and the moment of its start name. `is_stopping`: it was asked to end."""

    supervisor: str = ""
    serial: int = -1
    is_stopping: bool = False
    programs: Mapping[str, ProgramRecord] = field(default_factory=dict)

    def of(self, program: str) -> ProgramRecord:
        return self.programs.get(program, ProgramRecord())

    def with_program(self, change: Change, record: ProgramRecord) -> FleetRecord:
        return replace(self, serial=change.serial, programs={**self.programs, change.program: record})


def follow_change(former: ProgramRecord, change: Change, ending: Ending, *, now: float) -> ProgramRecord:
    """A state that tells nothing new, such as STOPPING, leaves the record as it is."""
    match change.state:
        case "STARTING":
            known = replace(former, gave_up="", failed_starts=0, crashes=()) if former.gave_up else former  # put right by hand
            return replace(known, starts=former.starts + 1)
        case "RUNNING":
            return replace(former, failed_starts=0, pid=change.pid)
        case "FATAL":
            words = f"gave up after {former.failed_starts} failed starts, the last: {former.last_ending}"
            return replace(former, gave_up=words)
        case "EXITED" | "BACKOFF" | "STOPPED":
            return _ended(replace(former, pid=None), change, ending, now)
    return former


def _ended(former: ProgramRecord, change: Change, ending: Ending, now: float) -> ProgramRecord:
    if change.state == "STOPPED":
        return former
    if change.state == "BACKOFF":
        return replace(_crashed(former, ending, now), failed_starts=former.failed_starts + 1)
    return replace(former, last_ending=str(ending)) if change.is_expected else _crashed(former, ending, now)


def _crashed(former: ProgramRecord, ending: Ending, now: float) -> ProgramRecord:
    crashes = (*former.crashes, ending.moment or now)[-LOOP_CRASHES:]
    return replace(former, crashed=former.crashed + 1, crashes=crashes, last_ending=str(ending))


def supervisor_id(pid: int) -> str:
    """A pid is given again one day; with the start of its process, in ticks since the boot, it is not."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return f"{pid}"
    return f"{pid}-{fields[19]}"


def read(file: Path) -> FleetRecord:
    """An empty one where there is none yet. Raises ValueError where the file is none of ours."""
    try:
        raw = json.loads(file.read_text())
    except FileNotFoundError:
        return FleetRecord()
    programs = {
        name: ProgramRecord(**{**one, "crashes": tuple(one["crashes"])}) for name, one in dict(raw.pop("programs")).items()
    }
    return FleetRecord(**raw, programs=programs)


def write(file: Path, record: FleetRecord) -> None:
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(record)))
    draft.replace(file)
