from __future__ import annotations

import io
import random
from typing import Any

import pytest

from bklog.collect.sender import open_sender
from bklog.collect.upload import TOO_LONG_TO_SEND, Chunk, MiscountError, Sending, Tally, Target, Upload, cut_chunks
from bklog.errors import Unauthorised, Unavailable
from tests.endpoint import TOKEN, Endpoint, receipt, serve


class Trickle(io.BytesIO):
    """As a pipe: a read returns less than it was asked for."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(random.randint(1, max(1, size or 1)))


def cut(data: bytes, *, chunk_bytes: int = 10, longest: int = 40) -> list[Chunk]:
    return list(cut_chunks(io.BytesIO(data), chunk_bytes=chunk_bytes, longest_line_bytes=longest))


@pytest.mark.parametrize(
    ("data", "bodies"),
    [
        pytest.param(b"", [], id="empty"),
        pytest.param(b"a", [b"a"], id="no newline"),
        pytest.param(b"\n", [b"\n"], id="one empty line"),
        pytest.param(b"12345678\n", [b"12345678\n"], id="less than a chunk"),
        pytest.param(b"123456789\n", [b"123456789\n"], id="exactly a chunk"),
        pytest.param(b"1234\n6789\nab", [b"1234\n6789\n", b"ab"], id="cut at the last newline"),
        pytest.param(b"1234567\n" * 3, [b"1234567\n"] * 3, id="a line a chunk"),
        pytest.param(b"x" * 30 + b"\nend\n", [b"x" * 30 + b"\nend\n"], id="a longer line makes a larger chunk"),
    ],
)
def test_chunks_end_after_a_newline(data: bytes, bodies: list[bytes]) -> None:
    assert [chunk.body for chunk in cut(data)] == bodies


def test_a_line_too_long_for_any_request_is_one_chunk_without_body() -> None:
    chunks = cut(b"a\n" + b"x" * 100 + b"\nb\nc\n")
    assert [(chunk.offset, chunk.size, chunk.lines) for chunk in chunks] == [(0, 2, 1), (2, 101, 1), (103, 4, 2)]
    assert chunks[1].body == b""
    assert cut(b"x" * 100)[0].size == 100


@pytest.mark.parametrize("seed", range(30))
def test_chunks_hold_all_bytes_in_order_however_they_are_read(seed: int) -> None:
    draw = random.Random(seed)
    data = b"\n".join(b"x" * draw.choice([0, 1, 5, 9, 10, 11, 25, 39]) for _ in range(draw.randint(0, 60)))
    chunks = cut(data)
    assert b"".join(chunk.body for chunk in chunks) == data
    assert [chunk.offset for chunk in chunks] == [sum(one.size for one in chunks[:place]) for place in range(len(chunks))]
    assert sum(chunk.lines for chunk in chunks) == data.count(b"\n") + (bool(data) and not data.endswith(b"\n"))
    assert list(cut_chunks(Trickle(data), chunk_bytes=10, longest_line_bytes=40)) == chunks


def send(endpoint: Endpoint, data: bytes, *, name: str = "/a.log", chunk_bytes: int = 1000, **options: Any) -> Tally:
    values = {"collector": "c", "token": TOKEN, "format": "lines", "host": "h", "retry_seconds": 20.0, **options}
    target = Target(sender=open_sender(endpoint.url, parallel=4), **values)
    sending = Sending(target, parallel=4, on_progress=lambda _tally, _chunk: None)
    upload = Upload(name, name, io.BytesIO(data))
    tally = Tally(name)
    try:
        for chunk in cut_chunks(upload.stream, chunk_bytes=chunk_bytes):
            sending.send(upload, tally, chunk)
        sending.finish()
    finally:
        sending.stop()
    return tally


DATA = b"".join(b"line %06d\n" % number for number in range(5000))


def test_a_file_is_stored_once_however_often_it_is_sent() -> None:
    with serve() as endpoint:
        first, again, grown = (send(endpoint, data) for data in (DATA, DATA, DATA + b"more\n"))
        other = send(endpoint, DATA, name="/b.log")
        elsewhere = send(endpoint, DATA, host="h2")
    assert (first.lines, first.stored, first.duplicate, first.is_complete) == (5000, 5000, 0, True)
    assert (again.stored, again.duplicate, again.is_complete) == (0, 5000, True)
    assert grown.lines == 5001
    assert (other.stored, elsewhere.stored) == (5000, 5000)


def test_failures_that_pass_are_ridden_out() -> None:
    with serve() as endpoint:
        endpoint.failures = {1: 503, 2: "drop", 3: "forget", 4: 500, 6: 429, 9: "forget"}
        tally = send(endpoint, DATA)
        assert sorted(endpoint.lines()) == DATA.splitlines()
        assert endpoint.changed == []
    assert tally.is_complete
    assert tally.duplicate > 0


def test_a_failure_that_does_not_pass_ends_when_the_time_is_over() -> None:
    with serve() as endpoint:
        endpoint.fail_always = 503
        with pytest.raises(Unavailable):
            send(endpoint, DATA, retry_seconds=0.2)


def test_a_refusal_stops_at_once() -> None:
    with serve() as endpoint, pytest.raises(Unauthorised):
        send(endpoint, DATA, token="another")
    assert endpoint.requests <= 6


def test_a_body_over_the_limit_is_cut_at_newlines() -> None:
    with serve() as endpoint:
        endpoint.limit_bytes = 300
        tally = send(endpoint, DATA)
        again = send(endpoint, DATA)
        assert sorted(endpoint.lines()) == DATA.splitlines()
    assert tally.is_complete
    assert again.duplicate == 5000


def test_a_line_over_the_limit_is_counted_as_rejected_and_the_others_are_stored() -> None:
    with serve() as endpoint:
        endpoint.limit_bytes = 300
        tally = send(endpoint, b"a\nb\n" + b"x" * 400 + b"\nc\n")
    assert (tally.lines, tally.stored, tally.rejected, tally.is_complete) == (4, 3, {TOO_LONG_TO_SEND: 1}, False)


def test_a_server_that_counts_other_lines_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve() as endpoint:
        monkeypatch.setattr(endpoint, "keep", lambda *_: receipt(1))
        with pytest.raises(MiscountError, match="counted 1 lines in a batch of"):
            send(endpoint, DATA)
