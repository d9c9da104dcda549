"""The end of a log file, and what is appended to it, also across its rotation."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_BLOCK_BYTES: Final = 64 * 1024
_POLL_SECONDS: Final = 0.25


def last_lines(file: Path, count: int) -> list[str]:
    """Reads from the end, so that a long log costs no more than a short one. A file that is not there has no lines."""
    if not file.is_file() or count <= 0:
        return []
    with file.open("rb") as stream:
        position = stream.seek(0, os.SEEK_END)
        tail = b""
        while position > 0 and tail.count(b"\n") <= count:
            length = min(_BLOCK_BYTES, position)
            position = stream.seek(position - length)
            tail = stream.read(length) + tail
    return tail.decode(errors="replace").splitlines()[-count:]


def last_bytes(file: Path, count: int) -> bytes:
    """At most so many, from the beginning of a line on; a file that is not there has none."""
    try:
        with file.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - count))
            found = stream.read(count)
    except FileNotFoundError:
        return b""
    return found if size <= count else found.partition(b"\n")[2] or found


def follow(file: Path) -> Iterator[str]:
    """Text that is appended from now on, for ever. When the file is rotated, the new one is read from its beginning."""
    stream = file.open("rb")
    stream.seek(0, os.SEEK_END)
    try:
        while True:
            text = stream.read()
            if text:
                yield text.decode(errors="replace")
            elif _is_replaced(file, stream.fileno(), stream.tell()):
                stream.close()
                stream = file.open("rb")
            else:
                time.sleep(_POLL_SECONDS)
    finally:
        stream.close()


def _is_replaced(file: Path, descriptor: int, position: int) -> bool:
    try:
        named, opened = file.stat(), os.fstat(descriptor)
    except FileNotFoundError:  # between the two steps of a rotation
        return False
    return (named.st_dev, named.st_ino) != (opened.st_dev, opened.st_ino) or named.st_size < position
