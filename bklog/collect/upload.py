"""Files -> chunks of whole lines -> requests, several at a time -> a Tally a file. For files that are complete.

A chunk's key is a digest of what it is and where it stands, so the same files sent again add nothing. No line is
looked at: chunks are cut after the last newline that fits, and lines are counted by their newlines.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Final, Protocol

from bklog.collect.backoff import retry_delay
from bklog.collect.sender import Batch, BodyTooLarge, Receipt, Sender, Source
from bklog.errors import BklogError, Retryable

LONGEST_LINE_BYTES: Final = 32 * 1024 * 1024  # half of the largest body that the server takes by default
SKIP_BYTES: Final = 1024 * 1024
TOO_LONG_TO_SEND: Final = "line_too_long_to_send"


class ByteStream(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Chunk:
    """`size` bytes of a file from `offset` on. Without a body it is one line that is too long for any request."""

    offset: int
    size: int
    body: bytes

    @property
    def lines(self) -> int:
        if not self.body:
            return 1
        return self.body.count(b"\n") + (not self.body.endswith(b"\n"))


@dataclass(slots=True)
class Tally:
    """What was read of a file, and what became of it."""

    path: str
    lines: int = 0
    size: int = 0
    stored: int = 0
    duplicate: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    marked: Counter[str] = field(default_factory=Counter)

    @property
    def is_complete(self) -> bool:
        return self.lines == self.stored + self.duplicate and not self.rejected

    def add(self, chunk: Chunk, receipt: Receipt) -> None:
        self.lines += chunk.lines
        self.size += chunk.size
        self.stored += receipt.stored
        self.duplicate += receipt.duplicate
        self.rejected.update(receipt.rejected_by_reason)
        self.marked.update(receipt.marked)


@dataclass(frozen=True, slots=True)
class Target:
    """Where chunks go and under whose name. `retry_seconds`: how long one chunk is tried before giving up."""

    sender: Sender
    collector: str
    token: str
    format: str
    host: str
    retry_seconds: float


@dataclass(frozen=True, slots=True)
class Upload:
    """`path` is the source that the lines carry; `identity` is what the keys are made of beside the content."""

    path: str
    identity: str
    stream: ByteStream


class MiscountError(BklogError):
    code = "miscount"


def cut_chunks(stream: ByteStream, *, chunk_bytes: int, longest_line_bytes: int = LONGEST_LINE_BYTES) -> Iterator[Chunk]:
    """The same bytes are cut at the same places each time: a short read is filled up first."""
    offset, held, wanted = 0, b"", chunk_bytes
    while True:
        data = held + read_fully(stream, wanted - len(held))
        at_end = len(data) < wanted
        end = len(data) if at_end else data.rfind(b"\n") + 1
        if end:
            yield Chunk(offset, end, data[:end])
            offset, held = offset + end, data[end:]
            wanted = max(chunk_bytes, len(held) + 1)
        elif not at_end and wanted < longest_line_bytes:
            held, wanted = data, min(wanted * 4, longest_line_bytes)
        elif not at_end:
            rest, held = _skip_line(stream)
            yield Chunk(offset, len(data) + rest, b"")
            offset, wanted = offset + len(data) + rest, max(chunk_bytes, len(held) + 1)
        if at_end:
            return


def _skip_line(stream: ByteStream) -> tuple[int, bytes]:
    """How many bytes the line had left, and what was read beyond it."""
    skipped = 0
    while data := stream.read(SKIP_BYTES):
        end = data.find(b"\n") + 1
        if end:
            return skipped + end, data[end:]
        skipped += len(data)
    return skipped, b""


def read_fully(stream: ByteStream, size: int) -> bytes:
    data = stream.read(size)
    if len(data) == size or not data:
        return data
    parts = io.BytesIO()
    while data:
        parts.write(data)
        data = stream.read(size - parts.tell()) if parts.tell() < size else b""
    return parts.getvalue()


def chunk_key(target: Target, upload: Upload, chunk: Chunk) -> str:
    """Host and collector belong to it: the same file on two machines, or into two collectors, is two files."""
    digest = hashlib.sha256(chunk.body).hexdigest()
    what = [target.collector, target.host, upload.identity, chunk.offset, chunk.size, digest]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()


def send_chunk(target: Target, upload: Upload, chunk: Chunk, *, stopped: threading.Event) -> Receipt:
    """Raises BklogError when it is refused, or when `retry_seconds` were not enough."""
    if not chunk.body:
        return _rejected(TOO_LONG_TO_SEND)
    source = Source(target.host, upload.path)
    batch = Batch(chunk.body, chunk_key(target, upload, chunk), target.format, target.token, source)
    try:
        receipt = deliver(target.sender, batch, retry_seconds=target.retry_seconds, stopped=stopped)
    except BodyTooLarge:
        return _send_halves(target, upload, chunk, stopped=stopped)
    if receipt.received != chunk.lines:
        raise MiscountError(
            f"the server counted {receipt.received} lines in a batch of {chunk.lines} ({upload.path} at byte {chunk.offset})",
            hint="what was stored of it is not certain; compare the counts with a search before sending it again",
        )
    return receipt


def _send_halves(target: Target, upload: Upload, chunk: Chunk, *, stopped: threading.Event) -> Receipt:
    """Nothing of a body over the server's limit was stored, so its lines may go in two."""
    middle = chunk.body.rfind(b"\n", 0, max(1, chunk.size // 2)) + 1 or chunk.body.find(b"\n", 0, chunk.size - 1) + 1
    if not middle:
        return _rejected(TOO_LONG_TO_SEND)
    halves = (
        Chunk(chunk.offset, middle, chunk.body[:middle]),
        Chunk(chunk.offset + middle, chunk.size - middle, chunk.body[middle:]),
    )
    first, second = (send_chunk(target, upload, half, stopped=stopped) for half in halves)
    return Receipt(
        received=first.received + second.received,
        stored=first.stored + second.stored,
        duplicate=first.duplicate + second.duplicate,
        rejected=first.rejected + second.rejected,
        rejected_by_reason=dict(Counter(first.rejected_by_reason) + Counter(second.rejected_by_reason)),
        marked=dict(Counter(first.marked) + Counter(second.marked)),
    )


def _rejected(reason: str) -> Receipt:
    return Receipt(received=1, stored=0, duplicate=0, rejected=1, rejected_by_reason={reason: 1}, marked={})


def deliver(sender: Sender, batch: Batch, *, retry_seconds: float, stopped: threading.Event) -> Receipt:
    """The same bytes under the same key, until they are stored."""
    failures = 0
    deadline = 0.0
    while True:
        try:
            return sender.send(batch)
        except Retryable as error:
            failures += 1
            deadline = deadline or time.monotonic() + retry_seconds
            delay = retry_delay(failures, at_least=error.retry_after_seconds)
            if time.monotonic() + delay > deadline or stopped.wait(delay):
                raise


class Sending:
    """A window of requests in flight. Memory stays below (`parallel` + 2) chunks whatever the files' sizes."""

    def __init__(self, target: Target, *, parallel: int, on_progress: Callable[[Tally, Chunk], None]) -> None:
        self._target = target
        self._parallel = parallel
        self._on_progress = on_progress
        self._threads = ThreadPoolExecutor(parallel, thread_name_prefix="send")
        self._stopped = threading.Event()
        self._in_flight: dict[Future[Receipt], tuple[Tally, Chunk]] = {}

    def send(self, upload: Upload, tally: Tally, chunk: Chunk) -> None:
        """Waits for a place in the window. Raises BklogError as soon as any chunk failed for good."""
        while len(self._in_flight) > self._parallel:
            self._settle()
        future = self._threads.submit(send_chunk, self._target, upload, chunk, stopped=self._stopped)
        self._in_flight[future] = (tally, chunk)

    def finish(self) -> None:
        while self._in_flight:
            self._settle()

    def stop(self) -> None:
        """Gives up what is waiting to be retried, and counts what was answered meanwhile."""
        self._stopped.set()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for future, (tally, chunk) in self._in_flight.items():
            if not future.cancelled() and future.exception() is None:
                tally.add(chunk, future.result())
        self._in_flight.clear()

    def _settle(self) -> None:
        done, _ = wait(self._in_flight, return_when=FIRST_COMPLETED)
        for future in done:
            tally, chunk = self._in_flight.pop(future)
            tally.add(chunk, future.result())
            self._on_progress(tally, chunk)
