"""Unpacking: what comes out of each kind of archive, under which name, and what is refused before it is kept."""

from __future__ import annotations

import io
import os
import random
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from bklog.clientlog.unpack import Limits, Unpacked, unpack, without_suffix
from bklog.errors import BklogError
from tests.clientlog.archives import (
    encrypted_zip,
    gz,
    nested,
    tar_with,
    tarred,
    zip_bomb,
    zip_with_link,
    zip_with_raw_name,
    zipped,
    zst,
)
from tests.search.lines import LOGHUB

LIMITS = Limits(unpacked_bytes=256 << 20, ratio=100, files=50)
LINES = b"one\ntwo\n" * 100
NOISE = random.Random(7).randbytes(1000)


def words(value: object) -> str:
    """A test's name: an archive holds the second in which it was made, and each process that runs tests makes its own."""
    return value if isinstance(value, str) else ""


def opened(folder: Path, body: bytes, name: str = "up.bin", limits: Limits = LIMITS) -> dict[str, bytes]:
    return {one.name: one.path.read_bytes() for one in listed(folder, body, name, limits)}


def listed(folder: Path, body: bytes, name: str = "up.bin", limits: Limits = LIMITS) -> list[Unpacked]:
    source = folder / "source"
    source.write_bytes(body)
    return unpack(source, name, folder, limits)


def refusal(folder: Path, body: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(BklogError) as caught:
        listed(folder, body, limits=limits)
    assert caught.value.message
    assert caught.value.hint
    return caught.value.stable_code


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("app.log", LINES, {"app.log": LINES}),
        ("app.log.gz", gz(LINES), {"app.log": LINES}),
        ("app.log.gz", gz(LINES) + gz(b"more\n"), {"app.log": LINES + b"more\n"}),
        ("app.log.zst", zst(LINES), {"app.log": LINES}),
        ("a.zip", zipped({"x/a.log": LINES, "b.log": b"b"}), {"x/a.log": LINES, "b.log": b"b"}),
        ("a.zip", zipped({"x/": b"", "x/a.log": LINES}, method=zipfile.ZIP_BZIP2), {"x/a.log": LINES}),
        ("a.zip", zipped({}), {}),
        ("a.tar", tarred({"./x/a.log": LINES, "b.log": b"b"}), {"x/a.log": LINES, "b.log": b"b"}),
        ("a.tgz", tarred({"a.log": LINES}, mode="w:gz"), {"a.log": LINES}),
        ("a.tar.zst", zst(tarred({"a.log": LINES})), {"a.log": LINES}),
        ("a.zip", zipped({"d/b.tar.gz": gz(tarred({"c.zip": zipped({"e.log": LINES})}))}), {"d/b.tar.gz/c.zip/e.log": LINES}),
        ("up", zipped({"win\\logs\\a.log": LINES}), {"win/logs/a.log": LINES}),
        ("up", zip_with_raw_name("日志.log".encode("gbk"), LINES), {"日志.log": LINES}),
        ("up", zip_with_raw_name("日志.log".encode(), LINES), {"日志.log": LINES}),
        ("up", zipped({"bad\x07name.log": LINES}), {"bad\ufffdname.log": LINES}),
        ("up", tar_with(tarfile.SYMTYPE, "latest.log", "app.log"), {"app.log": b"ok\n"}),
        ("up", tar_with(tarfile.LNKTYPE, "d/hard.log", "app.log"), {"app.log": b"ok\n"}),
        ("up", tar_with(tarfile.SYMTYPE, "d/latest.log", "../app.log"), {"app.log": b"ok\n"}),
        ("up", zip_with_link("latest.log", "app.log"), {"app.log": b"ok\n"}),
    ],
    ids=words,
)
def test_what_comes_out(tmp_path: Path, name: str, body: bytes, expected: dict[str, bytes]) -> None:
    assert opened(tmp_path, body, name) == expected


@pytest.mark.parametrize("file", sorted(LOGHUB.glob("*_2k.log")), ids=lambda file: file.stem)
def test_real_logs_come_out_of_everything_as_they_were(tmp_path: Path, file: Path) -> None:
    body = file.read_bytes()
    packed = zipped({"a.tar.gz": gz(tarred({file.name: body, "copy.zst": zst(body)}))})
    assert opened(tmp_path, packed) == {f"a.tar.gz/{file.name}": body, "a.tar.gz/copy": body}


