"""Fetching over HTTP: only from public addresses, whatever the name or the redirect says, and within limits."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from bklog.clientlog.addresses import is_allowed, is_public, safe_address
from bklog.clientlog.download import Download, shown
from bklog.errors import BadRequest, BklogError, Forbidden, NotFound, TooLarge, Unavailable
from tests.clientlog.files import FileServer
from tests.servers import free_port


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer() as files:
        yield files


def fetch(
    server: FileServer, url: str, *, limit_bytes: int = 1 << 20, seconds: float = 20, hosts: tuple[str, ...] = ()
) -> bytes:
    return b"".join(Download(limit_bytes, seconds, (server.host, *hosts), read_seconds=1).chunks(url))


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("127.255.255.254", False),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("240.0.0.1", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("::127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(Forbidden, match=r"not a public one: 10\.0\.0\.1") as caught:
        safe_address("a.example", 443, allowed=(), ask=lambda *_: ["93.184.216.34", "10.0.0.1"])
    assert caught.value.stable_code == "address_denied"
    assert safe_address("a.example", 443, allowed=("a.example",), ask=lambda *_: ["10.0.0.1"]) == "10.0.0.1"


def test_an_allowed_host_is_a_host_or_one_port_of_it() -> None:
    assert is_allowed("A.example.", 80, ("a.example",))
    assert is_allowed("a.example", 8080, ("a.example:8080",))
    assert is_allowed("::1", 80, ("[::1]:80",))
    assert not is_allowed("a.example", 80, ("a.example:8080",))
    assert not is_allowed("b.a.example", 80, ("a.example",))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]"])
def test_this_machine_is_refused_under_every_name(server: FileServer, host: str) -> None:
    """Each is a way to write the loopback address that the system's resolver takes."""
    port = server.host.rsplit(":", 1)[1]
    with pytest.raises((Forbidden, Unavailable)) as caught:
        list(Download(1000, 5).chunks(f"http://{host}:{port}/x"))
    assert caught.value.stable_code in {"address_denied", "host_unknown"}
    assert server.asked == []


def test_a_file_is_fetched_through_redirects(server: FileServer) -> None:
    server.put("/real.log", b"x" * 300_000)
    server.redirects |= {"/a": "/b?x=1", "/b": f"{server.url}/real.log"}
    assert fetch(server, f"{server.url}/a") == b"x" * 300_000
    assert server.asked == ["/a", "/b?x=1", "/real.log"]


def test_a_redirect_into_the_network_is_refused(server: FileServer) -> None:
    with FileServer() as inside:
        inside.put("/secret", b"secret")
        server.redirects["/a"] = f"{inside.url}/secret"
        with pytest.raises(Forbidden, match="not a public one"):
            fetch(server, f"{server.url}/a")
        assert inside.asked == []


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://x/y", "http://user:pw@127.0.0.1/", "http://[::1", "gopher://x"]
)
def test_a_redirect_to_another_scheme_is_refused(server: FileServer, target: str) -> None:
    server.redirects["/a"] = target
    with pytest.raises(Forbidden, match="leads to where no file is fetched from"):
        fetch(server, f"{server.url}/a")


def test_redirects_end(server: FileServer) -> None:
    server.redirects["/a"] = "/a"
    with pytest.raises(BadRequest, match="more than 5 times"):
        fetch(server, f"{server.url}/a")
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, NotFound), (410, NotFound), (403, Forbidden), (401, Forbidden), (400, BadRequest), (204, BadRequest),
     (408, Unavailable), (429, Unavailable), (500, Unavailable), (503, Unavailable)],
)  # fmt: skip
def test_what_each_status_means(server: FileServer, status: int, kind: type[BklogError]) -> None:
    server.failures["/x"] = [status]
    with pytest.raises(kind, match=f"answers {status}"):
        fetch(server, f"{server.url}/x?signature=secret")


def test_limits_of_size(server: FileServer) -> None:
    server.put("/large", b"x" * 5000)
    with pytest.raises(TooLarge, match="more than 4999 bytes"):
        fetch(server, f"{server.url}/large", limit_bytes=4999)
    assert len(fetch(server, f"{server.url}/large", limit_bytes=5000)) == 5000


def test_a_body_that_breaks_off_passes(server: FileServer) -> None:
    server.put("/x", b"x" * 5000)
    server.cut_short.add("/x")
    with pytest.raises(Unavailable, match="broke off"):
        fetch(server, f"{server.url}/x")


def test_nobody_there_passes() -> None:
    with pytest.raises(Unavailable):
        list(Download(1000, 5, ("127.0.0.1",)).chunks(f"http://127.0.0.1:{free_port()}/x"))


def test_a_body_without_end_is_given_up_in_time(server: FileServer) -> None:
    """It sends a little all the time, so that no single read takes long."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(1000):
                try:
                    connection.sendall(b"1\r\nx\r\n")
                except OSError:
                    return
                time.sleep(0.05)

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    began = time.monotonic()
    with pytest.raises(Unavailable, match="was not there after 1 seconds"):
        fetch(server, f"http://127.0.0.1:{port}/x", seconds=1, hosts=(f"127.0.0.1:{port}",))
    assert time.monotonic() - began < 20
    thread.join(10)
    listener.close()


def test_what_opens_a_file_is_not_shown() -> None:
    assert shown("https://a.example/x?signature=secret") == "https://a.example/x"
