"""Turns: a few at a time, the others wait in a line that is bounded in length and in time.

ask ─▶ a place ─▶ work ─▶ the place goes to the next
   └─ none is free ─▶ wait, in a thread of this process ─▶ a place, or called off, or the line is full, or the time is over

Which of them is the next, `line` says. Where the line is kept is another matter: in this process, or for all (`shared_line`).
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import uuid4

from bklog.errors import Overloaded
from bklog.search.line import Claim, Line, Rule

LOOK_SECONDS: Final = 0.1  # so late a place may be noticed that another process gave back
Step = Callable[[Line, float], Line]


class Kept(Protocol):
    def change(self, step: Step) -> Line:
        """What `step` makes of the line and the time, kept whole before anybody else changes it."""
        ...


class InProcess:
    """A line of this process alone."""

    def __init__(self) -> None:
        self._line = Line()
        self._one_at_a_time = threading.Lock()

    def change(self, step: Step) -> Line:
        with self._one_at_a_time:
            self._line = step(self._line, time.monotonic())
            return self._line


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of those who wait in this process: each holds one of its threads. `refuse` makes the error from the reason."""

    waiting: int
    of_a_space: int
    seconds: float
    refuse: Callable[[str], Overloaded]


class Turns:
    def __init__(self, rule: Rule, bounds: Bounds, kept: Kept) -> None:
        self._rule = rule
        self._bounds = bounds
        self._kept = kept
        self._waiting: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._changes = 0

    @contextmanager
    def turn(self, owner: str, space: str = "", *, seconds: float, look: Callable[[], None] = lambda: None) -> Iterator[None]:
        """As `enter`, for the block."""
        claim = self.enter(owner, space, seconds=seconds, look=look)
        try:
            yield
        finally:
            self.leave(claim)

    def enter(self, owner: str, space: str = "", *, seconds: float, look: Callable[[], None] = lambda: None) -> Claim:
        """A place for at most `seconds`, then `leave` it. `look` is called while waiting and may raise. Raises Overloaded."""
        claim = Claim(uuid4().hex, space, owner, seconds)
        try:
            if not self._has_place(claim):
                self._wait(claim, look)
        except BaseException:
            self.leave(claim)
            raise
        return claim

    def leave(self, claim: Claim) -> None:
        """Twice is as once."""
        self._kept.change(lambda line, now: line.left(claim, self._rule, now=now))
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    @property
    def waiting(self) -> int:
        return self._waiting.total()

    def _has_place(self, claim: Claim) -> bool:
        return self._kept.change(lambda line, now: line.asked(claim, self._rule, now=now)).has_place(claim)

    def _wait(self, claim: Claim, look: Callable[[], None]) -> None:
        deadline = time.monotonic() + self._bounds.seconds
        with self._standing(claim.space):
            while True:
                seen = self._changes
                if self._has_place(claim):
                    return
                look()
                if time.monotonic() >= deadline:
                    raise self._bounds.refuse("none ended in time")
                with self._changed:
                    self._changed.wait_for(lambda: self._changes != seen, LOOK_SECONDS)  # noqa: B023 called here

    @contextmanager
    def _standing(self, space: str) -> Iterator[None]:
        with self._changed:
            if self._waiting.total() >= self._bounds.waiting or self._waiting[space] >= self._bounds.of_a_space:
                raise self._bounds.refuse(f"{self._waiting.total()} wait already")
            self._waiting[space] += 1
        try:
            yield
        finally:
            with self._changed:
                self._waiting[space] -= 1
                if not self._waiting[space]:
                    del self._waiting[space]


def queue_full(why: str) -> Overloaded:
    """Of long searches."""
    hint = "narrow the time range or add a word that few rows have: what is quick needs no turn; or try again"
    return Overloaded(f"the search takes long and found no turn: {why}", retry_after_seconds=2, hint=hint, code="search_queue")
