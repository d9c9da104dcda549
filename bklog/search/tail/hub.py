"""Hub: all feeds of a process. A viewer joins the feed of its question, or begins it; limits, lifetimes, the end of all.

question, token, position ─ follow ─▶ Viewer ─ messages ─▶ …          a table got rows ─ stored ─▶ its feeds ask sooner
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Hashable
from dataclasses import dataclass
from typing import Final, Protocol

from bklog.errors import BklogError, Overloaded, Unavailable
from bklog.search.tail.feed import Asking, Feed, InThread, Pace, Reading
from bklog.search.tail.position import Position
from bklog.search.tail.viewer import Ended, Viewer
from bklog.telemetry import TailEnded
from bklog.telemetry.metrics import TAIL_VIEWERS

STOPPING: Final = "tail_stopping"
END_HINT: Final = "connect again with the id of the last event as Last-Event-ID: nothing is missed"
logger = logging.getLogger("bklog.tail")


class Question(Hashable, Protocol):
    """What is followed: all viewers of equal questions are served by one reading of the store."""

    @property
    def index_set_id(self) -> int:
        """0 where several may be meant."""


@dataclass(frozen=True, slots=True)
class HubLimits:
    viewers: int
    queries: int
    seconds: float


class Hub:
    """Everything is called in one event loop."""

    def __init__(self, in_thread: InThread, *, limits: HubLimits, pace: Pace) -> None:
        self.feeds: dict[Question, Feed] = {}
        self.in_thread = in_thread
        self._limits = limits
        self._pace = pace
        self._viewers = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_stopping = False

    async def follow(self, question: Question, asking: Asking, token: str, position: Position | None) -> Following:
        """`asking` is used where nobody else asks this already.

        Raises Overloaded (`tail_viewers`, `tail_queries`), Unavailable (`tail_stopping`), and what a search raises.
        """
        self._require_room()
        self._count(1)
        try:
            self._require_feed(question)
            reader: Reading = await self.in_thread(asking.open)
            self._require_feed(question)
        except BaseException:
            self._count(-1)
            raise
        viewer = Viewer(token, position, asking.wording)
        feed = self.feeds.get(question) or self._begin(question, asking, reader)
        feed.join(viewer)
        return Following(self, feed, viewer, question.index_set_id, self._limits.seconds)

    def stored(self, table: str) -> None:
        for feed in self.feeds.values():
            if table in feed.tables:
                feed.wake()

    def begin_stop(self) -> None:
        """Everybody is sent away, and can go on with another process: a stop waits for the answers under way."""
        self._is_stopping = True
        for feed in self.feeds.values():
            for viewer in feed.followers:
                viewer.send_away(STOPPING, END_HINT)

    def left(self, feed: Feed, viewer: Viewer) -> None:
        self._count(-1)
        feed.leave(viewer)

    def _begin(self, question: Question, asking: Asking, reader: Reading) -> Feed:
        feed = self.feeds[question] = Feed(question.index_set_id, asking, reader, self.in_thread, self._pace)
        task = asyncio.get_running_loop().create_task(self._run(question, feed))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return feed

    async def _run(self, question: Question, feed: Feed) -> None:
        await asyncio.sleep(0)  # let the viewer that began it join
        try:
            await feed.run()
        except Exception:
            logger.exception("TailFailed", extra={"index_set_id": question.index_set_id})
            feed.end_all(BklogError("the platform failed to follow; this is a defect of it", hint="its log says more"))
            raise
        finally:
            if self.feeds.get(question) is feed:
                del self.feeds[question]

    def _count(self, change: int) -> None:
        self._viewers += change
        TAIL_VIEWERS.set(self._viewers)

    def _require_room(self) -> None:
        if self._viewers >= self._limits.viewers:
            message = f"{self._viewers} viewers follow already"
            raise Overloaded(message, retry_after_seconds=10, hint="raise BKLOG_TAIL_MAX_VIEWERS", code="tail_viewers")

    def _require_feed(self, question: Question) -> None:
        """There is one, or there may be another."""
        if self._is_stopping:
            raise Unavailable("this program is stopping", hint=END_HINT, code=STOPPING)
        if question not in self.feeds and len(self.feeds) >= self._limits.queries:
            message = f"{len(self.feeds)} different queries are followed already"
            hint = "follow one of them, or raise BKLOG_TAIL_MAX_QUERIES"
            raise Overloaded(message, retry_after_seconds=10, hint=hint, code="tail_queries")


class Following:
    """A viewer that has joined. `leave` has to be called, however its messages ended."""

    def __init__(self, hub: Hub, feed: Feed, viewer: Viewer, index_set_id: int, seconds: float) -> None:
        self._hub = hub
        self._feed = feed
        self._viewer = viewer
        self._index_set_id = index_set_id
        self._began = time.monotonic()
        self._lifetime = asyncio.get_running_loop().call_later(seconds, viewer.send_away, "tail_lifetime", END_HINT)

    @property
    def ended(self) -> Ended | None:
        """Why the viewer was sent away, if it was."""
        return self._viewer.ended

    def messages(self) -> AsyncIterator[bytes]:
        return self._viewer.messages()

    def when_ended(self, call: Callable[[], object]) -> None:
        """Calls it once the viewer is sent away, though it may not have taken its last messages yet."""
        self._viewer.when_ended = call

    def leave(self, reader: str) -> None:
        self._lifetime.cancel()
        self._hub.left(self._feed, self._viewer)
        code = self._viewer.ended.code if self._viewer.ended else "left"
        seconds = time.monotonic() - self._began
        TailEnded(self._index_set_id, reader, code, self._viewer.rows_missed, seconds).emit()
