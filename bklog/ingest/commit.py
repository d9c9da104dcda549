"""Requests -> batches -> stored. Small requests without a key share an insert (group commit); one with a key has its own.

    submit ─▶ keyed?  ─yes─▶ insert under its own token ──────────────┐
                 └─no──▶ group of (table, rule, source) ─▶ one insert ─┴─▶ ledger ─▶ each request is answered

A key names one insert for ever: were it merged with others, a retry would meet other neighbours, and the token with it.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate
from typing import Final
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

from bklog.clean import CleanRule
from bklog.errors import Overloaded
from bklog.ingest.destination import Destination
from bklog.ingest.ledger import Entry, Ledger
from bklog.records import Stored
from bklog.store import NOTHING_ATTACHED, Attached, LineBatch, Source
from bklog.telemetry import BatchInserted
from bklog.telemetry.metrics import INGEST_PENDING_BYTES

GROUP_BYTES: Final = 16 << 20  # a group this large is inserted at once


@dataclass(frozen=True, slots=True)
class Request:
    """One request's lines, separated by newlines; `lines` is their number; `key` is empty where the sender gave none."""

    destination: Destination
    rule: CleanRule
    source: Source
    body: bytes
    lines: int
    key: str
    attached: Attached = NOTHING_ATTACHED


@dataclass(frozen=True, slots=True)
class CommitLimits:
    spacing_seconds: float
    pending_bytes: int
    max_line_bytes: int
    parallel_inserts: int


InsertLines = Callable[[LineBatch], Awaitable[list[Stored]]]
Waiting = tuple[Request, "asyncio.Future[Stored]"]
GroupKey = tuple[str, str, str, Source, Attached]


@dataclass(slots=True)
class Group:
    """The requests of one table, rule and source that wait for the next insert."""

    waiting: list[Waiting] = field(default_factory=list)
    size_bytes: int = 0
    full: asyncio.Event = field(default_factory=asyncio.Event)
    last_insert: float = 0.0


class Committer:
    """Takes requests, answers each when its lines and its ledger entry are stored.

    Raises Overloaded when more bytes wait than the limit allows, and whatever the store raises: then nothing is acknowledged.
    """

    def __init__(self, insert_lines: InsertLines, ledger: Ledger, limits: CommitLimits) -> None:
        self._insert_lines = insert_lines
        self._ledger = ledger
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.parallel_inserts)
        self._groups: dict[GroupKey, Group] = {}
        self._flushers: set[asyncio.Task[None]] = set()
        self._pending_bytes = 0

    async def submit(self, request: Request) -> Stored:
        if self._pending_bytes + len(request.body) > self._limits.pending_bytes and self._pending_bytes:
            raise Overloaded(
                f"{self._pending_bytes} bytes already wait to be stored",
                hint="keep the batch and send it again after Retry-After, or raise BKLOG_INGEST_MAX_PENDING_BYTES",
                code="ingest_overloaded",
            )
        self._count_pending(len(request.body))
        try:
            return await (self._insert_alone(request) if request.key else self._join_group(request))
        finally:
            self._count_pending(-len(request.body))

    def _count_pending(self, size_bytes: int) -> None:
        self._pending_bytes += size_bytes
        INGEST_PENDING_BYTES.set(self._pending_bytes)

    async def _insert_alone(self, request: Request) -> Stored:
        return (await self._insert([request], batch_id(request)))[0]

    async def _join_group(self, request: Request) -> Stored:
        destination = request.destination
        key = (destination.table.name, repr(request.rule), destination.collector, request.source, request.attached)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group()
            self._start(self._flush(key, group))
        answer: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        group.waiting.append((request, answer))
        group.size_bytes += len(request.body) + 1
        if group.size_bytes >= GROUP_BYTES:
            group.full.set()
        return await answer

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._flushers.add(task)
        task.add_done_callback(self._flushers.discard)

    async def _flush(self, key: GroupKey, group: Group) -> None:
        """Insert at once what comes after a pause, then whatever gathered during one spacing, until nothing came."""
        await asyncio.sleep(0)  # let the request that opened the group join it
        while group.waiting:
            taken, group.waiting, group.size_bytes = group.waiting, [], 0
            group.full.clear()
            started = time.monotonic()
            await self._answer(taken)
            await _sleep_until(group.full, started + self._limits.spacing_seconds)
        del self._groups[key]

    async def _answer(self, taken: Sequence[Waiting]) -> None:
        try:
            outcomes = await self._insert([request for request, _ in taken], uuid4())
        except Exception as error:  # noqa: BLE001 - every request of the group is told, none waits for ever
            for _, answer in taken:
                if not answer.cancelled():
                    answer.set_exception(error)
            return
        for (_, answer), outcome in zip(taken, outcomes, strict=True):
            if not answer.cancelled():
                answer.set_result(outcome)

    async def _insert(self, requests: Sequence[Request], batch: UUID) -> list[Stored]:
        async with self._slots:
            lines = self._batch(requests, batch)
            began = time.monotonic()
            outcomes = await self._insert_lines(lines)
        seconds = time.monotonic() - began
        BatchInserted(lines.table.known_as, requests=len(requests), size_bytes=len(lines.body), seconds=seconds).emit()
        await self._ledger.write([_entry(request, lines, outcome) for request, outcome in zip(requests, outcomes, strict=True)])
        return outcomes

    def _batch(self, requests: Sequence[Request], batch: UUID) -> LineBatch:
        """Just before its insert: who follows the arrivals reckons with times that are not much older than that."""
        first = requests[0]
        return LineBatch(
            table=first.destination.table,
            rule=first.rule,
            source=first.source,
            batch=batch,
            ingest_time=datetime.now(UTC),
            body=first.body if len(requests) == 1 else joined(requests),
            bounds=tuple(accumulate(request.lines for request in requests)),
            max_line_bytes=self._limits.max_line_bytes,
            keyed=bool(first.key),
            attached=first.attached,
        )


def batch_id(request: Request) -> UUID:
    """The same key with the same bytes is the same batch; a key used again by mistake for other bytes loses nothing."""
    content = f"{len(request.body)}-{zlib.crc32(request.body):08x}"
    return uuid5(NAMESPACE_OID, f"{request.destination.table.known_as}\n{request.key}\n{content}")


def joined(requests: Sequence[Request]) -> bytes:
    """The bodies behind each other, each ended by one newline."""
    return b"".join(request.body if request.body.endswith(b"\n") else request.body + b"\n" for request in requests)


def count_lines(body: bytes) -> int:
    return body.count(b"\n") + (0 if body.endswith(b"\n") else 1)


def _entry(request: Request, batch: LineBatch, outcome: Stored) -> Entry:
    return Entry(
        time=batch.ingest_time,
        table=batch.table.known_as,
        batch=batch.batch,
        host=request.source.host,
        size_bytes=len(request.body),
        outcome=outcome,
    )


async def _sleep_until(event: asyncio.Event, moment: float) -> None:
    """Wait for the event, but not beyond the moment of the monotonic clock."""
    try:
        await asyncio.wait_for(event.wait(), timeout=max(0.0, moment - time.monotonic()))
    except TimeoutError:
        return
