"""An answer in lines, over a real connection: shown while it comes, whole at its end, and no answer where it breaks."""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from rich.console import Console

from bklog.cli import streamed
from bklog.errors import BklogError, Overloaded, Unavailable

PARTIAL = {"partial": {"total": 12_345, "buckets": [{"start": "2026-11-20T00:00:00Z", "count": 1}]}}
PROGRESS = {"progress": {"start": "2026-11-20T06:00:00Z", "end": "2026-11-20T08:00:00.000000001Z", "rows_read": 5}}
RESULT = {"result": {"total": 20_000, "note": "支付"}}


@contextmanager
def answering(monkeypatch: pytest.MonkeyPatch, send: Callable[[socket.socket], None]) -> Iterator[None]:
    """One connection, of which `send` writes the answer."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                asked = b""
                while not asked.endswith(b"{}"):  # what is not read would break the connection when it is closed
                    asked += connection.recv(65536)
                send(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        monkeypatch.setenv("BKLOG_API_URL", f"http://127.0.0.1:{listening.getsockname()[1]}")
        yield
        thread.join()


def body(*events: dict[str, Any], status: str = "200 OK") -> bytes:
    lines = b"".join(json.dumps(event).encode() + b"\n" for event in events)
    return f"HTTP/1.1 {status}\r\nConnection: close\r\n\r\n".encode() + lines


def test_the_result_is_the_answer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(monkeypatch, lambda connection: connection.sendall(body(PARTIAL, PROGRESS, RESULT))):
        assert streamed.answer_of("/x", {}, {}) == RESULT["result"]
    assert capsys.readouterr() == ("", "")  # no terminal, nothing shown


def test_a_terminal_shows_how_far_it_has_come_before_the_answer_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, seen = io.StringIO(), threading.Event()
    monkeypatch.setattr(streamed, "Console", lambda **_: Console(file=screen, force_terminal=True, width=120))

    def send(connection: socket.socket) -> None:
        connection.sendall(body(PARTIAL, PROGRESS))
        while "25 %" not in screen.getvalue() and not seen.wait(0.02):
            pass  # two of eight hours
        connection.sendall(json.dumps(RESULT).encode() + b"\n")

    with answering(monkeypatch, send):
        try:
            assert streamed.answer_of("/x", {}, {}) == RESULT["result"]
        finally:
            seen.set()
    assert "12,345 rows so far" in screen.getvalue()


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (body(PARTIAL, {"error": {"code": "search_timeout", "message": "x", "hint": "y"}}), BklogError, "search_timeout"),
        (
            body({"error": {"code": "space_busy", "message": "x", "hint": "y"}}, status="429 Too Many Requests"),
            Overloaded,
            "space_busy",
        ),
        (body(PARTIAL, PROGRESS), Unavailable, "unavailable"),
        (body(PARTIAL) + b'{"result": {"tot', Unavailable, "unavailable"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b'{"partial": {"total": 1}}\n', Unavailable, "unavailable"),
    ],
)
def test_what_is_no_answer_is_an_error(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, kind: type[BklogError], code: str
) -> None:
    with (
        answering(monkeypatch, lambda connection: connection.sendall(answer)),
        pytest.raises(kind) as raised,
    ):
        streamed.answer_of("/x", {}, {})
    assert raised.value.stable_code == code
