"""Loki's live tail through the entry port: a websocket as logcli and Grafana open it, and how it ends."""

from __future__ import annotations

import base64
import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlencode

import pytest
import urllib3
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.tail.platform import TailPlatform, lines
from tests.tail.test_process import DELETE_TOKEN, MAKE_TOKEN
from tests.waiting import wait_until

pytestmark = pytest.mark.fleet


@contextmanager
def websocket(
    platform: TailPlatform, query: str, *, token: str = "", basic: bool = False, port: int = 0
) -> Iterator[ClientConnection]:
    """As logcli and Grafana connect: with a token as it is, or as the password of anybody."""
    given = token or platform.made["reader"]
    credentials = f"Basic {base64.b64encode(f'any:{given}'.encode()).decode()}" if basic else f"Bearer {given}"
    url = f"ws://127.0.0.1:{port or platform.entry_port}/loki/api/v1/tail?{urlencode({'query': query})}"
    with connect(url, additional_headers={"Authorization": credentials}, max_size=None, open_timeout=30) as opened:
        yield opened


def told(opened: ClientConnection, text: str) -> str:
    """The first line that has the text."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        for stream in json.loads(opened.recv(timeout=20))["streams"]:
            for _, line in stream["values"]:
                if text in line:
                    return str(line)
    raise AssertionError(f"no line with {text} came")


def test_websockets_of_loki_pass_the_entry_port_and_hold_no_thread_of_it(platform: TailPlatform) -> None:
    with ExitStack() as stack:
        asked = '{index_set="shop"} |= "websocket"'
        opened = [stack.enter_context(websocket(platform, asked, basic=one % 2 == 0)) for one in range(20)]
        platform.send(lines(77, more="日志 websocket"))
        assert {json.loads(told(one, "websocket"))["message"] for one in opened} == {"order 77 日志 websocket"}
        ready = urllib3.request("GET", f"http://127.0.0.1:{platform.entry_port}/readiness/", timeout=10, retries=False)
        assert ready.status == 200
    wait_until(lambda: platform.viewers() == 0, seconds=15)


@pytest.mark.parametrize(
    ("query", "token", "status", "said"),
    [
        ("{", "", 400, "syntax error"),
        ('rate({index_set="shop"}[5m])', "", 400, "only lines can be followed"),
        ('{index_set="shop"}', "nobody", 401, "nobody has this API token"),
    ],
)
def test_a_websocket_is_refused_in_plain_text(platform: TailPlatform, query: str, token: str, status: int, said: str) -> None:
    with pytest.raises(InvalidStatus) as refused, websocket(platform, query, token=token):
        pass
    answer = refused.value.response
    assert answer.status_code == status
    assert said in answer.body.decode()


def everything(opened: socket.socket) -> bytes:
    found = b""
    while chunk := opened.recv(4096):
        found += chunk
    return found


def test_what_is_no_websocket_is_told_so_and_nothing_hides_behind_one(platform: TailPlatform) -> None:
    plain = urllib3.request("GET", f"http://127.0.0.1:{platform.entry_port}/loki/api/v1/tail?query=x", retries=False)
    assert (plain.status, plain.data.split(b"\n")[0]) == (400, b"the client is not using the websocket protocol")
    head = "GET /loki/api/v1/tail?query=x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    keys = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    behind = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    for more, status in (("", b"401"), ("Content-Length: 5\r\n", b"400"), ("Transfer-Encoding: chunked\r\n", b"400")):
        with socket.create_connection(("127.0.0.1", platform.entry_port), timeout=20) as opened:
            opened.sendall(f"{head}{keys}{more}\r\n{behind}".encode())
            answer = everything(opened)
        assert answer.split()[1] == status
        assert answer.count(b"HTTP/1.1 ") == 1
        assert b'"ok"' not in answer


def test_a_websocket_breaks_off_at_a_stop_and_is_closed_with_the_reason_when_its_token_goes(platform: TailPlatform) -> None:
    """logcli and Grafana connect again only after the first."""
    port, other = platform.start_second_ingest()
    with (
        websocket(platform, '{index_set="shop"}', port=port) as opened,
        websocket(platform, '{index_set="shop"}', token=platform.python(MAKE_TOKEN).strip()) as guest,
    ):
        platform.send(lines(5, more="before the stop"))
        told(opened, "before the stop")
        other.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosedError) as broken:
            told(opened, "nothing")
        assert broken.value.rcvd is None
        assert other.wait(10) == 0
        platform.python(DELETE_TOKEN)
        with pytest.raises(ConnectionClosedError) as closed:
            told(guest, "nothing")
        assert closed.value.rcvd
        assert (closed.value.rcvd.code, closed.value.rcvd.reason.split(":")[0]) == (1008, "token_wrong")
    assert "Traceback" not in platform.log()
