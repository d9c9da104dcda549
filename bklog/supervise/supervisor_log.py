"""supervisord.log → how a process ended: its events name neither exit code nor signal, its log does.

spawned: 'web' with pid 812  ─▶  exited: web (terminated by SIGKILL; not expected)  ─▶  Ending
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from bklog.supervise.tail import last_bytes

_TAIL_BYTES: Final = 256 * 1024  # some 2,500 lines: an ending is read within milliseconds of its being written
_LINE: Final = re.compile(
    r"^(?P<moment>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) \w+ "
    r"(?:spawned: '(?P<spawned>[^']+)' with pid (?P<pid>\d+)"
    r"|(?:exited|stopped): (?P<ended>\S+) "
    r"\((?:exit status (?P<code>\d+)|terminated by (?P<signal>\w+)(?: \(core dumped\))?|[^;)]*)[;)])"
)


@dataclass(frozen=True, slots=True)
class Ending:
    """`exit_code` or `signal` is set, neither where the log does not say. Times are seconds since the epoch."""

    exit_code: int | None = None
    signal: str = ""
    moment: float | None = None
    ran_seconds: float | None = None

    def __str__(self) -> str:
        if self.signal:
            return f"ended by {self.signal}"
        return "ended" if self.exit_code is None else f"exit status {self.exit_code}"


def find_ending(log: Path, program: str, pid: int | None) -> Ending:
    """The end of the process `pid`; without a pid the newest one of the program."""
    current = last_bytes(log, _TAIL_BYTES).decode(errors="replace")
    found = _find(current, program, pid)
    if found is None:  # the log may have been rotated in between
        former = last_bytes(log.with_name(f"{log.name}.1"), _TAIL_BYTES).decode(errors="replace")
        found = _find(former + current, program, pid)
    return found or Ending()


def _find(text: str, program: str, pid: int | None) -> Ending | None:
    found, spawned, is_wanted = None, None, pid is None
    for line in filter(None, map(_LINE.match, text.splitlines())):
        if line["spawned"] == program:
            spawned, is_wanted = _seconds(line["moment"]), pid is None or int(line["pid"]) == pid
        elif line["ended"] == program and is_wanted:
            found = _ending(line, spawned)
    return found


def _ending(line: re.Match[str], spawned: float | None) -> Ending:
    moment = _seconds(line["moment"])
    return Ending(
        exit_code=int(line["code"]) if line["code"] else None,
        signal=line["signal"] or "",
        moment=moment,
        ran_seconds=round(moment - spawned, 3) if spawned is not None else None,
    )


def _seconds(moment: str) -> float:
    """The supervisor writes local time."""
    return datetime.strptime(moment, "%Y-%m-%d %H:%M:%S,%f").astimezone().timestamp()
