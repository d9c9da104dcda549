from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bklog.collect.agent.checkpoint import FileState
from bklog.collect.agent.discover import find_identity, look_at, plan_search
from bklog.collect.agent.ranges import ContentChanged, RangeLimits, has_writer, read_range

NEW = FileState(id="a", input="i", device=0, inode=0, path="p", place="p")


class File:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.write_bytes(b"")
        self.number = os.open(path, os.O_RDONLY)

    def read(
        self, state: FileState, *, batch_bytes: int = 10, longest: int = 40, whole: bool = False
    ) -> tuple[FileState, bytes]:
        found = read_range(self.number, state, limits=RangeLimits(batch_bytes, longest), whole=whole)
        return found.state, found.body


@pytest.fixture
def file(tmp_path: Path) -> Iterator[File]:
    file = File(tmp_path / "a.log")
    yield file
    os.close(file.number)


@pytest.mark.parametrize(
    ("content", "whole", "bodies"),
    [
        pytest.param(b"", False, [], id="empty"),
        pytest.param(b"ab", False, [], id="unfinished line waits"),
        pytest.param(b"ab", True, [b"ab"], id="final line without newline"),
        pytest.param(b"ab\ncd", False, [b"ab\n"], id="cut after the newline"),
        pytest.param(b"ab\ncd", True, [b"ab\n", b"cd"], id="all of it when final"),
        pytest.param(b"123456789\n" * 3, False, [b"123456789\n"] * 3, id="a batch a line"),
        pytest.param(b"x" * 30 + b"\nab\n", False, [b"x" * 30 + b"\n", b"ab\n"], id="longer line alone"),
        pytest.param(b"x" * 90 + b"\nab\n", False, [b"x" * 40, b"ab\n"], id="head of a line that is too long"),
        pytest.param(b"x" * 90, False, [b"x" * 40], id="too long and unfinished"),
    ],
)
def test_ranges_follow_each_other(file: File, content: bytes, *, whole: bool, bodies: list[bytes]) -> None:
    file.path.write_bytes(content)
    state, found = NEW, []
    for _ in range(10):
        state, body = file.read(state, whole=whole)
        if body:
            found.append(body)
            assert state.pending is not None
            state = state.acknowledged()
    assert found == bodies


def test_a_pending_range_is_read_again_although_the_file_grew(file: File) -> None:
    file.path.write_bytes(b"ab\n")
    state, body = file.read(NEW)
    with file.path.open("ab") as more:
        more.write(b"cd\n")
    assert file.read(state) == (state, body)


@pytest.mark.parametrize(
    ("before", "after", "offset"),
    [
        pytest.param(b"ab\ncd\n", b"", 0, id="truncated"),
        pytest.param(b"ab\ncd\n", b"ab\n", 0, id="truncated to a part"),
        pytest.param(b"ab\ncd\n", b"xy\nzz\nmore\n", 0, id="other content, longer"),
        pytest.param(b"ab\ncd\n" + b"x" * 2000, b"ab\ncd\n" + b"y" * 2000, 0, id="other content, late in the fingerprint"),
    ],
)
def test_other_content_starts_the_file_over_under_new_keys(file: File, before: bytes, after: bytes, offset: int) -> None:
    file.path.write_bytes(before)
    state = file.read(NEW)[0].acknowledged()
    file.path.write_bytes(after)
    with pytest.raises(ContentChanged) as caught:
        file.read(state)
    assert caught.value.state.offset == offset
    assert caught.value.state.id != state.id


def test_a_pending_range_that_was_overwritten_goes_on_in_place_under_a_new_key(file: File) -> None:
    start = b"x" * 1500 + b"\n"
    file.path.write_bytes(start + b"ab\n")
    state = file.read(NEW, batch_bytes=len(start), longest=2000)[0].acknowledged()
    state, _ = file.read(state)
    file.path.write_bytes(start + b"cd\n")
    with pytest.raises(ContentChanged, match="overwritten") as caught:
        file.read(state)
    assert caught.value.state.offset == len(start)


def test_the_kernel_tells_whether_somebody_may_write(file: File) -> None:
    assert has_writer(file.number) is False
    with file.path.open("ab"):
        assert has_writer(file.number) is True
    assert has_writer(file.number) is False


def test_a_search_finds_regular_files_once_and_leaves_out_what_it_was_told(tmp_path: Path) -> None:
    for name in ("a.log", "b.log", "b.log.gz", "secret.log", "deep/c.log"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "folder.log").mkdir()
    (tmp_path / "z.log").symlink_to(tmp_path / "b.log")
    (tmp_path / "broken.log").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe.log")
    search = plan_search((f"{tmp_path}/**/*.log", f"{tmp_path}/*.gz", f"{tmp_path}/gone/*"), ("secret*", f"{tmp_path}/a.*"))
    assert [Path(found.path).name for found in search.run().values()] == ["b.log", "c.log"]


def test_a_renamed_file_is_found_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("x")
    found = look_at(str(tmp_path / "a.log"))
    assert found
    (tmp_path / "a.log").rename(tmp_path / "a.log.1")
    assert find_identity(str(tmp_path), found.identity) == look_at(str(tmp_path / "a.log.1"))
    (tmp_path / "a.log.1").unlink()
    assert find_identity(str(tmp_path), found.identity) is None
    assert find_identity(str(tmp_path / "gone"), found.identity) is None
