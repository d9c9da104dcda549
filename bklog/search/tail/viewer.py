"""Viewer: one who follows. What is sent waits here in bounded memory; rows that find no room are counted, not kept.

feed ─ send ─▶ waiting (at most MAX_WAITING_BYTES) ─ messages ─▶ HTTP
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from bklog.errors import BklogError, Retryable
from bklog.search.tail.messages import Wording
from bklog.search.tail.position import Position

MAX_WAITING_BYTES: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class Ended:
    """Why a viewer was sent away; `may_return` says whether it is worth to connect again as it did."""

    code: str
    sentence: str
    may_return: bool


class Viewer:
    """`position` is where it wants to go on, None for what comes from now on."""

    def __init__(self, token: str, position: Position | None, wording: Wording) -> None:
        self.token = token
        self._wording = wording
        self.position = position
        self.is_greeted = False
        self.ended: Ended | None = None
        self.rows_missed = 0
        self.when_ended: Callable[[], object] = lambda: None
        self._waiting: deque[tuple[bytes, int]] = deque()
        self._size_bytes = 0
        self._dropped: Counter[str] = Counter()
        self._changed = asyncio.Event()

    def send(self, message: bytes, *, rows: int = 0) -> None:
        """`rows` are those that the message has: only such messages may be left out."""
        if self.ended or not message:
            return
        if rows and self._waiting and self._size_bytes + len(message) > MAX_WAITING_BYTES:
            self._drop(rows, "viewer")
        else:
            self._tell_dropped()
            self._append(message, rows)
        self._changed.set()

    def forget_rows(self) -> None:
        """Rows that wait were masked by rules that hold no more: they are not sent, and that is said."""
        kept = deque(one for one in self._waiting if not one[1])
        if rows := sum(rows for _, rows in self._waiting):
            self._drop(rows, "masking")
        self._waiting, self._size_bytes = kept, sum(len(message) for message, _ in kept)
        self._changed.set()

    def send_away(self, code: str, hint: str) -> None:
        """What waits is still sent, and then this."""
        self._end(Ended(code, hint, may_return=True), self._wording.event("end", {"code": code, "hint": hint}))

    def fail(self, error: BklogError) -> None:
        ended = Ended(error.stable_code, error.message, may_return=isinstance(error, Retryable))
        self._end(ended, self._wording.failure(error))

    def _end(self, why: Ended, last: bytes) -> None:
        if self.ended:
            return
        self.send(last)
        self.ended = why
        self.when_ended()
        self._changed.set()

    async def messages(self) -> AsyncIterator[bytes]:
        while True:
            while self._waiting:
                message, _ = self._waiting.popleft()
                self._size_bytes -= len(message)
                yield message
            self._tell_dropped()
            if self._waiting:
                continue
            if self.ended:
                return
            self._changed.clear()
            await self._changed.wait()

    def _drop(self, rows: int, reason: str) -> None:
        self._dropped[reason] += rows
        self.rows_missed += rows

    def _append(self, message: bytes, rows: int) -> None:
        self._waiting.append((message, rows))
        self._size_bytes += len(message)

    def _tell_dropped(self) -> None:
        """Between what came before and what comes after."""
        for reason, rows in self._dropped.items():
            self._append(self._wording.dropped(rows, reason), 0)
        self._dropped.clear()
