"""A file -> its encoding -> the same text as UTF-8, a piece at a time. Whole pieces are decoded in C, never a line.

byte order mark? ─▶ valid UTF-8 to its end? ─▶ binary? ─▶ UTF-16 without a mark? ─▶ the most likely code page
"""

from __future__ import annotations

import codecs
import io
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from charset_normalizer import from_bytes

PIECE_BYTES: Final = 1 << 20
SAMPLE_BYTES: Final = 1 << 20
GUESS_BYTES: Final = 64 << 10
MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
CONTROL: Final = bytes(set(range(32)) - set(b"\t\n\v\f\r\b\x1b"))
CODE_PAGES: Final = ["gb18030", "big5", "cp932", "cp949", "cp1251", "cp1252"]
BINARY_SHARE: Final = 0.05  # of control characters; logs hold few but those of colours
ZERO_SHARE: Final = 0.3
SHORT_BYTES: Final = 40  # too little to tell code pages apart: the one of most of our users
DAMAGE_SHARE: Final = 0.02  # of what is not ASCII: so little is UTF-8 that was torn, not another encoding


@dataclass(frozen=True, slots=True)
class Encoding:
    """`name` is Python's codec; `mark_bytes` are skipped; `strict` text was read to its end without an error."""

    name: str
    mark_bytes: int = 0
    strict: bool = False


def detect(path: Path) -> Encoding | None:
    """None where the file is no text."""
    with path.open("rb") as file:
        sample = file.read(SAMPLE_BYTES)
        for mark, name in MARKS:
            if sample.startswith(mark):
                return Encoding(name, len(mark))
        if wide := _wide(sample):
            return Encoding(wide)
        if _is_binary(sample):
            return None
        file.seek(0)
        if _is_utf8(file):
            return Encoding("utf-8", strict=True)
    return Encoding(_code_page(sample))


class Utf8Stream:
    """The text of a file as UTF-8. What cannot be decoded becomes U+FFFD, counted in `replaced`."""

    def __init__(self, file: IO[bytes], encoding: Encoding) -> None:
        file.seek(encoding.mark_bytes)
        self.replaced = 0
        self._file = file
        self._decoder = None if encoding.strict else codecs.getincrementaldecoder(encoding.name)("replace")
        self._held = io.BytesIO()

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        if self._decoder is None:
            return self._file.read(size)
        data = self._held.read(size)
        while not data and (raw := self._file.read(PIECE_BYTES)):
            self._hold(self._decoder.decode(raw))
            data = self._held.read(size)
        if not data and (rest := self._decoder.decode(b"", True)):
            self._hold(rest)
            data = self._held.read(size)
        return data

    def _hold(self, text: str) -> None:
        self.replaced += text.count("\ufffd")
        self._held = io.BytesIO(text.encode("utf-8", "replace"))


def _is_utf8(file: IO[bytes]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while data := file.read(PIECE_BYTES):
            decoder.decode(data)
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return False
    return True


def _wide(sample: bytes) -> str:
    """UTF-16 without a mark: half of the bytes of its ASCII are zeros, all at the same side."""
    pairs = len(sample) // 2
    high, low = sample[0 : pairs * 2 : 2].count(0), sample[1 : pairs * 2 : 2].count(0)
    if pairs and max(high, low) > ZERO_SHARE * pairs and min(high, low) < max(high, low) * 0.05:
        return "utf-16-be" if high > low else "utf-16-le"
    return ""


def _is_binary(sample: bytes) -> bool:
    """Zeros at the end do not count: a phone that stopped leaves them where it had made room for lines."""
    text = sample.rstrip(b"\0")
    control = len(text) - len(text.translate(None, CONTROL))
    return bool(sample) and (not text or control > BINARY_SHARE * len(text))


def _code_page(sample: bytes) -> str:
    """Judged by the lines that are not plain ASCII: the others say nothing about it."""
    foreign = b"\n".join(line for line in sample.split(b"\n") if not line.isascii())[:GUESS_BYTES]
    if not foreign:
        return "utf-8"  # the damage is further on
    outside = len(foreign.translate(None, bytes(range(128))))
    if foreign.decode("utf-8", "replace").count("\ufffd") <= max(2, DAMAGE_SHARE * outside):
        return "utf-8"
    if outside < SHORT_BYTES and "\ufffd" not in foreign.decode("gb18030", "replace"):
        return "gb18030"
    best = from_bytes(foreign, cp_isolation=CODE_PAGES, threshold=0.5, enable_fallback=False).best()
    return best.encoding if best else "utf-8"
