"""Path -> bytes to upload: plain files, `.gz` and `.zst` decompressed on the way, `-` for standard input."""

from __future__ import annotations

import gzip
import os
import stat
import sys
import uuid
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from bklog.collect.upload import ByteStream, Upload
from bklog.errors import BadRequest, NotFound

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

STANDARD_INPUT: Final = "-"
BROKEN: Final = (EOFError, gzip.BadGzipFile, zlib.error, zstd.ZstdError)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """`size` is what lies on disk, for the progress; 0 where that is not known."""

    path: str
    size: int
    is_regular: bool


@dataclass(frozen=True, slots=True)
class Archive:
    """A compressed stream whose damage is named after its file."""

    path: str
    stream: ByteStream

    def read(self, size: int, /) -> bytes:
        try:
            return self.stream.read(size)
        except BROKEN as error:
            raise BadRequest(
                f"{self.path} cannot be decompressed to its end: {error}",
                hint="what was read before that is sent; get a whole copy and send it again, which adds the rest",
                code="damaged_file",
            ) from error


def check_files(paths: Sequence[str]) -> list[SourceFile]:
    """All of them, before anything is sent. Raises NotFound or BadRequest for the first that cannot be read."""
    return [_check(path) for path in paths]


def _check(path: str) -> SourceFile:
    if path == STANDARD_INPUT:
        return SourceFile(path, 0, is_regular=False)
    try:
        facts = Path(path).stat()
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}", hint="name files, or - for standard input") from error
    if stat.S_ISDIR(facts.st_mode):
        raise BadRequest(f"{path} is a folder", hint="name its files, for example with a glob", code="is_folder")
    if not os.access(path, os.R_OK):
        raise BadRequest(f"{path} may not be read by this user", hint="check its permissions", code="not_readable")
    is_regular = stat.S_ISREG(facts.st_mode)
    return SourceFile(path, facts.st_size if is_regular else 0, is_regular)


@contextmanager
def open_upload(file: SourceFile) -> Iterator[tuple[Upload, BinaryIO]]:
    """The upload, and the raw file below it. What has no place of its own (a pipe) has new keys in each run."""
    if file.path == STANDARD_INPUT:
        yield Upload("stdin", uuid.uuid4().hex, sys.stdin.buffer), sys.stdin.buffer
        return
    absolute = os.path.normpath(Path(file.path).absolute())  # links stay: the name is the one that was given
    identity = absolute if file.is_regular else uuid.uuid4().hex
    with Path(file.path).open("rb", buffering=0) as raw, _decompressed(absolute, raw) as stream:
        yield Upload(absolute, identity, stream), raw


@contextmanager
def _decompressed(path: str, raw: BinaryIO) -> Iterator[ByteStream]:
    if path.endswith(".gz"):
        with gzip.open(raw) as stream:
            yield Archive(path, stream)
    elif path.endswith(".zst"):
        with zstd.open(raw) as archive:
            yield Archive(path, archive)
    else:
        yield raw
