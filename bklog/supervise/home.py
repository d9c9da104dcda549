"""`BKLOG_HOME` → the places in it. Everything that a fleet keeps is there, readable by its owner alone.

secrets/  secret-key, api-token          run/     fleet.json, programs.json, supervisord.pid, …sock, up.lock, metrics/
log/      one rotating file a program    db/      bklog.sqlite3        store/  the embedded log store
                                         broker/  what the embedded message queue holds
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bklog.errors import ConfigError, Conflict
from config.environ import Loaded
from config.sockets import socket_path


@dataclass(frozen=True, slots=True)
class Home:
    root: Path
    log: Path

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def fleet_file(self) -> Path:
        return self.run / "fleet.json"

    @property
    def metrics(self) -> Path:
        """The values of each process; `bklog.telemetry` adds them up."""
        return self.run / "metrics"

    @property
    def record_file(self) -> Path:
        return self.run / "programs.json"

    @property
    def pid_file(self) -> Path:
        return self.run / "supervisord.pid"

    @property
    def supervisor_log(self) -> Path:
        return self.log / "supervisord.log"

    @property
    def socket(self) -> Path:
        return socket_path(self.root, "supervisor")


def home_of(loaded: Loaded) -> Home:
    root = loaded.home
    return Home(root, log=Path(loaded.BKLOG_LOG_PATH).absolute() if loaded.BKLOG_LOG_PATH else root / "log")


def prepare(home: Home) -> None:
    """Make the folders. Raises ConfigError where they cannot be made, or where another user made the socket's."""
    try:
        for folder in (home.root, home.run, home.secrets, home.root / "db", home.root / "broker", home.log):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.socket.parent.mkdir(mode=0o700, exist_ok=True)
    except OSError as problem:
        raise ConfigError(
            f"the fleet's folder cannot be made: {problem.filename}: {problem.strerror}",
            hint="set BKLOG_HOME to a folder that you may write",
            code="home_not_writable",
        ) from problem
    owner = home.socket.parent.stat()
    if owner.st_uid != os.getuid() or (home.socket.parent != home.run and owner.st_mode & 0o077):
        raise ConfigError(
            f"{home.socket.parent} belongs to somebody else or is open to others",
            hint="delete it, or take a BKLOG_HOME with a shorter path",
            code="home_not_private",
        )


@contextlib.contextmanager
def locked(home: Home) -> Iterator[None]:
    """One `up` or `down` at a time: the second one is told so, instead of both starting half a fleet."""
    with (home.run / "up.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            raise Conflict(
                f"another `bklog up` or `bklog down` is at work in {home.root}",
                hint="wait for it, then look with `bklog status`",
                code="fleet_busy",
            ) from problem
        yield
