"""First bytes of a file -> its archive format -> (name, stream) of each member, without unpacking anything by itself.

Only what cannot harm is opened: no compression whose header asks for memory, no header that is read in one piece of any size.
"""

from __future__ import annotations

import gzip
import io
import posixpath
import stat
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Final, Protocol

from bklog.clientlog import refusals

if sys.version_info >= (3, 14):
    from compression.zstd import DecompressionParameter, ZstdError, ZstdFile
else:
    from backports.zstd import DecompressionParameter, ZstdError, ZstdFile

HEAD_BYTES: Final = 512
LARGEST_READ_BYTES: Final = 4 << 20  # of one header: names are shorter
LARGEST_WINDOW_LOG: Final = 27  # 128 MiB, what zstd's own command accepts
BYTES_PER_NAME: Final = 256  # of a zip's directory: 46, and the name
ZIP64_END_BYTES: Final = 56 + 20
ZIP_END_BYTES: Final = 22 + 65535 + ZIP64_END_BYTES
ZIP_COMPRESSIONS: Final = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2}
ENCRYPTED_FLAGS: Final = 0x1 | 0x40
UTF8_FLAG: Final = 0x800
BROKEN: Final = (
    zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, ZstdError, EOFError, struct.error,
    NotImplementedError, ValueError, RuntimeError, OverflowError,
)  # fmt: skip


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


Member = tuple[str, Readable | None]  # without a stream: a folder or a link, whose name counts


@dataclass(frozen=True, slots=True)
class Format:
    """`members` takes the open file and the limit of files; `packs_many` formats name their members, others hold one."""

    name: str
    packs_many: bool
    members: Callable[[IO[bytes], int], Iterator[Member]]


def recognise(head: bytes) -> Format | None:
    """`head` is the file's first HEAD_BYTES. None: the file is no archive that we open."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return ZIP
    if head.startswith(b"\x1f\x8b\x08"):
        return GZIP
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return ZSTD
    return TAR if _is_tar(head) else None


def _is_tar(head: bytes) -> bool:
    """By the header's checksum: the oldest archives have no mark."""
    try:
        return bool(tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape").name) if len(head) == HEAD_BYTES else False
    except tarfile.HeaderError:
        return False


def _zip_members(file: IO[bytes], limit_files: int) -> Iterator[Member]:
    _require_small_directory(file, limit_files)
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            name = _zip_name(info)
            if info.is_dir():
                yield name, None
                continue
            _require_plain_member(info, name)
            with archive.open(info) as stream:
                if stat.S_ISLNK(info.external_attr >> 16):
                    _require_link_inside(posixpath.dirname(name), stream.read(4096).decode("utf-8", "replace"))
                    yield name, None
                else:
                    yield name, stream


def _require_plain_member(info: zipfile.ZipInfo, name: str) -> None:
    if info.flag_bits & ENCRYPTED_FLAGS:
        raise refusals.encrypted(name)
    if info.compress_type not in ZIP_COMPRESSIONS:
        raise refusals.unsupported(name, f"method {info.compress_type}")


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Without the flag a name is in the machine's own code page: on phones UTF-8, on Chinese PCs GBK."""
    if info.flag_bits & UTF8_FLAG:
        return info.orig_filename
    raw = info.orig_filename.encode("cp437", "replace")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return info.orig_filename


def _require_small_directory(file: IO[bytes], limit_files: int) -> None:
    """The directory is read whole when a zip is opened: its size is looked at before."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - ZIP_END_BYTES))
    tail = file.read()
    file.seek(0)
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or place + 22 > len(tail):
        raise zipfile.BadZipFile("its directory is missing")
    directory_bytes = int.from_bytes(tail[place + 12 : place + 16], "little")
    large = tail[max(0, place - ZIP64_END_BYTES) : place]
    if large.startswith(b"PK\x06\x06"):
        directory_bytes = int.from_bytes(large[40:48], "little")
    if directory_bytes > limit_files * BYTES_PER_NAME:
        raise refusals.too_many(limit_files)


def _tar_members(file: IO[bytes], _: int) -> Iterator[Member]:
    with tarfile.open(fileobj=_SmallReads(file), mode="r:", errors="replace") as archive:
        while (info := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # it would keep each of any number
            yield from _tar_member(archive, info)
        _require_tar_end(file, archive.offset)


def _tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Iterator[Member]:
    if info.issym() or info.islnk():
        _require_link_inside("" if info.islnk() else posixpath.dirname(info.name), info.linkname)
    elif not info.isdir() and not info.isfile():
        raise refusals.special(info.name, "device or pipe")
    yield info.name, archive.extractfile(info) if info.isfile() else None


def _require_tar_end(file: IO[bytes], offset: int) -> None:
    """The library takes a header that it cannot read for the end of the archive."""
    file.seek(offset)
    block = file.read(HEAD_BYTES)
    if block.strip(b"\0") or 0 < len(block) < HEAD_BYTES:
        raise tarfile.ReadError("it ends in the middle")


def _require_link_inside(folder: str, target: str) -> None:
    """A link within the archive is left out, since what it points to is there; one that leads out of it is an attack."""
    plain = target.replace("\\", "/")
    joined = posixpath.normpath(posixpath.join(folder.replace("\\", "/"), plain))
    if _is_absolute(plain) or joined.split("/")[0] == "..":
        raise refusals.escape(f"{folder}/… -> {target}")


def require_inside(name: str) -> str:
    """The name with / between its parts. Raises where it would lead out of the folder that the archive is."""
    plain = name.replace("\\", "/")
    parts = plain.split("/")
    if _is_absolute(plain) or ".." in parts:
        raise refusals.escape(name)
    return "/".join(part for part in parts if part not in ("", "."))


def _is_absolute(plain: str) -> bool:
    return plain.startswith("/") or plain[1:2] == ":"


class _SmallReads(io.RawIOBase):
    """Refuses a read in one piece that only a header of harmful size asks for."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= LARGEST_READ_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


def _gzip_members(file: IO[bytes], _: int) -> Iterator[Member]:
    with gzip.GzipFile(fileobj=file, mode="rb") as stream:
        yield "", stream


def _zstd_members(file: IO[bytes], _: int) -> Iterator[Member]:
    with ZstdFile(file, options={DecompressionParameter.window_log_max: LARGEST_WINDOW_LOG}) as stream:
        yield "", stream


ZIP: Final = Format("zip", packs_many=True, members=_zip_members)
TAR: Final = Format("tar", packs_many=True, members=_tar_members)
GZIP: Final = Format("gzip", packs_many=False, members=_gzip_members)
ZSTD: Final = Format("zstd", packs_many=False, members=_zstd_members)
