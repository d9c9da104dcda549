"""The supervisor's word and the kernel's numbers → one row a program."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bklog.supervise import processes
from bklog.supervise.programs import Fleet, Program
from bklog.supervise.rpc import ProgramInfo, Supervisor

_EVENT: Final = re.compile(r" (?:(?P<begin>supervisord started with pid)|spawned: '(?P<program>[^']+)' with pid) ")


@dataclass(frozen=True, slots=True)
class Row:
    """`restarts` counts starts after the first one, since the supervisor runs. `rss_bytes` counts children too."""

    name: str
    state: str
    pid: int | None
    uptime_seconds: int
    restarts: int
    rss_bytes: int
    cpu_seconds: float
    port: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Status:
    programs: tuple[Row, ...]
    url: str

    @property
    def is_running(self) -> bool:
        return all(row.state == "RUNNING" for row in self.programs)

    def as_dict(self) -> dict[str, Any]:
        return {
            "programs": [asdict(row) for row in self.programs],
            "total_rss_bytes": sum(row.rss_bytes for row in self.programs),
            "url": self.url,
        }


def read(fleet: Fleet) -> Status:
    supervisor = Supervisor(fleet.home.socket)
    if not supervisor.answers():
        rows = [_stopped(name) for name in ("supervisor", *(program.name for program in fleet.programs))]
        return Status(tuple(rows), fleet.url)
    infos = {info.name: info for info in supervisor.programs()}
    spawns = count_spawns(fleet.home.supervisor_log)
    rows = [_row(program, infos.get(program.name), spawns[program.name]) for program in fleet.programs]
    return Status((_supervisor_row(supervisor.pid()), *rows), fleet.url)


def _row(program: Program, info: ProgramInfo | None, spawns: int) -> Row:
    if info is None:
        return _stopped(program.name, reason="the supervisor's configuration does not name it")
    used = processes.usage(info.pid) if info.pid else processes.Usage()
    return Row(
        name=program.name,
        state=info.state,
        pid=info.pid,
        uptime_seconds=info.uptime_seconds,
        restarts=max(0, spawns - 1),
        rss_bytes=used.rss_bytes,
        cpu_seconds=used.cpu_seconds,
        port=program.port,
        reason=info.description,
    )


def _supervisor_row(pid: int) -> Row:
    """Its own usage only: its children have rows of their own."""
    own = processes.usage_of_one(pid)
    return Row("supervisor", "RUNNING", pid, own.uptime_seconds, 0, own.rss_bytes, own.cpu_seconds, None, "")


def _stopped(name: str, reason: str = "the fleet does not run") -> Row:
    return Row(name, "STOPPED", None, 0, 0, 0, 0.0, None, reason)


def count_spawns(supervisor_log: Path) -> Counter[str]:
    """How often each program was started since the supervisor runs, as its log says."""
    counts: Counter[str] = Counter()
    if not supervisor_log.is_file():
        return counts
    with supervisor_log.open(errors="replace") as lines:
        for event in filter(None, map(_EVENT.search, lines)):
            if event["begin"]:
                counts.clear()
            else:
                counts[event["program"]] += 1
    return counts
