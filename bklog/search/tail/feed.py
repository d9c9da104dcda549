"""Feed: one question that any number of viewers follow at the cost of one.

          ┌──── woken by an insert of this process, at the latest after POLL_SECONDS ────┐
          ▼                                                                              │
    arrivals of the last seconds ─ not told yet ─▶ pieces ─▶ one message ─▶ every viewer ┘

The store is the truth: what other processes insert is found by asking it; what this one inserts only makes it ask sooner.
Who comes back with the id of an event is first told, by itself, what all others were told meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from bklog.errors import BklogError, Forbidden, Retryable
from bklog.query.outputs import Arrival
from bklog.search.tail.allowance import Allowance
from bklog.search.tail.messages import Wording
from bklog.search.tail.position import MICROSECOND, SETTLE_SECONDS, Position, settled
from bklog.search.tail.reading import ARRIVALS, Piece, pieces
from bklog.search.tail.viewer import Viewer
from bklog.store import LogTable
from bklog.telemetry import RowsTailed

POLL_SECONDS: Final = 0.5
LEAST_SECONDS: Final = 0.25  # between two readings of the store, however often rows come in
SETTLE_EVERY_SECONDS: Final = 1.0
REFRESH_SECONDS: Final = 2.0  # a changed masking, index set or token is noticed after this
STALE_SECONDS: Final = 15.0  # without knowing what to hide nothing is shown
HEARTBEAT_SECONDS: Final = 5.0
RESUME_SECONDS: Final = 600  # who was away for longer is told that there is a gap
CATCH_UP_SECONDS: Final = 60  # of rows at the usual rate are shown to who comes back
PASSING: Final = frozenset({"table_gone"})  # another table takes its place, and is seen at the next refresh
InThread = Callable[..., Awaitable[Any]]


class Followed(Protocol):
    """What is read at the moment; compared with what was read before."""

    @property
    def tables(self) -> tuple[LogTable, ...]: ...

    @property
    def masking(self) -> object: ...


class Reading(Protocol):
    """A question about what is there now. Everything but its properties takes time."""

    @property
    def source(self) -> Followed: ...

    @property
    def query(self) -> str: ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    def arrivals(self, since: int) -> list[Arrival]:
        """What is visible of what arrived after `since` (microseconds since 1970): the newest ARRIVALS, oldest first."""

    def read(self, arrivals: Sequence[Arrival], most_rows: int) -> Piece:
        """The first `most_rows` of these arrivals that match, and how many more there are."""


class Asking(Protocol):
    """What a feed has of the platform. It may take time; it raises what a search would answer with."""

    @property
    def wording(self) -> Wording: ...

    def open(self) -> Reading:
        """The question, about the index set as it is now."""

    def require_readers(self, tokens: frozenset[str]) -> dict[str, BklogError]:
        """Which of these may follow no more, and why."""

    def longest_insert(self) -> float:
        """For how many seconds the oldest of the inserts runs that have not ended yet."""


@dataclass(frozen=True, slots=True)
class Pace:
    rows_per_second: int
    poll_seconds: float = POLL_SECONDS
    refresh_seconds: float = REFRESH_SECONDS
    heartbeat_seconds: float = HEARTBEAT_SECONDS


class Feed:
    """Runs while it has viewers. `in_thread` runs what blocks."""

    def __init__(self, index_set_id: int, asking: Asking, reader: Reading, in_thread: InThread, pace: Pace) -> None:
        self.viewers: set[Viewer] = set()
        self._index_set_id = index_set_id
        self._asking = asking
        self._wording = asking.wording
        self._reader = reader
        self._in_thread = in_thread
        self._pace = pace
        self._joining: list[Viewer] = []
        self._position: Position | None = None
        self._settled = 0
        self._settled_at = float("-inf")
        self._woken = asyncio.Event()
        self._confirmed_at = self._refreshed_at = self._told_at = time.monotonic()
        self._allowance = Allowance(pace.rows_per_second, time.monotonic())
        self._trouble = ""

    @property
    def tables(self) -> frozenset[str]:
        return frozenset(table.name for table in self._reader.source.tables)

    @property
    def followers(self) -> tuple[Viewer, ...]:
        return (*self.viewers, *self._joining)

    def join(self, viewer: Viewer) -> None:
        self._joining.append(viewer)
        self.wake()

    def leave(self, viewer: Viewer) -> None:
        self.viewers.discard(viewer)
        if viewer in self._joining:
            self._joining.remove(viewer)

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Until nobody follows, or what is followed cannot be any more: then everybody is told why."""
        while self.followers:
            began = time.monotonic()
            try:
                await self._turn()
            except BklogError as error:
                if not _passes(error) or time.monotonic() - self._confirmed_at > STALE_SECONDS:
                    self.end_all(error)
                    return
                self._tell_trouble(error)
            await self._pause(began)

    async def _turn(self) -> None:
        await self._refresh()
        joining = tuple(self._joining)  # before the store is asked: what they were told elsewhere is among what it answers
        await self._settle()  # before too: what becomes visible between the two must not count as told
        since = self._position.until if self._position else self._settled
        listed = await self._list(since)
        if self._position is None:  # what is there when the first viewer comes is old
            self._position = Position(since).after(listed, (), settled=since)
        await self._tell_new(listed, self._position)
        for viewer in joining:
            await self._admit(viewer, self._position)
        self._recover()
        self._beat(self._position)

    async def _tell_new(self, listed: Sequence[Arrival], position: Position) -> None:
        untold = [one for one in listed if not position.has_told(one)]
        for piece, left in _with_rest(untold):
            found = await self._in_thread(self._reader.read, piece, self._allowance.rows(time.monotonic()))
            self._allowance.take(found.shown)
            self._position = position = position.after(listed, left, settled=self._settled)
            self._tell(found, position, self.viewers)
            self._report(found, piece)
        if not untold:
            self._position = position.after(listed, (), settled=self._settled)

    async def _list(self, since: int) -> list[Arrival]:
        listed: list[Arrival] = await self._in_thread(self._reader.arrivals, since)
        return listed

    async def _settle(self) -> None:
        """Up to when everything that arrived can be seen: an insert that takes long is waited for."""
        if time.monotonic() - self._settled_at >= SETTLE_EVERY_SECONDS:
            longest_seconds: float = await self._in_thread(self._asking.longest_insert)
            self._settled = settled(_now(), longest_seconds)
            self._settled_at = time.monotonic()

    async def _admit(self, viewer: Viewer, position: Position) -> None:
        if not viewer.is_greeted:
            viewer.is_greeted = True
            viewer.send(self._wording.event("open", self._described(), position if viewer.position is None else None))
        if viewer.position is not None:
            await self._catch_up(viewer, viewer.position, position)
        if viewer in self._joining:  # else it has left
            self._joining.remove(viewer)
            self.viewers.add(viewer)

    async def _catch_up(self, viewer: Viewer, at: Position, position: Position) -> None:
        """Up to where the others are."""
        listed = await self._list(max(at.until, _now() - RESUME_SECONDS * MICROSECOND))
        oldest = listed[0].time if len(listed) == ARRIVALS else _now() - RESUME_SECONDS * MICROSECOND
        if at.until < oldest - SETTLE_SECONDS * MICROSECOND:
            viewer.send(self._wording.event("gap", _gap(at.until, oldest)))
            at = viewer.position = Position(oldest)
        told = [one for one in listed if position.has_told(one)]
        allowed = _allowed(at, self._pace.rows_per_second)
        for piece, left in _with_rest([one for one in told if not at.has_told(one)]):
            found = await self._in_thread(self._reader.read, piece, allowed)
            allowed -= found.shown
            at = viewer.position = at.after(told, left, settled=position.until)
            self._tell(found, at, (viewer,))

    def _tell(self, found: Piece, position: Position, viewers: Iterable[Viewer]) -> None:
        dropped = self._wording.dropped(found.dropped, "rate", None if found.shown else position) if found.dropped else b""
        rows = self._wording.rows(found.lines, position) if found.shown else b""
        for viewer in viewers:
            if dropped:
                viewer.send(dropped)
            if rows:
                viewer.send(rows, rows=found.shown)
        if rows or dropped:
            self._told_at = time.monotonic()

    def _report(self, found: Piece, piece: Sequence[Arrival]) -> None:
        if found.shown or found.dropped:
            delay_seconds = max(0.0, (_now() - piece[0].time) / MICROSECOND)
            RowsTailed(self._index_set_id, len(self.viewers), found.shown, found.dropped, delay_seconds).emit()

    async def _refresh(self) -> None:
        """Tokens, tables and above all the masking are as the database says now."""
        now = time.monotonic()
        if now - self._refreshed_at < self._pace.refresh_seconds:
            return
        tokens = frozenset(viewer.token for viewer in self.followers)
        refused = await self._in_thread(self._asking.require_readers, tokens)
        for viewer in [one for one in self.followers if one.token in refused]:
            error = refused[viewer.token]
            viewer.forget_rows()
            viewer.fail(error)
            self.leave(viewer)
        before, self._reader = self._reader.source, await self._in_thread(self._asking.open)
        self._refreshed_at = self._confirmed_at = now
        if self._reader.source != before:
            self._tell_change(is_masking=self._reader.source.masking != before.masking)

    def _tell_change(self, *, is_masking: bool) -> None:
        for viewer in self.viewers:
            if is_masking:
                viewer.forget_rows()
            viewer.send(self._wording.event("changed", {"what": "masking" if is_masking else "tables"}))

    def _beat(self, position: Position) -> None:
        if time.monotonic() - self._told_at >= self._pace.heartbeat_seconds:
            self._told_at = time.monotonic()
            for viewer in self.viewers:
                viewer.send(self._wording.heartbeat(position))

    def _tell_trouble(self, error: BklogError) -> None:
        """Once, and the connection is kept: nothing was told, so that nothing is missed."""
        if error.stable_code != self._trouble:
            self._trouble = error.stable_code
            for viewer in self.followers:
                viewer.send(self._wording.failure(error, name="waiting"))
        elif time.monotonic() - self._told_at >= self._pace.heartbeat_seconds:
            self._told_at = time.monotonic()
            for viewer in self.followers:
                viewer.send(self._wording.heartbeat(None))

    def _recover(self) -> None:
        if self._trouble:
            self._trouble = ""
            for viewer in self.viewers:
                viewer.send(self._wording.event("recovered", {}))

    def end_all(self, error: BklogError) -> None:
        for viewer in self.followers:
            if isinstance(error, Forbidden):  # by a masking of which the rows that wait know nothing
                viewer.forget_rows()
            viewer.fail(error)
        self.viewers.clear()
        self._joining.clear()

    async def _pause(self, began: float) -> None:
        """At most POLL_SECONDS from the beginning of the turn, at least LEAST_SECONDS."""
        await asyncio.sleep(max(0.0, began + LEAST_SECONDS - time.monotonic()))
        try:
            await asyncio.wait_for(self._woken.wait(), max(0.0, began + self._pace.poll_seconds - time.monotonic()))
        except TimeoutError:
            return
        finally:
            self._woken.clear()

    def _described(self) -> dict[str, Any]:
        return {
            "index_set_id": self._index_set_id,
            "query": self._reader.query,
            "notes": self._reader.notes,
            "rows_per_second": self._pace.rows_per_second,
            "heartbeat_seconds": self._pace.heartbeat_seconds,
        }


def _with_rest(arrivals: Sequence[Arrival]) -> list[tuple[tuple[Arrival, ...], Sequence[Arrival]]]:
    """Each piece, and what is left after it."""
    found, start = [], 0
    for piece in pieces(arrivals):
        start += len(piece)
        found.append((piece, arrivals[start:]))
    return found


def _passes(error: BklogError) -> bool:
    return isinstance(error, Retryable) or error.stable_code in PASSING


def _allowed(at: Position, rows_per_second: int) -> int:
    away_seconds = max(1.0, (_now() - at.until) / MICROSECOND)
    return int(rows_per_second * min(away_seconds, CATCH_UP_SECONDS))


def _gap(since: int, until: int) -> dict[str, Any]:
    hint = f"a tail goes on over {RESUME_SECONDS} seconds at the most: search what came in meanwhile"
    return {"since": since, "until": until, "hint": hint}


def _now() -> int:
    return time.time_ns() // 1_000
