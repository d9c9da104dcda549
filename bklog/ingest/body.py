"""Request body -> decompressed bytes, never more than the limit, never less than was sent."""

from __future__ import annotations

import sys
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from lz4.frame import LZ4FrameDecompressor

from bklog.errors import BadRequest, TooLarge

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdDecompressor, ZstdError
else:
    from backports.zstd import ZstdDecompressor, ZstdError

# Each has decompress(data, max_length), eof and unused_data, and works on one frame (gzip: one member).
DECOMPRESSORS: Final[dict[str, Callable[[], Any]]] = {
    "gzip": lambda: zlib.decompressobj(wbits=31),
    "deflate": zlib.decompressobj,
    "zstd": ZstdDecompressor,
    "lz4": LZ4FrameDecompressor,
}
BROKEN: Final = (zlib.error, ZstdError, RuntimeError, EOFError)  # lz4 raises RuntimeError


async def read_limited(chunks: AsyncIterator[bytes], limit_bytes: int) -> bytes:
    """Raises TooLarge as soon as the body is over the limit, without reading on."""
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit_bytes:
            raise too_large(limit_bytes)
        parts.append(chunk)
    return b"".join(parts)


def require_known_encoding(encoding: str) -> str:
    """The normal form of a Content-Encoding; empty for none. Raises BadRequest (`unknown_encoding`)."""
    name = encoding.strip().lower().removeprefix("x-")
    if name in {"", "identity"}:
        return ""
    if name not in DECOMPRESSORS:
        hint = f"send one of: identity, {', '.join(DECOMPRESSORS)}"
        raise BadRequest(f"Content-Encoding {encoding!r} is not known", hint=hint, code="unknown_encoding")
    return name


def decompress(body: bytes, encoding: str, limit_bytes: int) -> bytes:
    """Raises TooLarge, and BadRequest (`broken_body`) for bytes that are damaged or cut short: nothing of them is stored."""
    parts: list[bytes] = []
    left = limit_bytes
    while body:
        decoder = DECOMPRESSORS[encoding]()
        try:
            part = decoder.decompress(body, left + 1)
        except BROKEN as error:
            raise _broken(encoding, str(error)) from error
        left -= len(part)
        if left < 0:
            raise too_large(limit_bytes)
        if not decoder.eof:
            raise _broken(encoding, "it ends in the middle")
        parts.append(part)
        body = decoder.unused_data or b""
    return b"".join(parts)


def too_large(limit_bytes: int) -> TooLarge:
    error = TooLarge(
        f"the body has more than {limit_bytes} bytes after decompression",
        hint="send smaller batches, or raise BKLOG_INGEST_MAX_BODY_BYTES",
        code="body_too_large",
    )
    error.fields["limit_bytes"] = limit_bytes
    return error


def _broken(encoding: str, reason: str) -> BadRequest:
    return BadRequest(
        f"the {encoding} body cannot be decompressed: {reason}; nothing of it was stored",
        hint="send it again, whole",
        code="broken_body",
    )
