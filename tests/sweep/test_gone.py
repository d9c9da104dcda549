"""That a client has gone is seen without reading what it sends, and inside of uWSGI for the request of each thread."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bklog.api.gone import client_watch, is_closed
from config.environ import ROOT
from tests.servers import accepts, free_port
from tests.waiting import wait_until

APP = """
import pathlib, time
from bklog.api.gone import client_watch

def application(environ, start_response):
    has_left, found = client_watch(), pathlib.Path(environ["PATH_INFO"])
    end = time.monotonic() + 60
    found.write_text("begun")
    while found.read_text() == "begun" and time.monotonic() < end:
        if has_left():
            found.write_text("gone")
        time.sleep(0.02)
    start_response("200 OK", [])
    return [b"done"]
"""


def test_a_closed_end_is_seen_behind_bytes_that_nobody_has_read() -> None:
    here, there = socket.socketpair()
    with here, there:
        assert not is_closed(here.fileno())
        there.sendall(b"a body that nobody has read")
        assert not is_closed(here.fileno())
        there.shutdown(socket.SHUT_WR)
        assert is_closed(here.fileno())
        assert here.recv(100) == b"a body that nobody has read"


def test_outside_of_uwsgi_nobody_has_gone() -> None:
    assert not client_watch()()


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "probe_app.py").write_text(APP)
    port = free_port()
    command = [
        *(str(Path(sys.executable).with_name("uwsgi")), "--http-socket", f"127.0.0.1:{port}", "--module", "probe_app"),
        *("--pythonpath", str(ROOT), "--pythonpath", str(tmp_path), "--threads", "3", "--master", "--die-on-term"),
    ]
    with (tmp_path / "uwsgi.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until(lambda: accepts(port))
        yield port
    finally:
        server.terminate()
        server.wait(30)


def test_inside_of_uwsgi_each_request_knows_of_its_own_client(port: int, tmp_path: Path) -> None:
    stays, goes = tmp_path / "stays", tmp_path / "goes"
    with _asked(port, stays) as patient:
        with _asked(port, goes):
            wait_until(lambda: _said(stays) == _said(goes) == "begun")
        wait_until(lambda: _said(goes) == "gone")
        time.sleep(0.2)  # in which the other one would have been taken for it
        assert _said(stays) == "begun"
        stays.write_text("enough")
        assert patient.recv(100).startswith(b"HTTP/1.1 200")


def _asked(port: int, path: Path) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    client.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde".encode())
    return client


def _said(path: Path) -> str:
    return path.read_text() if path.exists() else ""
