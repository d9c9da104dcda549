"""Request body -> the text of a statement, and its rows in a memory file that the engine reads by itself.

    arriving chunks -> (decoded) -> as much text as `scan` needs -> rows: straight into a memfd, chunk by chunk

Where the URL holds the whole statement, gzip rows go into the memfd as they came and the engine decompresses them.
"""

from __future__ import annotations

import asyncio
import os
import sys
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import lz4.frame
from starlette.requests import Request

from bklog.store.server.errors import Code, refusal
from bklog.store.server.statements import Data, NeedMore, Scan, scan

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAX_SQL_BYTES: Final = 4 * 1024 * 1024
SCAN_AFTER_BYTES: Final = 64 * 1024
# Statements come again and again with other values bound, and reading one of a search takes 0.4 ms.
REMEMBERED_BYTES: Final = 8 * 1024
REMEMBERED_TEXTS: Final = 128
ZSTD_OPTIONS: Final = {int(zstd.DecompressionParameter.window_log_max): 27}  # 128 MiB a stream, as `zstd --long` writes
# Not lz4 and zstd: the engine takes a stream that is cut off for one that has ended, and they are quick here.
ENGINE_DECODES: Final = frozenset({"gzip", "deflate"})

Decoder = Callable[[bytes], Iterator[bytes]]


class Disconnected(Exception):
    """The client went away while its body arrived."""


class Budget:
    """What all bodies together may hold in memory."""

    def __init__(self, *, total_bytes: int, body_bytes: int) -> None:
        self._left = total_bytes
        self._body_bytes = body_bytes

    @contextmanager
    def share(self) -> Iterator[Share]:
        share = Share(self)
        try:
            yield share
        finally:
            self._left += share.taken

    def take(self, size: int, *, taken: int) -> None:
        if taken + size > self._body_bytes:
            raise refusal(Code.TOO_MANY_BYTES, f"the body is larger than {self._body_bytes} bytes; send it in parts")
        if size > self._left:
            raise refusal(Code.TOO_MANY_SIMULTANEOUS_QUERIES, "the bodies of running inserts fill their memory; try again")
        self._left -= size


class Share:
    """What one body has taken of the budget."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.taken = 0

    def take(self, size: int) -> None:
        self._budget.take(size, taken=self.taken)
        self.taken += size


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows in a memory file: `compression` is what the engine has to undo."""

    file: int
    size: int
    compression: str

    @property
    def path(self) -> str:
        return f"/proc/self/fd/{self.file}"

    def read(self) -> bytes:
        return os.pread(self.file, self.size, 0)

    def close(self) -> None:
        os.close(self.file)


@dataclass(frozen=True, slots=True)
class Received:
    """A request's statement (SQL without rows) and its rows."""

    sql: bytes
    scan: Scan
    rows: Rows | None


async def receive(request: Request, sql: bytes, *, share: Share, idle_seconds: float) -> Received:
    """Reads the whole body. `sql` comes from the URL; the body continues it. Raises StoreError and Disconnected."""
    encoding = request.headers.get("content-encoding", "").strip().lower()
    arriving = _arriving(request, idle_seconds)
    prefix = sql + b"\n" if sql else b""
    begun = _scan_begun(prefix) if prefix else None
    if begun is None or begun.data is None:
        return await _receive_plain(prefix, _decoded(arriving, decoder(encoding)), share)
    rows = prefix[begun.data.data_at :]
    if not begun.data.is_values and encoding in ENGINE_DECODES and not rows:
        return Received(prefix, begun, await _store(b"", arriving, share, compression=encoding))
    chunks = _decoded(arriving, decoder(encoding))
    return Received(_sql(prefix, begun.data), begun, await _store(rows, chunks, share, compression="none"))


async def _receive_plain(prefix: bytes, chunks: AsyncIterator[bytes], share: Share) -> Received:
    text = bytearray(prefix)
    scanned_at = -1
    async for chunk in chunks:
        text += chunk
        if scanned_at >= 0 and len(text) < 2 * scanned_at:
            continue
        scanned_at = max(len(text), SCAN_AFTER_BYTES)
        found = _scan_so_far(bytes(text))
        if found is not None and found.data is not None:
            rows = await _store(bytes(text[found.data.data_at :]), chunks, share, compression="none")
            return Received(_sql(text, found.data), found, rows)
        if len(text) > MAX_SQL_BYTES:
            raise refusal(
                Code.QUERY_IS_TOO_LARGE, f"the statement is longer than {MAX_SQL_BYTES} bytes and no rows begin in it"
            )
    found = scan_whole(bytes(text))
    if found.data is None:
        return Received(bytes(text), found, None)
    rows = await _store(bytes(text[found.data.data_at :]), chunks, share, compression="none")
    return Received(_sql(text, found.data), found, rows)


