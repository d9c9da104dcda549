"""The statements under way: what a shutdown waits for, and ends where that takes too long.

drain: refuse what comes ─▶ SELECTs end, or are ended after a grace ─▶ inserts end, for longer ─▶ says whether they did
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bklog.errors import StoreError
from bklog.store.server.config import ServerConfig
from bklog.store.server.errors import Code, refusal


@dataclass(eq=False, slots=True)
class Running:
    """A statement under way. `refused` is set before its task is cancelled by the server itself.

    `interrupt` ends what its thread does outside the engine.
    """

    is_select: bool
    refused: StoreError | None = None
    task: asyncio.Task[None] | None = None
    interrupt: Callable[[], None] | None = None

    def refuse(self, error: StoreError) -> None:
        self.refused = error
        if self.interrupt is not None:
            self.interrupt()
        if self.task is not None:
            self.task.cancel()


class UnderWay:
    """Belongs to the event loop."""

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._running: set[Running] = set()
        self._draining = False

    def refuse_when_draining(self) -> None:
        if self._draining:
            raise _shutting_down()

    @contextmanager
    def run(self, *, is_select: bool, task: asyncio.Task[None] | None = None) -> Iterator[Running]:
        """`task` is what would be cancelled; who has none yet sets it as soon as it has."""
        running = Running(is_select, task=task)
        self._running.add(running)
        try:
            yield running
        finally:
            self._running.discard(running)

    async def drain(self) -> bool:
        """Refuse what comes, let what runs end in its time; says whether every insert ended."""
        self._draining = True
        await self._wait_for({running for running in self._running if running.is_select}, self._config.grace_seconds)
        for running in [*self._running]:
            if running.is_select:
                running.refuse(_shutting_down())
        await self._wait_for(set(self._running), self._config.drain_seconds)
        unfinished = [*self._running]
        for running in unfinished:
            running.refuse(_shutting_down())
        await self._wait_for(set(unfinished), self._config.grace_seconds)
        return not unfinished

    async def _wait_for(self, running: set[Running], seconds: float) -> None:
        tasks = {entry.task for entry in running if entry.task is not None}
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)


def _shutting_down() -> StoreError:
    return refusal(Code.ABORTED, "the store is shutting down")
