"""Open file + FileState -> the next range of whole lines, or the proof that the file is another one than it was.

The bytes are not looked at beyond the place of the newlines; a range ends after one. The fingerprint is compared AFTER
a range was read: what was read before the comparison cannot be newer than the content that the comparison saw.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from dataclasses import dataclass, replace
from typing import Final

from bklog.collect.agent.checkpoint import FileState, Fingerprint, Pending

FINGERPRINT_BYTES: Final = 1024
LONGEST_LINE_BYTES: Final = 16 * 1024 * 1024  # a line up to this is sent whole; the server says what it takes
SKIP_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class RangeLimits:
    """`longest_line_bytes` is not below `batch_bytes`: a single line may make a batch larger than usual."""

    batch_bytes: int
    longest_line_bytes: int = LONGEST_LINE_BYTES

    def at_most(self, limit_bytes: int) -> RangeLimits:
        return RangeLimits(min(self.batch_bytes, limit_bytes), min(self.longest_line_bytes, limit_bytes))


@dataclass(frozen=True, slots=True)
class Range:
    """`body` is to be sent under `state.key`; an empty one leaves nothing to send for now."""

    state: FileState
    body: bytes


class ContentChanged(Exception):
    """The file holds other bytes than those that the state speaks of; `state` is how to go on."""

    def __init__(self, reason: str, state: FileState) -> None:
        super().__init__(reason)
        self.reason = reason
        self.state = state


def read_range(file: int, state: FileState, *, limits: RangeLimits, whole: bool) -> Range:
    """`whole`: the last line counts as complete without its newline. Raises ContentChanged."""
    if os.fstat(file).st_size < state.offset:
        raise ContentChanged("it became shorter", state.restarted())
    if state.pending is not None:
        return _read_pending(file, state, state.pending)
    if state.skipping:
        return Range(_skip_to_next_line(file, state), b"")
    body, skips = _read_lines(file, state.offset, limits=limits, whole=whole)
    state = replace(state, first=confirm_fingerprint(file, state))
    if not body:
        return Range(state, b"")
    return Range(replace(state, pending=Pending(len(body), _digest(body), skips)), body)


def confirm_fingerprint(file: int, state: FileState) -> Fingerprint:
    """The fingerprint, longer when the file grew. Raises ContentChanged when the first bytes are not those known."""
    first = os.pread(file, FINGERPRINT_BYTES, 0)
    known = state.first
    if len(first) < known.length or (known.length and _digest(first[: known.length]) != known.digest):
        raise ContentChanged("it is another file than before, or was rewritten", state.restarted())
    return known if len(first) == known.length else Fingerprint(len(first), _digest(first))


def has_writer(file: int) -> bool | None:
    """Whether any process has the file open for writing: the kernel grants a read lease only if none has.

    None where it does not say: not the owner of the file, or a file system without leases.
    """
    try:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None
    fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def _read_pending(file: int, state: FileState, pending: Pending) -> Range:
    body = os.pread(file, pending.length, state.offset)
    confirm_fingerprint(file, state)
    if len(body) < pending.length:
        raise ContentChanged("it became shorter", state.restarted())
    if _digest(body) != pending.digest:
        raise ContentChanged("it was overwritten in place", state.restarted(offset=state.offset))
    return Range(state, body)


def _read_lines(file: int, offset: int, *, limits: RangeLimits, whole: bool) -> tuple[bytes, bool]:
    """The range, and whether it is only the head of a line longer than the limit."""
    length = limits.batch_bytes
    data = os.pread(file, length, offset)
    end = data.rfind(b"\n") + 1
    while not end and len(data) == length < limits.longest_line_bytes:
        searched = length
        length = min(length * 4, limits.longest_line_bytes)
        data = os.pread(file, length, offset)
        end = data.find(b"\n", searched) + 1
    if end:
        return data[:end], False
    if len(data) == length:
        return data, True
    return (data if whole else b""), False


def _skip_to_next_line(file: int, state: FileState) -> FileState:
    data = os.pread(file, SKIP_BYTES, state.offset)
    first = confirm_fingerprint(file, state)
    end = data.find(b"\n") + 1
    return replace(state, offset=state.offset + (end or len(data)), skipping=not end, first=first)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
