"""A page between the product and the embedded store: one packet asks, one answers, on the store's own port.

ask:     MAGIC, length ─ JSON: {"sql", "params", "settings", "password"}
answer:  MAGIC, kind, the engine's code, rows read, bytes read, nanoseconds, length ─ JSONCompact, or the text of a refusal

Numbers are big-endian. docs/adr/0012-pages-over-kept-connections.md
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import Final, NamedTuple

MAGIC: Final = b"\0BKP"  # no request of HTTP begins so
ASK_HEAD: Final = Struct("!4sI")
ANSWER_HEAD: Final = Struct("!4sBIQQQI")
MOST_ASKED_BYTES: Final = 256 * 1024


class Kind(IntEnum):
    """Of an answer. `OTHERWISE`: it is no page, or a large one, and is to be asked for over HTTP."""

    ROWS = 0
    REFUSED = 1
    OTHERWISE = 2


class Head(NamedTuple):
    """Of an answer. `code` is the engine's, 0 where nothing was refused; the body is JSONCompact, or a refusal's text."""

    magic: bytes
    kind: int
    code: int = 0
    rows_read: int = 0
    bytes_read: int = 0
    elapsed_ns: int = 0
    body_bytes: int = 0


def ask(document: bytes) -> bytes:
    return ASK_HEAD.pack(MAGIC, len(document)) + document


def answer(kind: Kind, body: bytes = b"", **counts: int) -> bytes:
    """`counts` are those of Head."""
    return ANSWER_HEAD.pack(*Head(MAGIC, kind, body_bytes=len(body), **counts)) + body