def _sql(text: bytes | bytearray, data: Data) -> bytes:
    return bytes(text[: data.data_at])


def scan_whole(text: bytes) -> Scan:
    return _scan_remembered(text) if len(text) <= REMEMBERED_BYTES else scan(text, complete=True)


@lru_cache(maxsize=REMEMBERED_TEXTS)
def _scan_remembered(text: bytes) -> Scan:
    return scan(text, complete=True)


def _scan_begun(text: bytes) -> Scan | None:
    return _scan_begun_remembered(text) if len(text) <= REMEMBERED_BYTES else _scan_so_far(text)


@lru_cache(maxsize=REMEMBERED_TEXTS)
def _scan_begun_remembered(text: bytes) -> Scan | None:
    return _scan_so_far(text)


def _scan_so_far(text: bytes) -> Scan | None:
    """None where it is not clear yet, and where no rows can follow: the statement is read when all of it is there."""
    if b"INSERT" not in text.upper():
        return None
    try:
        return scan(text, complete=False)
    except NeedMore:
        return None


async def _store(first: bytes, chunks: AsyncIterator[bytes], share: Share, *, compression: str) -> Rows:
    file = os.memfd_create("rows", os.MFD_CLOEXEC)
    try:
        size = _write(file, first, share)
        async for chunk in chunks:
            size += _write(file, chunk, share)
    except BaseException:
        os.close(file)
        raise
    return Rows(file, size, compression)


def _write(file: int, chunk: bytes, share: Share) -> int:
    share.take(len(chunk))
    view = memoryview(chunk)
    while view:
        view = view[os.write(file, view) :]
    return len(chunk)


async def _arriving(request: Request, idle_seconds: float) -> AsyncIterator[bytes]:
    while True:
        try:
            async with asyncio.timeout(idle_seconds):
                message = await request.receive()
        except TimeoutError as error:
            raise refusal(Code.SOCKET_TIMEOUT, f"nothing of the body arrived for {idle_seconds:g} s") from error
        if message["type"] == "http.disconnect":
            raise Disconnected
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body", False):
            return


async def _decoded(chunks: AsyncIterator[bytes], decode: Decoder | None) -> AsyncIterator[bytes]:
    try:
        async for chunk in chunks:
            for piece in decode(chunk) if decode else (chunk,):
                yield piece
        if decode:
            for piece in decode(b""):
                yield piece
    except (zlib.error, zstd.ZstdError, RuntimeError, EOFError) as error:
        raise refusal(Code.CANNOT_DECOMPRESS, f"the body cannot be decompressed: {error}") from error


def decoder(encoding: str) -> Decoder | None:
    """A function from a piece of the encoded body (empty at its end) to decoded pieces of a bounded size."""
    match encoding:
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return _decoder(lambda: zlib.decompressobj(zlib.MAX_WBITS | 16), slice_bytes=4096)
        case "deflate":
            return _decoder(zlib.decompressobj, slice_bytes=4096)
        case "lz4":
            return _decoder(lz4.frame.LZ4FrameDecompressor, slice_bytes=65536)
        case "zstd":
            return _decoder(lambda: zstd.ZstdDecompressor(options=ZSTD_OPTIONS), slice_bytes=1024)
    raise refusal(Code.UNKNOWN_COMPRESSION_METHOD, f"Unknown compression method: {encoding}; use gzip, deflate, lz4 or zstd")


def _decoder(make: Callable[[], Any], *, slice_bytes: int) -> Decoder:
    """Any number of streams one after another; one that is cut raises EOFError.

    `slice_bytes` is what one call is given: times the codec's highest ratio, it stays under 40 MB.
    """
    stream, inside = make(), False

    def decode(chunk: bytes) -> Iterator[bytes]:
        nonlocal stream, inside
        if not chunk and inside:
            raise EOFError("it ends too early")
        at = 0
        while at < len(chunk):
            piece = stream.decompress(chunk[at : at + slice_bytes])
            at = min(at + slice_bytes, len(chunk))
            inside = not stream.eof
            if stream.eof:
                at -= len(stream.unused_data or b"")
                stream = make()
            if piece:
                yield piece

    return decode
