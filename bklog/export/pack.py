"""Chunks → a packed file, counting line breaks on the way: no statement of Python for a row, memory for one chunk.

Packed files of one kind, one after the other, are one packed file: gzip and zstd both allow several members.
"""

from __future__ import annotations

import sys
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from bklog.errors import TooLarge
from bklog.records import Compression

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

GZIP_LEVEL: Final = 3  # level 6 takes twice the time for a tenth less
ZSTD_LEVEL: Final = 3


class StoppedError(Exception):
    """The export was cancelled, or taken over: whoever notices it leaves without a word."""


class Encoder(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class _Plain:
    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


class Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True, slots=True)
class Packed:
    breaks: int
    size_bytes: int


def encoder(compression: Compression) -> Encoder:
    match compression:
        case Compression.GZIP:
            return zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16)
        case Compression.ZSTD:
            return zstd.ZstdCompressor(level=ZSTD_LEVEL)
        case Compression.NONE:
            return _Plain()


def pack(chunks: Iterator[bytes], out: Sink, compression: Compression, stopped: threading.Event, *, most_bytes: int) -> Packed:
    """`most_bytes` are those of the rows, 0 for any. Raises StoppedError, TooLarge, OSError, and what `chunks` raises."""
    packer = encoder(compression)
    breaks = size = packed_bytes = 0
    for chunk in chunks:
        if stopped.is_set():
            raise StoppedError
        breaks += chunk.count(b"\n")
        size += len(chunk)
        if most_bytes and size > most_bytes:
            raise TooLarge(f"the rows have more than {most_bytes} bytes", hint="ask for an export", code="download_too_large")
        packed = packer.compress(chunk)
        packed_bytes += len(packed)
        out.write(packed)
    packed = packer.flush()
    out.write(packed)
    return Packed(breaks, packed_bytes + len(packed))
