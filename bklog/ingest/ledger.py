"""The ledger: for each answered request, what was received and what became of it, written before the answer goes out.

commit ──Entry──▶ pending ──(one insert at a time)──▶ table `ledger` ──▶ answer
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from bklog.records import Stored

SPACING_SECONDS: Final = 0.1  # at most ten small parts a second, however many requests


@dataclass(frozen=True, slots=True)
class Entry:
    """One request. received = stored + duplicate + rejected, in lines; `size_bytes` after decompression."""

    time: datetime
    table: str
    batch: UUID
    host: str
    size_bytes: int
    outcome: Stored

    def as_row(self) -> dict[str, Any]:
        rejected = self.outcome.rejected
        return {
            "time": self.time.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
            "table": self.table,
            "batch": str(self.batch),
            "host": self.host,
            "received": self.outcome.stored + self.outcome.duplicate + sum(rejected.values()),
            "stored": self.outcome.stored,
            "duplicate": self.outcome.duplicate,
            "rejected": rejected,
            "marked": self.outcome.marked,
            "bytes": self.size_bytes,
        }


InsertRows = Callable[[Sequence[dict[str, Any]], str], Awaitable[None]]


class Ledger:
    """Merges the entries that wait while an insert runs into the next insert."""

    def __init__(self, insert_rows: InsertRows) -> None:
        self._insert_rows = insert_rows
        self._waiting: list[tuple[Entry, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def write(self, entries: Sequence[Entry]) -> None:
        """Returns when the entries are stored. Raises what the store raises: then the request is not answered as stored."""
        loop = asyncio.get_running_loop()
        written = [loop.create_future() for _ in entries]
        self._waiting += zip(entries, written, strict=True)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._drain())
        await asyncio.gather(*written)

    async def _drain(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting, []
            await self._insert(taken)
            await asyncio.sleep(SPACING_SECONDS)

    async def _insert(self, taken: Sequence[tuple[Entry, asyncio.Future[None]]]) -> None:
        try:
            await self._insert_rows([entry.as_row() for entry, _ in taken], uuid4().hex)
        except Exception as error:  # noqa: BLE001 - every waiting request is told, none waits for ever
            for _, written in taken:
                _settle(written, error)
        else:
            for _, written in taken:
                _settle(written, None)


def _settle(written: asyncio.Future[None], error: Exception | None) -> None:
    if written.cancelled():  # the sender went away
        return
    if error is None:
        written.set_result(None)
    else:
        written.set_exception(error)
