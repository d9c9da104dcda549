"""Packets of pages beside HTTP on one port: what they answer and refuse, and what becomes of them when a side goes away."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any

import orjson
import pytest

from bklog.store.packet import ANSWER_HEAD, ASK_HEAD, MAGIC, MOST_ASKED_BYTES, Head, Kind, ask
from tests.store.conftest import StoreServer, wait_for

ENDLESS = "SELECT sum(sipHash64(number)) FROM numbers(1000000000000) WHERE '{mark}' != ''"
SLOW_TO_READ = "SELECT repeat('x', 1000) FROM numbers(7000)"


class Client:
    def __init__(self, server: StoreServer, receive_bytes: int) -> None:
        self.connection = socket.socket()
        self.connection.settimeout(30)
        if receive_bytes:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.connection.connect(("127.0.0.1", server.port))

    def ask(self, sql: str, *, params: Mapping[str, str] | None = None, password: str = "", **settings: str) -> Head:
        self.connection.sendall(packet(sql, params=params, password=password, **settings))
        return self.answer()

    def answer(self) -> Head:
        self.head = Head(*ANSWER_HEAD.unpack(self.read(ANSWER_HEAD.size)))
        self.body = self.read(self.head.body_bytes)
        return self.head

    @property
    def rows(self) -> Any:
        return orjson.loads(self.body)["data"]

    def read(self, size: int) -> bytes:
        read = b""
        while len(read) < size:
            arrived = self.connection.recv(size - len(read))
            assert arrived, "the store closed the connection"
            read += arrived
        return read

    @property
    def is_closed(self) -> bool:
        """Waits for it."""
        try:
            return self.connection.recv(1) == b""
        except ConnectionResetError:
            return True


def packet(sql: str, *, params: Mapping[str, str] | None = None, password: str = "", **settings: str) -> bytes:
    return ask(orjson.dumps({"sql": sql, "params": params or {}, "settings": settings, "password": password}))


@contextmanager
def connected(server: StoreServer, *, receive_bytes: int = 0) -> Iterator[Client]:
    client = Client(server, receive_bytes)
    with closing(client.connection):
        yield client


@pytest.fixture
def client(store_server: StoreServer) -> Iterator[Client]:
    with connected(store_server) as made:
        yield made


def test_rows_and_their_counts(client: Client) -> None:
    head = client.ask("SELECT number, {name:String} AS name FROM numbers(3)", params={"name": "é"})
    assert (head.magic, head.kind, head.code, head.rows_read) == (MAGIC, Kind.ROWS, 0, 3)
    assert 0 < head.elapsed_ns < 30e9
    assert client.rows == [[0, "é"], [1, "é"], [2, "é"]]


def test_a_connection_answers_one_after_the_other(client: Client) -> None:
    client.connection.sendall(packet("SELECT 1") + packet("SELECT 2"))
    client.answer()
    assert client.rows == [[1]]
    client.answer()
    assert client.rows == [[2]]
    assert client.ask("SELECT getSetting('max_threads')", max_threads="1").kind == Kind.ROWS
    assert client.rows == [[1]]


def test_a_packet_may_come_in_pieces(client: Client) -> None:
    whole = packet("SELECT 1")
    for at in (6, len(whole) - 1):
        client.connection.sendall(whole[:at])
        client.connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.connection.recv(1)
        client.connection.settimeout(30)
        client.connection.sendall(whole[at:])
        client.answer()
        assert client.rows == [[1]]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO system.one VALUES (1)",
        "CREATE TABLE of_a_page (a Int8) ENGINE = Memory",
        "SELECT toString(number) FROM numbers(2000000)",
        "DROP DATABASE default",
    ],
    ids=["insert", "create", "larger than a page", "drop"],
)
def test_what_is_no_page_is_to_be_asked_over_http(client: Client, store_server: StoreServer, sql: str) -> None:
    assert client.ask(sql).kind == Kind.OTHERWISE
    assert client.ask("SELECT 'and on'").kind == Kind.ROWS
    assert client.rows == [["and on"]]
    assert store_server.run("EXISTS TABLE of_a_page").strip() == "0"


@pytest.mark.parametrize(
    ("sql", "code"),
    [("SELECT nothing FROM nowhere", 60), ("SELECT * FROM file('/etc/passwd', 'LineAsString')", 497), ("", 62)],
)
def test_a_refusal_leaves_the_connection_as_it_was(client: Client, sql: str, code: int) -> None:
    head = client.ask(sql)
    assert (head.kind, head.code) == (Kind.REFUSED, code)
    assert b"DB::Exception" in client.body
    client.ask("SELECT 1")
    assert client.rows == [[1]]


def test_the_password_is_checked_of_each_packet(start_store: Callable[..., StoreServer]) -> None:
    with connected(start_store(password="of the store")) as client:
        assert client.ask("SELECT 1", password="of the store").kind == Kind.ROWS
        for wrong in ("", "another"):
            assert client.ask("SELECT 1", password=wrong).code == 516
        assert client.ask("SELECT 1", password="of the store").kind == Kind.ROWS


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"sql": 1, "params": {}, "settings": {}, "password": ""}', b"\xff"])
def test_a_packet_that_asks_for_nothing_is_refused(client: Client, document: bytes) -> None:
    client.connection.sendall(ask(document))
    assert client.answer().code == 36
    client.ask("SELECT 1")
    assert client.rows == [[1]]


@pytest.mark.parametrize(
    "sent",
    [
        ASK_HEAD.pack(MAGIC, MOST_ASKED_BYTES + 1),
        packet("SELECT 1") + b"GET / HTTP/1.1\r\n\r\n",
        packet("SELECT sleep(1)") + bytes(MOST_ASKED_BYTES + 9),
    ],
    ids=["too long", "another tongue", "more than asked for"],
)
def test_what_is_no_packet_ends_the_connection(client: Client, store_server: StoreServer, sent: bytes) -> None:
    client.connection.sendall(sent)
    if sent.startswith(packet("SELECT 1")):
        client.answer()
    assert client.is_closed
    assert store_server.run("SELECT 1").strip() == "1"


def test_http_is_spoken_beside_it(client: Client, store_server: StoreServer) -> None:
    client.ask("SELECT 1")
    assert store_server.run("SELECT 2").strip() == "2"
    assert client.ask("SELECT 3").kind == Kind.ROWS


def test_parts_that_were_just_merged_are_read_without_their_statistics(client: Client, store_server: StoreServer) -> None:
    """The engine remembers those after five minutes; until then each statement would read them anew, 2 ms of eight parts."""
    store_server.run("CREATE TABLE merged (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
    for first in (0, 1000):
        store_server.run(f"INSERT INTO merged SELECT number + {first}, toString(number) FROM numbers(1000)")
    store_server.run("OPTIMIZE TABLE merged FINAL")
    read = "SELECT sum(value) FROM system.events WHERE event = 'LoadedStatisticsMicroseconds'"
    before = store_server.run(read)
    assert client.ask("SELECT a FROM merged WHERE b = '7' AND a < 1500 ORDER BY a DESC LIMIT 5").kind == Kind.ROWS
    assert client.rows == [[1007], [7]]
    assert store_server.run(read) == before


def test_who_goes_away_leaves_nothing_running(store_server: StoreServer) -> None:
    with connected(store_server) as client:
        client.connection.sendall(packet(ENDLESS.format(mark="left alone")))
        store_server.wait_until_running("left alone")
    store_server.wait_until_running("left alone", count=0)


def test_a_connection_leaves_no_descriptor(store_server: StoreServer) -> None:
    store_server.run("SELECT 1")
    before = store_server.descriptors()
    for _ in range(20):
        with connected(store_server) as client:
            client.ask("SELECT 1")
    wait_for(lambda: store_server.descriptors() <= before, what="the descriptors to be closed")


def test_a_slow_reader_gets_all_of_it_and_holds_nobody_up(start_store: Callable[..., StoreServer]) -> None:
    """Each pause is shorter than what ends it, all of them together are longer."""
    server = start_store(connections=2, idle_seconds=1)
    with connected(server, receive_bytes=65536) as slow, connected(server) as quick:
        slow.connection.sendall(packet(SLOW_TO_READ))
        head = Head(*ANSWER_HEAD.unpack(slow.read(ANSWER_HEAD.size)))
        part, rest = divmod(head.body_bytes, 4)
        read = b""
        for _ in range(4):
            time.sleep(0.6)
            assert quick.ask("SELECT 1").kind == Kind.ROWS
            read += slow.read(part)
        slow.body = read + slow.read(rest)
        assert len(slow.rows) == 7000


def test_who_does_not_read_is_dropped(start_store: Callable[..., StoreServer]) -> None:
    server = start_store(connections=1, idle_seconds=1)
    with connected(server, receive_bytes=65536) as stalled:
        stalled.connection.sendall(packet(SLOW_TO_READ))
        assert server.run("SELECT 1").strip() == "1"  # when the connection is free again
        wait_for(lambda: any(line.get("message") == "client gone" for line in server.log()), what="it to be dropped")


def test_who_asks_without_reading_fills_no_memory_and_stops_nobody(start_store: Callable[..., StoreServer]) -> None:
    server = start_store(password="of the store")
    before = server.resident_bytes()
    with connected(server, receive_bytes=4096) as client:
        client.connection.settimeout(5)
        refused = packet("SELECT 1", password="wrong") * 100
        with suppress(ConnectionError):
            for _ in range(1_000):
                client.connection.sendall(refused)
                time.sleep(0.02)  # else it would be broken off for what it asks at once
        assert server.send("SELECT 1", headers={"X-ClickHouse-Key": "of the store"}).text == "1\n"
        assert server.resident_bytes() < before + 64 * 1024 * 1024
    wait_for(lambda: _broken_off(server, "client does not read"), what="it to be broken off")


@pytest.mark.parametrize("sent", [packet("SELECT 1")[:9], packet("SELECT 1")], ids=["half a packet", "between two"])
def test_who_says_nothing_for_long_is_hung_up_on(start_store: Callable[..., StoreServer], sent: bytes) -> None:
    with connected(start_store(idle_seconds=0.5)) as client:
        client.connection.sendall(sent)
        if sent == packet("SELECT 1"):
            client.answer()
        assert client.is_closed


def test_a_shutdown_does_not_wait_for_who_does_not_read(start_store: Callable[..., StoreServer]) -> None:
    server = start_store(grace_seconds=0.5)
    with connected(server, receive_bytes=4096) as stalled:
        stalled.connection.sendall(packet(SLOW_TO_READ))
        assert len(stalled.read(1000)) == 1000
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 5


def _broken_off(server: StoreServer, reason: str) -> bool:
    return any(line.get("reason") == reason for line in server.log())


def test_a_shutdown_refuses_what_runs(start_store: Callable[..., StoreServer]) -> None:
    server = start_store(grace_seconds=0.5)
    with connected(server) as client:
        client.connection.sendall(packet(ENDLESS.format(mark="until the end")))
        server.wait_until_running("until the end")
        ended = threading.Thread(target=server.stop)
        ended.start()
        head = client.answer()
        assert (head.kind, head.code) == (Kind.REFUSED, 236)
        ended.join(30)
        assert server.process.returncode == 0
        assert client.is_closed
