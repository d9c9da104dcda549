"""The machine's processes: which belong to a fleet, who holds a port, what a program and its children use."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

# In the environment of every process of a fleet; its value is the fleet's home. It finds also those that lost their parent.
MARK: Final = "FLEET_HOME"


@dataclass(frozen=True, slots=True)
class Usage:
    """A page that two processes share is counted twice."""

    rss_bytes: int = 0
    cpu_seconds: float = 0.0
    uptime_seconds: int = 0


def of_fleet(root: Path) -> list[psutil.Process]:
    """Those still alive, this one left out."""
    return [process for process in psutil.process_iter() if process.pid != os.getpid() and _is_marked(process, str(root))]


def _is_marked(process: psutil.Process, root: str) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == root
    except psutil.Error:  # it has just ended, or belongs to somebody else
        return False


def wait_until_gone(root: Path, *, seconds: float) -> list[psutil.Process]:
    """Those that are still there in the end."""
    end = time.monotonic() + seconds
    while (left := of_fleet(root)) and time.monotonic() < end:
        psutil.wait_procs(left, timeout=0.2)
    return left


def end(processes: Sequence[psutil.Process], *, seconds: float) -> None:
    """SIGTERM, then SIGKILL to those that are still there after `seconds`."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, left = psutil.wait_procs(list(processes), timeout=seconds)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=5)


def usage(pid: int) -> Usage:
    """Of a process and all its children; of one that has just ended: nothing."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        family = []
    parts = [_own_usage(process) for process in family]
    return Usage(sum(part.rss_bytes for part in parts), round(sum(part.cpu_seconds for part in parts), 2))


def usage_of_one(pid: int) -> Usage:
    """Without its children."""
    return _own_usage(psutil.Process(pid)) if psutil.pid_exists(pid) else Usage()


def _own_usage(process: psutil.Process) -> Usage:
    try:
        with process.oneshot():
            times, uptime = process.cpu_times(), time.time() - process.create_time()
            return Usage(process.memory_info().rss, round(times.user + times.system, 2), int(uptime))
    except psutil.NoSuchProcess:
        return Usage()


def holder_of(port: int) -> str:
    """Who listens on a port, in words: `pid 812 (nginx)`."""
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            return _in_words(connection.pid)
    return "another program"


def _in_words(pid: int | None) -> str:
    if pid is None:
        return "a program of another user"
    try:
        return f"pid {pid} ({psutil.Process(pid).name()})"
    except psutil.Error:
        return f"pid {pid}"
