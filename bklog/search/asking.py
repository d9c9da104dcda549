"""Asking: a request under way: whose it is, and how it is called off. Who asks stands in ASKING, which the entry point sets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import uuid4

from bklog.search.failures import cancelled
from bklog.store import Searching


class Watching(Protocol):
    def look_after(self, one: Asking) -> None: ...

    def forget(self, one: Asking) -> None: ...


@dataclass(slots=True, eq=False)
class Asking:
    """`mark` is that of its statements where the client gave one; `has_left` says whether the client has gone.

    `turns_out_long` is called with the first of its statements that is long, or that waits: from then on it is watched.
    """

    owner: str
    mark: str = ""
    space: str = ""
    has_left: Callable[[], bool] = lambda: False
    watch: Watching | None = None
    turns_out_long: Callable[[], None] = lambda: None
    cancelled: threading.Event = field(default_factory=threading.Event)
    _own: str = field(default_factory=lambda: f"own.{uuid4().hex}")

    @property
    def any_mark(self) -> str:
        """By which a long statement is found, whether the client gave one or not."""
        return self.mark or self._own

    def watched(self) -> None:
        if self.watch:
            self.watch.look_after(self)

    def wait(self) -> None:
        """While it stands in a line. Raises SearchCancelled."""
        self.watched()
        self.look()

    def look(self) -> None:
        """Raises SearchCancelled."""
        if self.cancelled.is_set():
            raise cancelled()


ASKING: ContextVar[Asking] = ContextVar("asking")
_UNDER_WAY: Final[dict[str, Asking]] = {}


def who_asks(owner: str = "") -> Asking:
    """Where no entry point said it, somebody of this name, who cannot be called off."""
    return ASKING.get(None) or Asking(owner)


@contextmanager
def asking(one: Asking) -> Iterator[Asking]:
    """For the block `one` is who asks; again for what of it runs later."""
    token = ASKING.set(one)
    if one.mark:
        _UNDER_WAY[one.mark] = one
    try:
        yield one
    finally:
        ASKING.reset(token)
        if _UNDER_WAY.get(one.mark) is one:
            del _UNDER_WAY[one.mark]
        if one.watch:
            one.watch.forget(one)


def cancel(mark: str, store: Searching) -> bool:
    """Stop the request with this mark: here before its next statement, anywhere by what it runs. Says whether there was one."""
    here = _UNDER_WAY.get(mark)
    if here:
        here.cancelled.set()
    return bool(store.cancel(mark)) or here is not None
