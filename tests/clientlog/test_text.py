"""Encodings: found for a whole file, and its text comes out as UTF-8 in pieces of any size."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bklog.clientlog.text import Utf8Stream, detect
from tests.search.lines import LOGHUB

CHINESE = "2024-03-01 12:00:00 [ERROR] 网络连接失败: 服务器没有响应\r\n2024-03-01 plain ascii line\n用户登录成功 id=7\n"


def read(path: Path, size: int = 777) -> tuple[bytes, str, int]:
    encoding = detect(path)
    assert encoding is not None
    with path.open("rb") as file:
        stream, parts = Utf8Stream(file, encoding), []
        while data := stream.read(size):
            assert len(data) <= size
            parts.append(data)
    return b"".join(parts), encoding.name, stream.replaced


@pytest.mark.parametrize(
    ("text", "encoded", "name"),
    [
        (CHINESE * 3000, "utf-8", "utf-8"),
        (CHINESE, "utf-8-sig", "utf-8"),
        (CHINESE * 3000, "gbk", "gb18030"),
        ("登录失败\n", "gbk", "gb18030"),
        (CHINESE, "utf-16", "utf-16-le"),
        (CHINESE * 3000, "utf-16-le", "utf-16-le"),
        (CHINESE * 3000, "utf-16-be", "utf-16-be"),
        (CHINESE, "utf-32", "utf-32-le"),
        ("エラー: 接続に失敗しました\nログイン成功 カタカナ\n" * 20, "cp932", "cp932"),
        ("錯誤: 網路連線失敗，伺服器沒有回應\n登入成功\n" * 20, "big5", "big5"),
        ("오류: 네트워크 연결 실패\n" * 20, "cp949", "cp949"),
        ("plain\n", "ascii", "utf-8"),
        ("\x1b[31mred\x1b[0m\n" * 100, "ascii", "utf-8"),
    ],
)
def test_the_text_comes_out_as_it_was(tmp_path: Path, text: str, encoded: str, name: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(text.encode(encoded))
    assert read(path) == (text.encode(), name, 0)
    assert read(path, 1 << 22) == (text.encode(), name, 0)


@pytest.mark.parametrize("file", sorted(LOGHUB.glob("*_2k.log")), ids=lambda file: file.stem)
def test_real_logs_pass_unchanged(file: Path) -> None:
    assert read(file)[0] == file.read_bytes()


def test_torn_utf8_stays_utf8_and_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CHINESE.encode() * 100 + "坏".encode()[:2] + b"\n" + CHINESE.encode() * 9000)
    text, name, replaced = read(path)
    assert (name, replaced) == ("utf-8", 1)
    assert text.decode() == CHINESE * 100 + "\ufffd\n" + CHINESE * 9000


def test_a_file_that_ends_in_the_middle_of_a_character(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CHINESE.encode("utf-16")[:-1])
    text, _, replaced = read(path)
    assert (text.decode(), replaced) == (CHINESE[:-1] + "\ufffd", 1)


@pytest.mark.parametrize("body", [Path(sys.executable).read_bytes()[:500_000], os.urandom(100_000), b"\0" * 5000])
def test_what_is_no_text(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(body)
    assert detect(path) is None


def test_zeros_at_the_end_are_not_what_makes_it_binary(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CHINESE.encode() * 20 + b"\0" * 4096)
    assert read(path)[1] == "utf-8"
