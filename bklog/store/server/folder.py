"""The store's folder: one process owns it, and says so in one sentence to the next.

own(path) -> Owned(path, lock): the lock lives as long as the process, also when the process is killed
"""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path
from typing import IO, Final

from bklog.errors import ConfigError

OWNER: Final = "owner.lock"
ENGINE_STATUS: Final = "status"  # the engine's own lock


def own(path: Path) -> IO[str]:
    """Make the folder and take it; the returned file must stay open. Raises ConfigError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = (path / OWNER).open("a+", encoding="ascii")
    except OSError as error:
        raise ConfigError(
            f"the store cannot write to its folder {path}: {error.strerror}",
            hint="give this user the right to write there, or set BKLOG_STORE_URL to another folder",
            code="store_folder",
        ) from error
    if not _lock(lock):
        raise _owned(path, _number(lock))
    _refuse_other_engine(path)
    lock.truncate(0)
    lock.write(f"PID: {os.getpid()}\n")
    lock.flush()
    return lock


def _refuse_other_engine(path: Path) -> None:
    """A chDB outside this product takes only the engine's lock."""
    try:
        with (path / ENGINE_STATUS).open("r+", encoding="utf-8") as status:
            if not _lock(status):
                raise _owned(path, _number(status))
    except FileNotFoundError:
        return


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _number(file: IO[str]) -> str:
    file.seek(0)
    found = re.search(r"PID: (\d+)", file.read(200))
    return found.group(1) if found else ""


def _owned(path: Path, pid: str) -> ConfigError:
    by = f"process {pid}" if pid else "another process"
    return ConfigError(
        f"the store's folder {path} is already owned by {by}",
        hint=f"look at it with `ps -fp {pid}` and stop it, or choose another folder"
        if pid
        else f"find it with `fuser {path / OWNER}`",
        code="store_folder_owned",
    )
