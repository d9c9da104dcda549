"""Pieces of an answer -> HTTP: headers with the counts where known in time, compression, the trailer of a late failure.

The first pieces are held back until the answer ends or HOLD_BYTES are there: so a small answer has its length, complete counts,
and a failure has its status. `wait_end_of_query=1` holds everything, past a size in a file.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final, Protocol

import lz4.frame
from starlette.types import Send

from bklog.errors import StoreError
from bklog.store.server.errors import Code, http_status, refusal

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

HOLD_BYTES: Final = 64 * 1024
SPOOL_MEMORY_BYTES: Final = 8 * 1024 * 1024
SPOOL_PIECE_BYTES: Final = 512 * 1024
TYPES: Final = {
    "tabseparated": "text/tab-separated-values; charset=UTF-8",
    "tsv": "text/tab-separated-values; charset=UTF-8",
    "csv": "text/csv; charset=UTF-8",
    "jsoneachrow": "application/x-ndjson; charset=UTF-8",
    "jsonlines": "application/x-ndjson; charset=UTF-8",
    "ndjson": "application/x-ndjson; charset=UTF-8",
    "json": "application/json; charset=UTF-8",
    "native": "application/octet-stream",
    "rowbinary": "application/octet-stream",
    "arrow": "application/octet-stream",
    "parquet": "application/octet-stream",
    "xml": "application/xml; charset=UTF-8",
    "markdown": "text/markdown; charset=UTF-8",
}


class Encoder(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class _Lz4:
    def __init__(self) -> None:
        self._frame = lz4.frame.LZ4FrameCompressor()
        self._head: bytes = self._frame.begin()

    def compress(self, data: bytes, /) -> bytes:
        head, self._head = self._head, b""
        return head + bytes(self._frame.compress(data))

    def flush(self) -> bytes:
        return self._head + bytes(self._frame.flush())


def encoder(encoding: str) -> Encoder | None:
    match encoding:
        case "gzip":
            return zlib.compressobj(3, zlib.DEFLATED, zlib.MAX_WBITS | 16)
        case "deflate":
            return zlib.compressobj(3)
        case "zstd":
            return zstd.ZstdCompressor(level=1)
        case "lz4":
            return _Lz4()
    return None


def content_type(output_format: str) -> str:
    """By the longest name that the format begins with: `CSVWithNames` is CSV."""
    name = output_format.lower()
    fitting = [known for known in TYPES if name.startswith(known)]
    if name.startswith("json") and not name.startswith(("jsoneachrow", "jsonlines")) and "eachrow" in name:
        return TYPES["jsoneachrow"]
    return TYPES[max(fitting, key=len)] if fitting else "text/plain; charset=UTF-8"


class Answer:
    """One HTTP answer, growing. `started` says that the status is gone out."""

    def __init__(
        self,
        send: Send,
        headers: Mapping[str, str],
        *,
        encoding: str,
        idle_seconds: float,
        spool: Path | None,
        hold_bytes: int = HOLD_BYTES,
    ) -> None:
        self.started = False
        self._send = send
        self._headers = dict(headers)
        self._encoder = encoder(encoding)
        self._encoding = encoding
        self._idle_seconds = idle_seconds
        self._hold_bytes = hold_bytes
        self._tag = secrets.token_hex(8)
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._spool = spool
        self._file: IO[bytes] | None = None

    async def write(self, piece: bytes) -> None:
        """Raises TimeoutError when the client has not read for long, StoreError when the disk is full."""
        if self.started:
            await self._put(await self._encoded(piece))
            return
        self._held.append(piece)
        self._held_bytes += len(piece)
        if self._spool is None and self._held_bytes >= self._hold_bytes:
            await self._release(summary={})
        elif self._spool is not None and self._held_bytes > SPOOL_MEMORY_BYTES:
            self._write_held(self._spool)

    def _write_held(self, folder: Path) -> None:
        held, self._held = self._held, []
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 `close` closes it
            self._file.writelines(held)
        except OSError as error:
            text = f"the answer cannot be held back for wait_end_of_query: {error.strerror}"
            raise refusal(Code.NOT_ENOUGH_SPACE, text) from error

    async def end(self, summary: Mapping[str, int]) -> None:
        if self._file is not None:
            await self._replay(self._file, summary)
        elif self.started:
            await self._put(self._encoder.flush() if self._encoder else b"", more=False)
        else:
            body = b"".join(self._held)
            if self._encoder:
                body = await self._encoded(body) + self._encoder.flush()
            await self._start(200, summary, length=len(body))
            await self._put(body, more=False)

    async def fail(self, error: StoreError, *, version: str) -> bool:
        """Says whether the answer could be ended properly: after a trailer the connection has to be broken off."""
        text = f"{error.message} (version {version})\n".encode("utf-8", "replace")
        if not self.started:
            self._encoder, self._encoding = None, ""
            self._headers["content-type"] = "text/plain; charset=UTF-8"
            self._headers["x-clickhouse-exception-code"] = str(error.engine_code)
            await self._start(http_status(error.engine_code), {}, length=len(text))
            await self._put(text, more=False)
            return True
        tag = self._tag.encode()
        trailer = b"\r\n__exception__\r\n%b\r\n%b%d %b\r\n__exception__\r\n" % (tag, text, len(text), tag)
        await self._put(self._encoder.compress(trailer) + self._encoder.flush() if self._encoder else trailer)
        return False

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    async def _release(self, summary: Mapping[str, int]) -> None:
        held, self._held = b"".join(self._held), []
        await self._start(200, summary, length=None)
        await self._put(await self._encoded(held))

    async def _replay(self, file: IO[bytes], summary: Mapping[str, int]) -> None:
        self._file = None
        with file:
            file.seek(0)
            self._held = [file.read(SPOOL_PIECE_BYTES)]
            await self._release(summary)
            while following := file.read(SPOOL_PIECE_BYTES):
                await self.write(following)
        await self.end(summary)

    async def _start(self, status: int, summary: Mapping[str, int], *, length: int | None) -> None:
        self.started = True
        headers = {**self._headers, "x-clickhouse-exception-tag": self._tag}
        if summary:
            headers["x-clickhouse-summary"] = json.dumps({name: str(count) for name, count in summary.items()})
        if self._encoding:
            headers["content-encoding"] = self._encoding
        if length is not None:
            headers["content-length"] = str(length)
        raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def _put(self, body: bytes, *, more: bool = True) -> None:
        if body or not more:
            message = {"type": "http.response.body", "body": body, "more_body": more}
            async with asyncio.timeout(self._idle_seconds):
                await self._send(message)

    async def _encoded(self, piece: bytes) -> bytes:
        return await asyncio.to_thread(self._encoder.compress, piece) if self._encoder else piece
