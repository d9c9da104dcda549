"""Turns: a few at a time, and the next is of whoever had the fewest: one who asks for much does not keep others waiting.

ask(owner) ─▶ wait ─ a place is free, and no owner with fewer places waits ─▶ work ─▶ the place goes to the next
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from bklog.errors import Overloaded

LOOK_SECONDS: Final = 0.1


class Turns:
    """Of one process. `at_once` have their turn, at most `waiting` wait."""

    def __init__(self, at_once: int, *, waiting: int) -> None:
        self._at_once = at_once
        self._most_waiting = waiting
        self._changed = threading.Condition()
        self._waiting: list[tuple[str, object]] = []
        self._having: Counter[str] = Counter()
        self._last: dict[str, float] = {}

    @contextmanager
    def turn(self, owner: str, *, seconds: float, look: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Waits so long at the most. `look` is called while waiting and may raise. Raises Overloaded (`search_queue`)."""
        self._enter(owner, time.monotonic() + seconds, look)
        try:
            yield
        finally:
            with self._changed:
                self._having[owner] -= 1
                self._last[owner] = time.monotonic()
                if not self._having[owner]:
                    del self._having[owner]
                self._changed.notify_all()

    def _enter(self, owner: str, deadline: float, look: Callable[[], None]) -> None:
        me = (owner, object())
        with self._changed:
            if len(self._waiting) >= self._most_waiting and not self._is_free():
                raise _full(f"{len(self._waiting)} long searches wait already")
            self._waiting.append(me)
            try:
                while not (self._is_free() and self._next() is me):
                    look()
                    if time.monotonic() >= deadline:
                        raise _full("no long search ended in time")
                    self._changed.wait(LOOK_SECONDS)
                self._having[owner] += 1
            finally:
                self._waiting.remove(me)
                self._changed.notify_all()
                self._forget()

    def _is_free(self) -> bool:
        return self._having.total() < self._at_once

    def _next(self) -> tuple[str, object]:
        """Of who has the fewest places the one who had none for the longest; of one owner the first to come."""
        return min(self._waiting, key=lambda one: (self._having[one[0]], self._last.get(one[0], 0.0)))

    def _forget(self) -> None:
        """Whoever neither waits nor works is as new."""
        here = {owner for owner, _ in self._waiting} | set(self._having)
        self._last = {owner: at for owner, at in self._last.items() if owner in here}


def _full(why: str) -> Overloaded:
    hint = "narrow the time range or add a word that few rows have: what is quick needs no turn; or try again"
    return Overloaded(f"the search waited for its turn: {why}", retry_after_seconds=2, hint=hint, code="search_queue")
