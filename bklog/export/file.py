"""The file of an export as it grows: parts in their order, a digest that tells whether a former worker's part of it is whole.

resume(ends, sha256) ─▶ (write(piece) … end_part | follow(ticks) end_part | append(part)) … ─▶ finish: footer, fsync
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final

from bklog.export.pack import Packed
from bklog.export.parquet import joint_footer
from bklog.records import Form

PIECE_BYTES: Final = 1 << 20
MOST_WAITING: Final = 4  # pieces that are not hashed and written yet: the stream is read meanwhile
SYNC_BYTES: Final = 64 << 20  # so much is brought to the disk while more is written, instead of all of it at the end


class GrowingFile:
    """`ends` are where the parts end. What a former worker wrote is kept if its digest is `sha256`, else it begins anew."""

    def __init__(self, path: Path, *, ends: list[int], sha256: str) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
        self._digest = hashlib.sha256()
        self._syncing: Future[None] | None = None
        self._unsynced_bytes = 0
        self._syncer = ThreadPoolExecutor(1, thread_name_prefix="sync")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._waiting: deque[Future[None]] = deque()
        self._buffer = bytearray(PIECE_BYTES)
        self.ends = list(ends)
        if self.ends and not self._is_whole(sha256):
            self.ends = []
            self._digest = hashlib.sha256()
        self._file.seek(self.size_bytes)
        self._file.truncate()

    def __enter__(self) -> GrowingFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._writer.shutdown(wait=True, cancel_futures=True)
        self._syncer.shutdown(wait=True)
        self._file.close()

    @property
    def name(self) -> str:
        """Below the folder of exports."""
        return f"{self._path.parent.name}/{self._path.name}"

    @property
    def size_bytes(self) -> int:
        """Of the parts that have ended."""
        return self.ends[-1] if self.ends else 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def write(self, piece: bytes) -> None:
        """A piece of the part that comes next: it counts when `end_part` is called, and is cut off at a resume until then.

        It is written by another thread; what fails there is raised by one of the next calls.
        """
        while len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._writer.submit(self._put, piece))

    def _put(self, piece: bytes) -> None:
        self._digest.update(piece)
        self._file.write(piece)
        self._begin_sync(len(piece))

    def follow(self, ticks: Iterable[object]) -> Packed:
        """The part that comes next is put there by the store, and may have grown with each tick. Raises what `ticks` does."""
        taken = Packed(0, 0)
        for _ in ticks:
            taken = self._take_in(taken)
        return self._take_in(taken)

    def _take_in(self, taken: Packed) -> Packed:
        breaks, size_bytes = taken.breaks, taken.size_bytes
        while count := os.preadv(self._file.fileno(), [self._buffer], self.size_bytes + size_bytes):
            self._digest.update(memoryview(self._buffer)[:count])
            breaks += self._buffer.count(b"\n", 0, count)
            size_bytes += count
            self._begin_sync(count)
        self._file.seek(self.size_bytes + size_bytes)
        return Packed(breaks, size_bytes)

    def _begin_sync(self, added_bytes: int) -> None:
        self._unsynced_bytes += added_bytes
        if self._unsynced_bytes >= SYNC_BYTES and (self._syncing is None or self._syncing.done()):
            self._start_sync()

    def _start_sync(self) -> None:
        """Raises the OSError of the former one: what could not be written is not forgotten by the next."""
        if self._syncing:
            self._syncing.result()
        self._unsynced_bytes = 0
        self._syncing = self._syncer.submit(os.fdatasync, self._file.fileno())

    def end_part(self) -> None:
        while self._waiting:
            self._waiting.popleft().result()
        self._file.flush()
        self.ends.append(self._file.tell())

    def append(self, part: Path) -> None:
        """A whole part that stands in a file of its own, which is removed."""
        with part.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                self.write(piece)
        self.end_part()
        part.unlink()

    def finish(self, form: Form) -> int:
        """The size in bytes; what is written survives a loss of power."""
        if form is Form.PARQUET and len(self.ends) > 1:
            footer = joint_footer(self._file, self.ends)
            self._file.seek(self.size_bytes)
            self._file.write(footer)
            self._digest.update(footer)
        self._file.flush()
        if self._syncing:
            self._syncing.result()
        os.fsync(self._file.fileno())
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return self._file.seek(0, os.SEEK_END)

    def _is_whole(self, sha256: str) -> bool:
        left = self.size_bytes
        self._file.seek(0)
        while left and (piece := self._file.read(min(PIECE_BYTES, left))):
            self._digest.update(piece)
            left -= len(piece)
        return not left and self._digest.hexdigest() == sha256
