"""A link → a file of this machine, whole and checked before it has its name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import urllib3

from bklog.errors import BklogError, Conflict, Unavailable

PIECE_BYTES: Final = 1 << 20
CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 60.0


class NotWhole(BklogError):
    code = "download_not_whole"
    exit_code = 6


def fetch(url: str, target: Path, *, size_bytes: int, sha256: str, show: Callable[[int], None]) -> None:
    """The link opens the file by itself: no token is sent. Raises Unavailable, Conflict, NotWhole; then no file is left."""
    draft = target.with_name(f"{target.name}.part")
    try:
        with draft.open("wb") as file:
            found = _copy(url, file.write, show)
            file.flush()
            os.fsync(file.fileno())
        if found != (size_bytes, sha256):
            message = f"{found[0]:,} of {size_bytes:,} bytes came, or others than were written"
            raise NotWhole(message, hint="try again: `bklog export download`")
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def require_new(target: Path, *, is_forced: bool) -> None:
    """Raises Conflict."""
    if target.exists() and not is_forced:
        raise Conflict(f"{target} exists already", hint="name another with --output, or add --force", code="file_exists")


def _copy(url: str, write: Callable[[bytes], object], show: Callable[[int], None]) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS)
    try:
        answer = urllib3.request("GET", url, preload_content=False, retries=False, timeout=timeout)
        if answer.status != 200:
            said = answer.read(500).decode(errors="replace")
            raise Unavailable(f"the link was answered with {answer.status}: {said}", hint="try again: `bklog export download`")
        for piece in answer.stream(PIECE_BYTES, decode_content=False):
            write(piece)
            digest.update(piece)
            size += len(piece)
            show(size)
    except urllib3.exceptions.HTTPError as problem:
        raise Unavailable(f"the file did not come whole: {problem}", hint="try again: `bklog export download`") from problem
    return size, digest.hexdigest()
