"""A plain statement over a kept connection says what ClickHouse's own client says, also of what goes wrong."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette

from bklog.errors import BklogError, StoreError, Unavailable
from bklog.records import Limits, Statement, StoreAddress
from bklog.store.clickhouse import ClickHouseStore
from bklog.store.kept import KeptConnections
from tests.store.conftest import StoreServer, own_database

LIMITS = Limits(seconds=20, memory_bytes=1 << 30, result_rows=1_000)
TEXTS = (
    "",
    "中文 🚀",
    "tab\tnew line\nreturn\r",
    "quote \" ' back \\ slash",
    "\\N",
    "nul \x00 end",
    "{p0:String} %41 +&=#",
    "é" * 9_000,
    "larger than a packet " * 15_000,
)
NOTHING = Statement("SELECT 1 AS one WHERE 0", is_plain=True)


@pytest.fixture
def embedded(store_server: StoreServer) -> Iterator[ClickHouseStore]:
    with own_database(store_server, folder=store_server.path) as made:
        yield made


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_text_comes_back_as_it_was(embedded: ClickHouseStore, text: str) -> None:
    statement = Statement("SELECT {p0:String} AS given, [{p0:String}, ''] AS list", {"p0": text}, is_plain=True)
    answer = embedded.select(statement, LIMITS)
    assert answer.columns == ("given", "list")
    assert answer.rows == [(text, [text, ""])]


@pytest.mark.parametrize(
    "columns",
    [
        "toUInt64(18446744073709551615) AS largest, toInt64(-9223372036854775808) AS least",
        "CAST(NULL, 'Nullable(String)') AS nothing, CAST('warn', 'LowCardinality(String)') AS level",
        "[3, 1] AS numbers, emptyArrayUInt64() AS none, [CAST(NULL, 'Nullable(Int64)'), 5] AS some",
        "number, toString(number) AS text FROM numbers(1000)",
        "{n:UInt32} AS n, {list:Array(String)} AS list",
    ],
)
def test_both_ways_answer_alike(embedded: ClickHouseStore, columns: str) -> None:
    params = {"n": 4_000_000_000, "list": ["a\tb", "it's"]} if "{" in columns else {}
    statement = Statement(f"SELECT {columns}", params)
    by_client, by_kept = embedded.select(statement, LIMITS), embedded.select(replace(statement, is_plain=True), LIMITS)
    assert by_kept.rows == by_client.rows
    kept_types, client_types = ([type(value) for value in answer.rows[0]] for answer in (by_kept, by_client))
    assert kept_types == client_types
    assert (by_kept.columns, by_kept.rows_read) == (by_client.columns, by_client.rows_read)


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("SELECT nothing FROM nowhere.at_all", LIMITS),
        ("SELECT", LIMITS),
        ("SELECT sleep(3)", replace(LIMITS, seconds=0.5)),
        ("SELECT number FROM numbers(5000)", LIMITS),
        ("SELECT count() FROM (SELECT number FROM numbers(5000000) GROUP BY number)", replace(LIMITS, memory_bytes=30_000_000)),
    ],
    ids=["unknown table", "half a statement", "too slow", "too many rows", "too much memory"],
)
def test_a_refusal_is_the_same_either_way(embedded: ClickHouseStore, text: str, limits: Limits) -> None:
    refused: list[BklogError] = []
    for is_plain in (False, True):
        with pytest.raises(BklogError) as told:
            embedded.select(Statement(text, is_plain=is_plain), limits)
        refused.append(told.value)
    by_client, by_kept = refused
    assert isinstance(by_kept, StoreError)
    assert isinstance(by_client, StoreError)
    assert (by_kept.engine_code, by_kept.stable_code) == (by_client.engine_code, by_client.stable_code)
    assert embedded.select(NOTHING, LIMITS).rows == []  # and the connection is as good as before


def test_a_store_that_was_started_again_is_found_again(start_store: Callable[..., StoreServer], tmp_path: Path) -> None:
    first = start_store(tmp_path / "data")
    store = ClickHouseStore(StoreAddress("127.0.0.1", first.port, folder=tmp_path / "data"))
    assert store.select(NOTHING, LIMITS).rows == []
    first.kill()
    with pytest.raises(Unavailable) as away:
        store.select(NOTHING, LIMITS)
    assert away.value.stable_code == "store_down"
    start_store(tmp_path / "data", port=first.port)
    assert store.select(NOTHING, LIMITS).rows == []


def test_a_kept_connection_that_the_store_has_closed_costs_no_answer(
    start_store: Callable[..., StoreServer], tmp_path: Path
) -> None:
    first = start_store(tmp_path / "data")
    store = ClickHouseStore(StoreAddress("127.0.0.1", first.port, folder=tmp_path / "data"))
    store.select(NOTHING, LIMITS)
    first.stop()
    start_store(tmp_path / "data", port=first.port)
    assert store.select(NOTHING, LIMITS).rows == []


def test_the_password_is_sent(start_store: Callable[..., StoreServer], tmp_path: Path) -> None:
    server = start_store(tmp_path / "data", password="of the store")
    address = StoreAddress("127.0.0.1", server.port, password="of the store", folder=tmp_path / "data")
    assert ClickHouseStore(address).select(NOTHING, LIMITS).rows == []
    with pytest.raises(StoreError, match="Authentication failed"):
        ClickHouseStore(replace(address, password="another")).select(NOTHING, LIMITS)


def test_a_store_of_another_release_that_speaks_only_http_is_asked_by_the_client(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(Starlette(), http="httptools", log_level="critical"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        address = StoreAddress("127.0.0.1", listener.getsockname()[1], folder=tmp_path)
        answer = KeptConnections(address, seconds=20, most=1).select(NOTHING, {})
        server.should_exit = True
        thread.join(20)
    assert answer is None
