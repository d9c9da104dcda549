"""A fetched file -> the files in it, whatever it is packed in, as numbered files of a folder of ours.

    file ─recognise─▶ no archive: found            Budget counts every byte written and every member, before it is kept
                 └──▶ members ─copy─▶ folder/7 ─▶ again, up to MAX_LEVELS

A name of the archive is never a path on our disk: it is checked, and kept as text.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from bklog.clientlog import refusals
from bklog.clientlog.formats import BROKEN, HEAD_BYTES, Format, Readable, recognise, require_inside
from bklog.errors import BklogError

MAX_LEVELS: Final = 10
COPY_BYTES: Final = 1 << 20
SMALL_BYTES: Final = 64 << 20  # below it no ratio is suspicious: a megabyte of equal lines packs into a kilobyte
LONGEST_NAME: Final = 1000
SUFFIXES: Final = {".gz": "", ".zst": "", ".zstd": "", ".tgz": ".tar", ".tzst": ".tar"}


@dataclass(frozen=True, slots=True)
class Limits:
    unpacked_bytes: int
    ratio: int
    files: int


@dataclass(frozen=True, slots=True)
class Unpacked:
    """`name` is where it stood: folders and archives on the way to it, divided by /."""

    name: str
    path: Path
    size_bytes: int


@dataclass(slots=True)
class Budget:
    """What may still be written. What is packed several times counts each time, as it is written each time."""

    limits: Limits
    fetched_bytes: int
    written_bytes: int = 0
    files: int = 0

    def spend(self, size_bytes: int) -> None:
        self.written_bytes += size_bytes
        if self.written_bytes > max(SMALL_BYTES, self.fetched_bytes * self.limits.ratio):
            raise refusals.bomb(self.limits.ratio)
        if self.written_bytes > self.limits.unpacked_bytes:
            raise refusals.too_large(self.limits.unpacked_bytes)

    def count_file(self) -> None:
        self.files += 1
        if self.files > self.limits.files:
            raise refusals.too_many(self.limits.files)


@dataclass(slots=True)
class Unpacking:
    """One run: raises Refused and TooLarge, see `refusals`, and OSError where our own disk fails."""

    folder: Path
    budget: Budget
    found: list[Unpacked] = field(default_factory=list)

    def visit(self, path: Path, name: str, *, prefix: str, level: int) -> None:
        with path.open("rb") as file:
            kind = recognise(file.read(HEAD_BYTES))
        if kind is None:
            self.found.append(Unpacked(name, path, path.stat().st_size))
            return
        if level == MAX_LEVELS:
            raise refusals.too_deep(name, MAX_LEVELS)
        try:
            self._open(kind, path, name, prefix=prefix, level=level)
        except BklogError:
            raise
        except OSError as error:
            if error.errno != errno.EINVAL and not isinstance(error, BROKEN):
                raise  # our own disk
            raise refusals.broken(name, error) from error  # a place that no file has, or a format's own error
        except BROKEN as error:
            raise refusals.broken(name, str(error) or type(error).__name__) from error
        path.unlink()

    def _open(self, kind: Format, path: Path, name: str, *, prefix: str, level: int) -> None:
        with path.open("rb") as file:
            for member, stream in kind.members(file, self.budget.limits.files):
                self.budget.count_file()
                inner = prefix + require_inside(member) if kind.packs_many else without_suffix(name)
                if stream is None:
                    continue
                copy = self.folder / str(self.budget.files)
                self._copy(stream, copy)
                below = f"{inner}/" if kind.packs_many else prefix
                self.visit(copy, shortened(inner), prefix=below, level=level + 1)

    def _copy(self, stream: Readable, target: Path) -> None:
        with target.open("wb") as file:
            while data := stream.read(COPY_BYTES):
                self.budget.spend(len(data))
                file.write(data)


def unpack(path: Path, name: str, folder: Path, limits: Limits) -> list[Unpacked]:
    """`path` goes away where it is an archive. In the archive's order, which is the same each time."""
    run = Unpacking(folder, Budget(limits, path.stat().st_size))
    run.visit(path, name, prefix="", level=0)
    return run.found


def without_suffix(name: str) -> str:
    suffix = PurePosixPath(name).suffix
    return name.removesuffix(suffix) + SUFFIXES[suffix.lower()] if suffix.lower() in SUFFIXES else name


def shortened(name: str) -> str:
    """Text that can be shown: no control characters, and of a long name its end, which tells more."""
    plain = "".join(character if character.isprintable() else "\ufffd" for character in name)
    return plain if len(plain) <= LONGEST_NAME else f"…{plain[-LONGEST_NAME:]}"
