"""Statements side by side: they overlap, wait in a bounded line, stop when nobody waits for them, and keep to their limits."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from backports import zstd

from tests.store.conftest import Reply, StoreServer, wait_for

pytestmark = pytest.mark.fleet

ENDLESS = "SELECT sum(sipHash64(number)) FROM numbers(1000000000000) WHERE '{mark}' != ''"
KILL = "KILL QUERY WHERE position(query, '{mark}') > 0 AND position(query, 'KILL') = 0"


def test_eight_queries_overlap(store_server: StoreServer) -> None:
    """Seven, and the one that sees them."""
    with ThreadPoolExecutor(7) as pool:
        running = [pool.submit(store_server.send, ENDLESS.format(mark="side by side")) for _ in range(7)]
        store_server.wait_until_running("side by side", count=7)
        store_server.run(KILL.format(mark="side by side"))
        assert [future.result().code for future in running] == [394] * 7


def test_more_wait_in_line_and_one_too_many_is_refused(start_store: Callable[..., StoreServer]) -> None:
    """Of four, one runs and one may wait: the others are refused at once, and that one when it has waited."""
    server = start_store(connections=1, queue_length=1, queue_seconds=3)
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(server.send, ENDLESS.format(mark="crowd")) for _ in range(4)]
        wait_for(lambda: sum(future.done() for future in asked) == 3, what="three to be refused", seconds=30)
        server.run(KILL.format(mark="crowd"))
        replies = [future.result() for future in asked]
    assert Counter(reply.code for reply in replies) == {202: 3, 394: 1}
    refused = [reply.text for reply in replies if reply.code == 202]
    assert {reply.status for reply in replies if reply.code == 202} == {503}
    assert all("TOO_MANY_SIMULTANEOUS_QUERIES" in text for text in refused)
    assert [sum(why in text for text in refused) for why in ("1 wait already", "none ended in 3 s")] == [2, 1]


def test_inserts_and_kill_do_not_wait_for_selects(start_store: Callable[..., StoreServer]) -> None:
    """Two run, and the one that sees them may: more cannot."""
    server = start_store(connections=3)
    server.run("CREATE TABLE t (a Int8) ENGINE = MergeTree ORDER BY a")
    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(server.send, ENDLESS.format(mark="busy")) for _ in range(2)]
        server.wait_until_running("busy", count=2)
        running.append(pool.submit(server.send, ENDLESS.format(mark="busy")))
        server.run("INSERT INTO t VALUES (1)")
        while not all(future.done() for future in running):  # the third may not have begun when the others are ended
            server.run(KILL.format(mark="busy"))
            time.sleep(0.1)
        assert [future.result().code for future in running] == [394] * 3


GONE = [
    pytest.param(ENDLESS, id="a SELECT that computes"),
    pytest.param("SELECT number, '{mark}' FROM numbers(1000000000000)", id="a SELECT that sends"),
    pytest.param(
        "SELECT number, '{mark}' FROM numbers(100000000000) ORDER BY sipHash64(number) FORMAT JSON", id="one that sorts"
    ),
    pytest.param("INSERT INTO sink SELECT number FROM numbers(1000000000000) WHERE '{mark}' != ''", id="an INSERT SELECT"),
    pytest.param(
        "CREATE TABLE made ENGINE = Log AS SELECT 1 FROM numbers(1000000000000) WHERE sipHash64(number) = 1 AND '{mark}' != ''",
        id="a CREATE AS",
    ),
]


@pytest.mark.parametrize("sql", GONE)
@pytest.mark.parametrize("waits", [0, 1], ids=["streamed", "held"])
def test_a_client_that_goes_away_stops_its_statement(store_server: StoreServer, sql: str, waits: int) -> None:
    store_server.run("CREATE TABLE IF NOT EXISTS sink (a UInt64) ENGINE = Null")
    store_server.run("DROP TABLE IF EXISTS made")
    mark = f"gone-{time.monotonic_ns()}"
    with store_server.open(sql.format(mark=mark), wait_end_of_query=waits):
        store_server.wait_until_running(mark)
    wait_for(lambda: store_server.running(mark) == 0, what="the statement to stop")
    assert store_server.run("SELECT 1") == "1\n"


def test_a_client_that_goes_away_while_it_waits_in_line(start_store: Callable[..., StoreServer]) -> None:
    server = start_store(connections=1)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(server.send, "SELECT sleep(1)")
        server.run("DROP TABLE IF EXISTS nothing")
        opened = server.open(ENDLESS.format(mark="queued"))
        time.sleep(0.2)
        opened.close()
        assert first.result().status == 200
    assert server.running("queued") == 0


def test_a_client_that_goes_away_in_the_middle_of_its_body_leaves_nothing(store_server: StoreServer) -> None:
    store_server.run("CREATE TABLE IF NOT EXISTS half (a UInt64) ENGINE = MergeTree ORDER BY a")
    head = "POST /?query=INSERT+INTO+half+FORMAT+TSV HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", store_server.port)) as opened:
        opened.sendall(head.encode() + b"1\n" * 100_000)
        wait_for(lambda: any("memfd" in link for link in descriptors(store_server)), what="the body to be taken in")
    wait_for(lambda: not any("memfd" in link for link in descriptors(store_server)), what="it to be dropped")
    assert store_server.run("SELECT count() FROM half") == "0\n"


def descriptors(server: StoreServer) -> list[str]:
    found = []
    for link in Path(f"/proc/{server.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(str(link.readlink()))
    return found


def test_nothing_stays_open(store_server: StoreServer) -> None:
    store_server.run("CREATE TABLE IF NOT EXISTS kept (a UInt64) ENGINE = MergeTree ORDER BY a")
    for _ in range(3):
        before = len(descriptors(store_server))
        for number in range(20):
            store_server.run(f"INSERT INTO kept FORMAT TSV\n{number}\n")
            store_server.run("SELECT * FROM kept")
            store_server.send("SELECT * FROM nope")
            store_server.open("SELECT number FROM numbers(100000000)").close()
        store_server.wait_until_running("numbers(100000000)", count=0)
        assert len(descriptors(store_server)) < before + 40
    assert not [link for link in descriptors(store_server) if "memfd:rows" in link]


def test_a_body_that_does_not_go_on_is_given_up(start_store: Callable[..., StoreServer]) -> None:
    server = start_store(idle_seconds=0.5)
    head = "POST /?query=INSERT+INTO+t+FORMAT+TSV HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n1\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as opened:
        opened.sendall(head.encode())
        answer = opened.recv(4096)
    assert b" 408 " in answer.split(b"\r\n")[0]


def test_a_slow_reader_costs_no_memory_and_nobody_else(store_server: StoreServer) -> None:
    """Two gigabytes, read for a moment only: the engine waits, others do not."""
    store_server.run("SELECT number, repeat('x', 200) FROM numbers(200000)")
    before = store_server.resident_bytes()
    opened = store_server.open("SELECT number, repeat('x', 200) AS slow_reader FROM numbers(10000000)")
    received = 0
    for _ in range(20):
        received += len(opened.recv(65536))
        time.sleep(0.05)
        assert store_server.run("SELECT 1") == "1\n"
    assert store_server.running("slow_reader") == 1
    assert store_server.resident_bytes() - before < 100_000_000
    opened.close()
    wait_for(lambda: store_server.running("slow_reader") == 0, what="the statement to stop")
    assert received > 0


def test_two_gigabytes_are_streamed_in_constant_memory(start_store: Callable[..., StoreServer]) -> None:
    """Blocks of the size that a table is read in: what is held is a few of them for each thread, whatever the length."""
    server = start_store()
    before = server.resident_bytes()
    sql = "SELECT repeat('x', 1000) AS x FROM numbers(2000000) FORMAT JSONEachRow"
    received = peak = 0
    with server.open(sql, max_block_size=8192) as opened:
        while chunk := opened.recv(1 << 20):
            received += len(chunk)
            peak = max(peak, server.resident_bytes()) if received >> 25 > (received - len(chunk)) >> 25 else peak
            if chunk.endswith(b"0\r\n\r\n"):
                break
    assert received > 2_000_000_000
    assert peak - before < 300_000_000


LIMITS = [
    pytest.param("SELECT number FROM numbers(1000)", {"max_result_rows": 10}, 396, id="rows of the result"),
    pytest.param("SELECT groupArray(number) FROM numbers(10000000)", {"max_memory_usage": 10_000_000}, 241, id="memory"),
    pytest.param("SELECT number FROM numbers(1000)", {"max_rows_to_read": 10}, 158, id="rows read"),
    pytest.param(ENDLESS.format(mark="x"), {"max_execution_time": 0.3}, 159, id="time"),
]


@pytest.mark.parametrize(("sql", "limits", "code"), LIMITS)
def test_limits_of_a_request(store_server: StoreServer, sql: str, limits: dict[str, Any], code: int) -> None:
    assert store_server.send(sql, **limits).code == code
    assert store_server.run("SELECT 1") == "1\n"


def test_limits_of_the_server(start_store: Callable[..., StoreServer]) -> None:
    server = start_store(query_seconds=0.5, memory_bytes=1_000_000_000, max_body_bytes=1000)
    server.run("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    assert server.send(ENDLESS.format(mark="x")).code == 159
    assert server.send("SELECT uniqExact(number) FROM numbers(400000000)", max_execution_time=30).code == 241
    refused = server.send(b"1\n" * 1000, query="INSERT INTO t FORMAT TSV")
    assert (refused.status, refused.code) == (413, 307)
    assert server.run("SELECT count() FROM t") == "0\n"


def test_a_huge_query_harms_no_other(start_store: Callable[..., StoreServer]) -> None:
    server = start_store(memory_bytes=1_000_000_000)
    server.run("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    codes: list[Reply] = []
    thread = threading.Thread(
        target=lambda: codes.append(
            server.send("SELECT uniqExact(number) FROM numbers(400000000)", max_memory_usage=500_000_000)
        )
    )
    thread.start()
    for number in range(30):
        server.run(f"INSERT INTO t FORMAT TSV\n{number}\n")
    thread.join()
    assert codes[0].code == 241
    assert server.run("SELECT count() FROM t") == "30\n"


def test_a_decompressed_body_is_limited(start_store: Callable[..., StoreServer]) -> None:
    server = start_store(max_body_bytes=10_000_000)
    body = zstd.compress(b"INSERT INTO t FORMAT TSV\n" + b"1\n" * 50_000_000)
    refused = server.send(body, headers={"Content-Encoding": "zstd"})
    assert (refused.status, refused.code) == (413, 307)
    assert server.resident_bytes() < 700_000_000
