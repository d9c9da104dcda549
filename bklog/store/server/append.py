"""Append: the end of a file to which the engine adds the rows of a statement, instead of sending them.

X-BKLOG-Append: AT NAME ─▶ open, lock, cut at AT ─▶ the engine writes ─▶ a tick of an answer now and then, until all is there

A worker on the same machine reads the file while it grows: a third of the time of an export went into sending it over HTTP.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote

from bklog.errors import StoreError
from bklog.store.server.errors import Code, refusal

HEADER: Final = "x-bklog-append"
TICK: Final = b"\n"
TICK_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Append:
    """`name` is below the folder of files; the file is there, and what stands after its first `at` bytes goes."""

    name: str
    at: int


def read_append(header: str) -> Append | None:
    """Raises StoreError."""
    if not header:
        return None
    at, _, name = header.partition(" ")
    parts = PurePosixPath(unquote(name)).parts
    if not at.isascii() or not at.isdigit() or len(at) > 18 or not parts or {"/", ".."} & set(parts):
        raise refusal(Code.BAD_ARGUMENTS, f"{HEADER} is no number of bytes and name of a file below the folder of files")
    return Append(unquote(name), int(at))


@contextmanager
def opened(folder: Path | None, append: Append) -> Iterator[str]:
    """The path under which the engine finds the file. No other statement writes into it meanwhile: a worker that was killed may
    have left one which is only just being stopped. Raises StoreError.
    """
    if folder is None:
        raise refusal(Code.NOT_IMPLEMENTED, "this store shares no folder of files: its rows come in the answer")
    number = _open(folder, append.name)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(number).st_size < append.at:
            raise refusal(Code.BAD_ARGUMENTS, f"the file {append.name} is shorter than {append.at} bytes")
        os.ftruncate(number, append.at)
        yield f"/proc/self/fd/{number}"
    except BlockingIOError as error:
        text = f"another statement still writes into the file {append.name}"
        raise refusal(Code.TOO_MANY_SIMULTANEOUS_QUERIES, text) from error
    finally:
        os.close(number)


def _open(folder: Path, name: str) -> int:
    try:
        root, path = folder.resolve(strict=True), (folder / name).parent.resolve(strict=True)
        if not path.is_relative_to(root):
            raise _unopened(name, "it is not below the folder of files")
        return os.open(path / Path(name).name, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise _unopened(name, error.strerror or "") from error


def _unopened(name: str, why: str) -> StoreError:
    return refusal(Code.CANNOT_OPEN_FILE, f"the file {name} cannot be opened: {why}")
