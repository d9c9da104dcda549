"""The supervisor's word, the listener's record, the kernel's numbers and the broker's queues → one row a program."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from bklog.errors import Unavailable
from bklog.supervise import listener, processes, record
from bklog.supervise.asking import start
from bklog.supervise.programs import Fleet, Program
from bklog.supervise.record import FleetRecord, ProgramRecord
from bklog.supervise.rpc import ProgramInfo, Supervisor

if TYPE_CHECKING:  # it brings Celery, which a status without queues does not need
    from bklog.queues.broker import QueueState

ReadQueues = Callable[[Iterable[Program]], "Mapping[str, QueueState]"]
QUEUES_SECONDS: Final = 5.0
WATCH: Final = Program(listener.NAME)  # runs wherever the supervisor does


@dataclass(frozen=True, slots=True)
class Row:
    """`restarts` counts starts after the first one, since the supervisor runs. `rss_bytes` counts children too.

    `crashes` are those of the last ten minutes; `reason` says why a program does not run, or that it keeps crashing.
    """

    name: str
    state: str
    pid: int | None
    uptime_seconds: int
    restarts: int
    rss_bytes: int
    cpu_seconds: float
    port: int | None
    reason: str
    crashes: int = 0
    is_looping: bool = False
    queues: tuple[QueueState, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """`note` says why the rows have no queues, where they should have."""

    programs: tuple[Row, ...]
    url: str
    note: str = ""

    @property
    def is_running(self) -> bool:
        return all(row.state == "RUNNING" for row in self.programs)

    @property
    def is_supervised(self) -> bool:
        return self.programs[0].state == "RUNNING"

    def as_dict(self) -> dict[str, Any]:
        return {
            "programs": [asdict(row) for row in self.programs],
            "total_rss_bytes": sum(row.rss_bytes for row in self.programs),
            "url": self.url,
            "is_running": self.is_running,
            "note": self.note,
        }


def with_queues(found: Status, fleet: Fleet, read_queues: ReadQueues) -> Status:
    try:
        states = start("queues", lambda: read_queues(fleet.programs)).result(QUEUES_SECONDS)
    except Unavailable as error:
        return replace(found, note=f"{error.message} ({error.hint})")
    except TimeoutError:
        return replace(
            found, note=f"the message queue has not answered within {QUEUES_SECONDS:g} seconds (see `bklog healthz`)"
        )
    queues = {program.name: tuple(states[name] for name in program.queues) for program in fleet.programs}
    return replace(found, programs=tuple(replace(row, queues=queues.get(row.name, ())) for row in found.programs))


def read(fleet: Fleet) -> Status:
    supervisor = Supervisor(fleet.home.socket)
    if not supervisor.answers():
        rows = [_stopped(name) for name in ("supervisor", WATCH.name, *(program.name for program in fleet.programs))]
        return Status(tuple(rows), fleet.url)
    pid, now = supervisor.pid(), time.time()
    infos = {info.name: info for info in supervisor.programs()}
    known = read_record(fleet, pid)
    rows = [_row(program, infos.get(program.name), known.of(program.name), now) for program in (WATCH, *fleet.programs)]
    return Status((_supervisor_row(pid), *rows), fleet.url)


def read_record(fleet: Fleet, supervisor_pid: int) -> FleetRecord:
    """What the event listener has seen since this supervisor runs."""
    found = record.read(fleet.home.record_file)
    return found if found.supervisor == record.supervisor_id(supervisor_pid) else FleetRecord()


def _row(program: Program, info: ProgramInfo | None, known: ProgramRecord, now: float) -> Row:
    if info is None:
        return _stopped(program.name, reason="the supervisor's configuration does not name it")
    used = processes.usage(info.pid) if info.pid else processes.Usage()
    return Row(
        name=program.name,
        state=info.state,
        pid=info.pid,
        uptime_seconds=info.uptime_seconds,
        restarts=known.restarts,
        rss_bytes=used.rss_bytes,
        cpu_seconds=used.cpu_seconds,
        port=program.port,
        reason=_reason(info, known, now),
        crashes=known.crashes_within(now),
        is_looping=known.is_still_looping(now),
    )


def _reason(info: ProgramInfo, known: ProgramRecord, now: float) -> str:
    if info.state == "FATAL" and known.gave_up:
        return known.gave_up
    if known.is_still_looping(now):
        return f"keeps crashing: {known.crashed} crashes, the last: {known.last_ending}"
    return info.description


def _supervisor_row(pid: int) -> Row:
    """Its own usage only: its children have rows of their own."""
    own = processes.usage_of_one(pid)
    return Row("supervisor", "RUNNING", pid, own.uptime_seconds, 0, own.rss_bytes, own.cpu_seconds, None, "")


def _stopped(name: str, reason: str = "the fleet does not run") -> Row:
    return Row(name, "STOPPED", None, 0, 0, 0, 0.0, None, reason)
