"""Follower: the files of one input. A scan compares what the globs match now with what is followed.

new identity, known to the checkpoints   goes on where it stood (after a restart)
new identity, unknown                    starts at 0, or at its end where the input says so at its very first scan
followed, found                          in place
followed, not found                      rotated: read to its end, then dropped
in the checkpoints, not found            looked for in its old folder: it was rotated while no agent ran
"""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from bklog.collect.agent.checkpoint import FileState
from bklog.collect.agent.config import Input
from bklog.collect.agent.discover import Found, Identity, find_identity, plan_search
from bklog.collect.agent.ranges import ContentChanged, confirm_fingerprint
from bklog.collect.agent.tail import Tail
from bklog.collect.backoff import Backoff

RETRY_OPEN_SECONDS: Final = 10.0

log = logging.getLogger("bklog.agent")


class Follower:
    """`first_start`: the checkpoints do not know the input yet. `gone` and `parked` wait to be removed and saved."""

    def __init__(
        self,
        source: Input,
        states: Iterable[FileState],
        *,
        first_start: bool,
        ignore_older_seconds: float,
        partial_seconds: float,
    ) -> None:
        self.input = source
        self.search = plan_search(source.paths, source.exclude)
        self.backoff = Backoff()
        self.tails: dict[Identity, Tail] = {}
        self.dormant = {state.identity: state for state in states}
        self.gone: list[str] = []
        self.parked: list[FileState] = []
        self.ignore_older_seconds = ignore_older_seconds
        self.partial_seconds = partial_seconds
        self._first_start = first_start
        self._searched = False

    def scan(self, *, now: float) -> None:
        found = self.search.run()
        for identity, file in found.items():
            tail = self.tails.get(identity) or self._adopt(file, now=now)
            if tail is not None:
                tail.stay(file, now=now)
        for identity in self.tails.keys() - found.keys():
            self._missing(self.tails[identity], now=now)
        if not self._searched:
            self._find_rotated(now=now)
        self._first_start, self._searched = False, True
        for tail in self.tails.values():
            self._open_or_close(tail, now=now)

    def adapt(self, source: Input, *, ignore_older_seconds: float, partial_seconds: float) -> None:
        """The configuration was read again: what no glob matches any more is drained like a rotated file."""
        self.input = source
        self.search = plan_search(source.paths, source.exclude)
        self.backoff = Backoff()
        self.ignore_older_seconds = ignore_older_seconds
        self.partial_seconds = partial_seconds

    def may_send(self, *, now: float) -> bool:
        if now < self.backoff.until:
            return False
        return not self.backoff.failures or not any(tail.busy for tail in self.tails.values())

    def close(self) -> None:
        for tail in self.tails.values():
            tail.close()

    def complain(self, tail: Tail, error: OSError, *, now: float) -> None:
        """Once a file; it is tried again as long as it is there."""
        if not tail.complained:
            log.warning("%s: %s cannot be read: %s; tried again", self.input.name, tail.state.place, error.strerror)
        tail.complained = True
        tail.not_before = now + RETRY_OPEN_SECONDS

    def restart(self, tail: Tail, change: ContentChanged, *, now: float) -> None:
        """The file holds other content than before. One that is rotated has none of ours any more."""
        lost = f"; about {tail.lost_bytes} bytes were not sent before that and are lost" if tail.lost_bytes else ""
        log.warning("%s: %s: %s%s", self.input.name, tail.state.path, change.reason, lost)
        self.gone.append(tail.state.id)
        tail.restart(change.state, now=now)
        if tail.rotated:
            self._drop(tail)

    def _adopt(self, file: Found, *, now: float) -> Tail | None:
        state = self.dormant.pop(file.identity, None) or self._renumbered(file)
        saved = state
        if state is None:
            if self.ignore_older_seconds and time.time() - file.changed_at > self.ignore_older_seconds:
                return None
            state = self._new_state(file)
        tail = Tail(replace(state, place=file.path), name=file.path, size=file.size, now=now)
        tail.saved = tail.state if saved == tail.state else None
        self.tails[file.identity] = tail
        return tail

    def _new_state(self, file: Found) -> FileState:
        # From the end: the last byte is skipped up to its newline, so a line that is being written is left out whole.
        from_end = self._first_start and self.input.from_end and file.size > 0
        device, inode = file.identity
        return FileState(
            id=uuid.uuid4().hex,
            input=self.input.name,
            device=device,
            inode=inode,
            path=file.path,
            place=file.path,
            offset=file.size - 1 if from_end else 0,
            skipping=from_end,
        )

    def _renumbered(self, file: Found) -> FileState | None:
        """Devices get other numbers at a reboot: the same name and inode will do, if the fingerprint fits as well."""
        if not self.dormant:
            return None
        device, inode = file.identity
        place = os.path.realpath(file.path)
        for identity, state in self.dormant.items():
            if state.inode == inode and state.place == place:
                del self.dormant[identity]
                return replace(state, device=device)
        return None

    def _missing(self, tail: Tail, *, now: float) -> None:
        if tail.file is None:
            self._drop(tail)
            self._resume_elsewhere(tail.state, now=now)
            return
        tail.leave(now=now)
        if not tail.behind and not tail.busy and tail.is_final(now=now, partial_seconds=self.partial_seconds):
            self._drop(tail)

    def _drop(self, tail: Tail) -> None:
        """No longer followed. The row of a deleted file goes, any other stays in case that its name comes back."""
        tail.close()
        self.tails.pop(tail.state.identity, None)
        if tail.deleted:
            self.gone.append(tail.state.id)
            return
        self.dormant[tail.state.identity] = tail.state
        if tail.state is not tail.saved:
            self.parked.append(tail.state)

    def _find_rotated(self, *, now: float) -> None:
        for state in list(self.dormant.values()):
            self._resume_elsewhere(state, now=now)

    def _resume_elsewhere(self, state: FileState, *, now: float) -> None:
        """Only with a fingerprint: an inode alone may belong to a stranger by now."""
        found = find_identity(os.path.dirname(state.place), state.identity)  # noqa: PTH120 (as bytes may not be text)
        if found is None or not state.first.length:
            if state.pending is not None:
                log.error("%s: %s is gone; its last %d bytes may be lost", self.input.name, state.path, state.pending.length)
            return
        if found.size <= state.offset:
            return
        tail = Tail(replace(state, place=found.path), name=found.path, size=found.size, now=now)
        tail.rotated = True
        if self._open(tail, now=now):
            self.dormant.pop(state.identity, None)
            self.tails[state.identity] = tail

    def _open_or_close(self, tail: Tail, *, now: float) -> None:
        if tail.file is None and (tail.behind or tail.unverified) and now >= tail.not_before:
            self._open(tail, now=now)
        elif tail.file is not None and tail.unverified and not tail.behind and not tail.busy:
            self._verify(tail, tail.file, now=now)
        elif tail.is_idle(now=now) and not tail.rotated:
            tail.close()

    def _open(self, tail: Tail, *, now: float) -> bool:
        """Whether it is open now and holds what it held before."""
        try:
            if not tail.open() or tail.file is None:
                return False
        except OSError as error:
            self.complain(tail, error, now=now)
            return False
        tail.complained = False
        return self._verify(tail, tail.file, now=now)

    def _verify(self, tail: Tail, file: int, *, now: float) -> bool:
        """A change of time without one of size may be other content of the same length: its beginning shows it."""
        tail.unverified = False
        try:
            first = confirm_fingerprint(file, tail.state)
        except OSError as error:
            self.complain(tail, error, now=now)
            return False
        except ContentChanged as change:
            self.restart(tail, change, now=now)
            return not tail.rotated
        if first != tail.state.first:
            tail.state = replace(tail.state, first=first)
        return True
