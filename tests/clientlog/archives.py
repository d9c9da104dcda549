"""Archives for tests, good and bad, made in memory."""

from __future__ import annotations

import gzip
import io
import stat
import struct
import sys
import tarfile
import zipfile
from collections.abc import Mapping

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Files = Mapping[str, bytes]


def zipped(files: Files, *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return out.getvalue()


def tarred(files: Files, *, mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]  # one mode of several
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return out.getvalue()


def tar_with(kind: bytes, name: str, target: str = "") -> bytes:
    """A tar with one file and one member of a kind: a link, a device, a pipe."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("app.log")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"ok\n"))
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, target
        archive.addfile(member)
    return out.getvalue()


def zip_with_link(name: str, target: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("app.log", "ok\n")
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, target)
    return out.getvalue()


def encrypted_zip() -> bytes:
    """Flagged as encrypted in both of its headers, as every packer does; the bytes need not be decrypted to know it."""
    body = bytearray(zipped({"secret.log": b"x" * 100}, method=zipfile.ZIP_STORED))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = body.index(mark) + place
        body[start : start + 2] = struct.pack("<H", struct.unpack_from("<H", body, start)[0] | 1)
    return bytes(body)


def zip_with_raw_name(raw: bytes, body: bytes) -> bytes:
    """A name in bytes that no flag calls UTF-8, as Chinese Windows writes them."""
    placeholder = "n" * len(raw)
    return zipped({placeholder: body}).replace(placeholder.encode(), raw)


def nested(body: bytes, levels: int) -> bytes:
    for level in range(levels):
        body = zipped({f"level{level}.zip" if level else "app.log": body})
    return body


def zip_bomb(mib: int) -> bytes:
    """A thousand times smaller than what is in it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("zeros.log", "w", force_zip64=True) as file:
        for _ in range(mib):
            file.write(b"\0" * (1 << 20))
    return out.getvalue()


def gz(body: bytes) -> bytes:
    return gzip.compress(body, 1)


def zst(body: bytes) -> bytes:
    return zstd.compress(body)