def test_ten_levels_are_opened_and_eleven_are_not(tmp_path: Path) -> None:
    (one,) = opened(tmp_path, nested(LINES, 10)).items()
    assert one == (
        "level9.zip/level8.zip/level7.zip/level6.zip/level5.zip/level4.zip/level3.zip/level2.zip/level1.zip/app.log",
        LINES,
    )
    assert refusal(tmp_path, nested(LINES, 11)) == "nested_too_deep"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (zip_bomb(150), "archive_bomb"),
        (gz(b"\0" * (150 << 20)), "archive_bomb"),
        (zst(b"\0" * (150 << 20)), "archive_bomb"),
        (gz(gz(b"\0" * (150 << 20))), "archive_bomb"),
        (zipped({f"{n}.zip": zip_bomb(20) for n in range(6)}), "archive_bomb"),
        (zipped({f"{n}": b"" for n in range(51)}), "too_many_files"),
        (tarred({f"{n}": b"" for n in range(51)}), "too_many_files"),
        (zipped({f"{n}.zip": zipped({f"{m}": b"" for m in range(20)}) for n in range(3)}), "too_many_files"),
        (zipped({f"{n:040}": b"" for n in range(500)}), "too_many_files"),
        (zipped({"../x": b"x"}), "path_escape"),
        (zipped({"a/../../x": b"x"}), "path_escape"),
        (zipped({"/etc/passwd": b"x"}), "path_escape"),
        (zipped({"..\\..\\x": b"x"}), "path_escape"),
        (zipped({"C:\\Windows\\x": b"x"}), "path_escape"),
        (zipped({"in.zip": zipped({"../x": b"x"})}), "path_escape"),
        (tarred({"../x": b"x"}), "path_escape"),
        (tarred({"/x": b"x"}), "path_escape"),
        (tar_with(tarfile.DIRTYPE, "../d"), "path_escape"),
        (tar_with(tarfile.SYMTYPE, "link", "/etc/passwd"), "path_escape"),
        (tar_with(tarfile.SYMTYPE, "link", "../../etc/passwd"), "path_escape"),
        (tar_with(tarfile.LNKTYPE, "d/hard", "../app.log"), "path_escape"),
        (zip_with_link("link", "../x"), "path_escape"),
        (zip_with_link("link", "/x"), "path_escape"),
        (tar_with(tarfile.CHRTYPE, "tty"), "special_file"),
        (tar_with(tarfile.BLKTYPE, "disk"), "special_file"),
        (tar_with(tarfile.FIFOTYPE, "pipe"), "special_file"),
        (encrypted_zip(), "encrypted"),
        (zipped({"a": LINES}, method=zipfile.ZIP_LZMA), "unsupported_compression"),
        (zipped({"a": LINES})[:-30], "broken_archive"),
        (zipped({"a": NOISE})[:500], "broken_archive"),
        (gz(LINES)[:-3], "broken_archive"),
        (gz(LINES)[:15] + b"\xff" * 20, "broken_archive"),
        (zst(NOISE)[:500], "broken_archive"),
        (tarred({"a": LINES, "b": LINES})[:2000], "broken_archive"),
        (tarred({"a": LINES})[:1000], "broken_archive"),
    ],
    ids=words,
)
def test_what_is_refused(tmp_path: Path, body: bytes, code: str) -> None:
    assert refusal(tmp_path, body) == code


def test_a_damaged_byte_in_a_zip_is_seen(tmp_path: Path) -> None:
    body = bytearray(zipped({"a": NOISE}, method=zipfile.ZIP_STORED))
    body[500] ^= 1
    assert refusal(tmp_path, bytes(body)) == "broken_archive"


def test_a_damaged_header_in_a_tar_is_no_end(tmp_path: Path) -> None:
    body = bytearray(tarred({"a": LINES, "b": LINES}))
    body[512 + 1024 + 5] ^= 1
    assert refusal(tmp_path, bytes(body)) == "broken_archive"


def test_a_header_of_harmful_size_is_not_read(tmp_path: Path) -> None:
    """A tar's own header may say how much of it is to be read at once: here a name of a gigabyte."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 30
    assert refusal(tmp_path, info.tobuf(tarfile.GNU_FORMAT) + b"n" * 5000) == "broken_archive"


def test_the_total_is_limited_however_well_it_packs(tmp_path: Path) -> None:
    body = zipped({f"{n}": os.urandom(1 << 20) for n in range(5)}, method=zipfile.ZIP_STORED)
    limits = Limits(unpacked_bytes=4 << 20, ratio=100, files=50)
    assert refusal(tmp_path, body, limits) == "unpacked_too_large"


def test_nothing_is_written_beside_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    listed(folder, zipped({"a/b/c.log": LINES, "d.zip": zipped({"e": LINES})}))
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    assert all(path.parent == folder for path in folder.rglob("*"))


def test_a_file_that_only_begins_like_an_archive_is_broken_not_a_crash(tmp_path: Path) -> None:
    for head in (b"PK\x03\x04", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"):
        for _ in range(50):
            assert refusal(tmp_path, head + os.urandom(600)) in {"broken_archive", "too_many_files", "encrypted"}


def test_damaged_archives_never_crash(tmp_path: Path) -> None:
    """Each byte of each archive changed: the outcome is files or a refusal, and nothing else."""
    sound = {"a.log": b"line\n" * 5, "d/b.log": b"x"}
    for body in (zipped(sound), tarred(sound), gz(LINES), zst(LINES)):
        for place in range(0, len(body), max(1, len(body) // 300)):
            damaged = bytearray(body)
            damaged[place] ^= 0xFF
            with suppress(BklogError):
                listed(tmp_path, bytes(damaged))


def test_names_without_suffix() -> None:
    assert [without_suffix(name) for name in ("a.log.gz", "a.tgz", "A.TAR.ZST", "a", "a.bin")] == [
        "a.log", "a.tar", "A.TAR", "a", "a.bin"
    ]  # fmt: skip


def test_a_stream_that_ends_early_is_told(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.gz", gz(os.urandom(100_000))[:5000])
    assert refusal(tmp_path, out.getvalue()) == "broken_archive"
