"""Watch: looks after the requests that wait or are long, and ends those that nobody wants any more.

request waits or is long ─▶ every LOOK_SECONDS: has its client gone? was it called off at another process?
                                                   └─ yes ─▶ it stops waiting, and its statement is stopped in the engine

A quick request is never watched: it ends by itself before a look would have helped.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

from bklog.errors import BklogError, Unavailable
from bklog.search.asking import Asking
from bklog.store import Searching

LOOK_SECONDS: Final = 0.25
SHOW_SECONDS: Final = 1.0
KEPT_SECONDS: Final = 10  # what was not shown for so long is not under way
logger = logging.getLogger("bklog.search")


class Marks(Protocol):
    """What is under way, known to all processes."""

    def show(self, mark: str) -> bool: ...

    def call_off(self, mark: str) -> bool: ...

    def end(self, mark: str) -> None: ...


class Watch:
    """One of a process, with a thread while there is something to look after. Without `marks` it knows only its own process."""

    def __init__(self, store: Callable[[], Searching], marks: Marks | None = None) -> None:
        self._store = store
        self._marks = marks
        self._watched: set[Asking] = set()
        self._one_at_a_time = threading.Lock()
        self._thread: threading.Thread | None = None
        self._shown_at = 0.0

    def look_after(self, one: Asking) -> None:
        with self._one_at_a_time:
            self._watched.add(one)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watch of searches", daemon=True)
                self._thread.start()

    def forget(self, one: Asking) -> None:
        with self._one_at_a_time:
            if one not in self._watched:
                return
            self._watched.remove(one)
        if one.mark and self._marks:
            self._told(self._marks.end, one.mark)

    def call_off(self, mark: str) -> bool:
        """Whether a process watches a request with this mark, which ends within a moment."""
        return self._marks is not None and self._told(self._marks.call_off, mark)

    def _run(self) -> None:
        while watched := self._still_watched():
            is_shown = time.monotonic() - self._shown_at >= SHOW_SECONDS
            for one in watched:
                self._look(one, is_shown=is_shown)
            if is_shown:
                self._shown_at = time.monotonic()
            time.sleep(LOOK_SECONDS)

    def _still_watched(self) -> list[Asking]:
        with self._one_at_a_time:
            if not self._watched:
                self._thread = None
            return list(self._watched)

    def _look(self, one: Asking, *, is_shown: bool) -> None:
        """What has ended once is stopped at each look: a statement may have begun while the first was under way."""
        is_called_off = is_shown and one.mark and self._marks and self._told(self._marks.show, one.mark)
        if not (one.cancelled.is_set() or one.has_left() or is_called_off):
            return
        one.cancelled.set()
        try:
            self._store().cancel(one.any_mark)
        except BklogError as error:
            logger.warning("a search that nobody wants any more could not be stopped", extra={"reason": error.message})

    def _told(self, tell: Callable[[str], object], mark: str) -> bool:
        try:
            return bool(tell(mark))
        except Unavailable as error:
            logger.warning("web processes do not hear of each other's searches", extra={"reason": error.message})
            return False
