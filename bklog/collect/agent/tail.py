"""Tail: one file that is followed, from its discovery until it is gone and drained.

in place    its name matches the input; its last line waits for the newline, however long
rotated     its name is another one or none: the open file is read to its end, then the last line counts as whole
            once nobody can write to it any more
A file that lags behind is kept open, so that deleting it loses nothing.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Final

from bklog.collect.agent.checkpoint import FileState
from bklog.collect.agent.discover import Found
from bklog.collect.agent.ranges import Range, RangeLimits, has_writer, read_range

CLOSE_IDLE_SECONDS: Final = 300.0  # an open file costs a descriptor, and holds the disk space of a deleted one
UNKNOWN_WRITER_SECONDS: Final = 60.0  # where the kernel does not say who writes, a minute of silence must do


class Tail:
    """Mutable. `saved` is the state that the checkpoints hold; `state` differs from it until the next save."""

    def __init__(self, state: FileState, *, name: str, size: int, now: float) -> None:
        self.state = state
        self.saved: FileState | None = None
        self.name = name  # as the glob matched it last
        self.size = size
        self.file: int | None = None
        self.grew_at = now
        self.behind_since = now
        self.scanned_to = -1  # the size at which no whole line was left
        self.lost_bytes = 0
        self.changed_at = 0.0
        self.unverified = True  # it may hold other content of the same size
        self.rotated = False
        self.deleted = False
        self.busy = False
        self.complained = False
        self.not_before = 0.0
        self.sent_at = 0.0

    @property
    def behind(self) -> bool:
        return self.size != self.state.offset or self.state.pending is not None

    def stay(self, found: Found, *, now: float) -> None:
        """It is in place."""
        self.rotated = self.deleted = False
        if found.path != self.name:
            self.name = found.path
            self.state = replace(self.state, place=found.path)
            self.relocate()
        if found.changed_at != self.changed_at:
            self.changed_at = found.changed_at
            self.unverified = True
        self._observe(found.size, now=now)

    def leave(self, *, now: float) -> None:
        """It is open, and no longer in place: the open file is followed, and the kernel knows in what folder it is."""
        if self.file is None:
            raise ValueError("a closed file cannot be followed")
        facts = os.fstat(self.file)
        self.deleted = facts.st_nlink == 0
        if not self.rotated and not self.deleted:
            self.relocate()
        self.rotated = True
        self._observe(facts.st_size, now=now)

    def open(self) -> bool:
        """False when another file is at the place by now. Raises OSError when it cannot be opened."""
        file = os.open(self.state.place, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        facts = os.fstat(file)
        if (facts.st_dev, facts.st_ino) != self.state.identity:
            os.close(file)
            return False
        self.file = file
        self.relocate()
        return True

    def relocate(self) -> None:
        if self.file is None:
            return
        place = os.readlink(f"/proc/self/fd/{self.file}")  # noqa: PTH115 (a name may hold any bytes)
        if place != self.state.place and not place.endswith(" (deleted)"):
            self.state = replace(self.state, place=place)

    def close(self) -> None:
        if self.file is not None:
            os.close(self.file)
            self.file = None

    def read(self, *, limits: RangeLimits, whole: bool) -> Range:
        """Raises ContentChanged, and OSError when the disk fails."""
        if self.file is None:
            raise ValueError("a closed file cannot be read")
        found = read_range(self.file, self.state, limits=limits, whole=whole)
        if not found.body and not self.state.skipping:
            self.scanned_to = self.size
        self.state = found.state
        return found

    def restart(self, state: FileState, *, now: float) -> None:
        self.state = state
        self.behind_since = now
        self.scanned_to = -1
        self.lost_bytes = 0

    def acknowledge(self, *, now: float) -> None:
        self.state = self.state.acknowledged()
        self.size = max(self.size, self.state.offset)  # it may have grown between the scan and the reading
        self.sent_at = self.behind_since = now

    def is_ready(self, *, now: float, batch_bytes: int, linger_seconds: float, partial_seconds: float) -> bool:
        if self.busy or self.file is None or not self.behind or now < self.not_before:
            return False
        if self.state.pending is not None:
            return True
        if self.scanned_to == self.size:
            return self.is_final(now=now, partial_seconds=partial_seconds)
        full = self.size - self.state.offset >= batch_bytes
        return full or self.rotated or now - self.behind_since >= linger_seconds

    def is_final(self, *, now: float, partial_seconds: float) -> bool:
        """Nothing will be added. Never in place: there the writer may only be pausing, and a line must not be split."""
        quiet = now - self.grew_at
        if not self.rotated or quiet < partial_seconds or self.file is None:
            return False
        writer = has_writer(self.file)
        return quiet >= UNKNOWN_WRITER_SECONDS if writer is None else not writer

    def is_idle(self, *, now: float) -> bool:
        return self.file is not None and not self.behind and not self.busy and now - self.grew_at >= CLOSE_IDLE_SECONDS

    def _observe(self, size: int, *, now: float) -> None:
        if size == self.size:
            return
        if not self.behind:
            self.behind_since = now
        if size < self.size:
            self.lost_bytes = max(0, self.size - self.state.offset)
        self.size = size
        self.grew_at = now
