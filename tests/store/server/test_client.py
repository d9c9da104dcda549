"""The official client works against the store unmodified."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from datetime import datetime

import lz4.frame
import pyarrow as pa
import pytest
from backports import zstd
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

from tests.store.conftest import StoreServer


@pytest.fixture(params=[False, True, "lz4", "zstd", "gzip"], ids=str)
def client(store_server: StoreServer, request: pytest.FixtureRequest) -> Iterator[Client]:
    opened = store_server.client(compress=request.param)
    opened.command("CREATE OR REPLACE TABLE t (a UInt32, b String, c LowCardinality(String), j JSON, at DateTime64(9, 'UTC'))"
                   " ENGINE = MergeTree ORDER BY a")  # fmt: skip
    yield opened
    opened.close()


def count(client: Client) -> int:
    return int(str(client.command("SELECT count() FROM t")))


def test_introduces_itself(client: Client) -> None:
    assert client.ping()
    assert str(client.server_version).startswith("26.")
    assert str(client.server_tz) == "UTC"


def test_query(client: Client) -> None:
    result = client.query("SELECT number, toString(number) AS s, toLowCardinality('x') AS l FROM numbers(200000)")
    assert result.column_names == ("number", "s", "l")
    assert len(result.result_rows) == 200_000
    assert result.result_rows[-1] == (199_999, "199999", "x")
    assert {name: result.summary[name] for name in ("read_rows", "result_rows")} == {
        "read_rows": "200000",
        "result_rows": "200000",
    }
    assert result.query_id


def test_an_empty_result_keeps_its_columns(client: Client) -> None:
    assert client.query("SELECT a, b FROM t").result_rows == []
    assert client.query("SELECT a, b FROM t LIMIT 0").column_names == ("a", "b")


def test_insert_native(client: Client) -> None:
    rows = [[i, f"b{i}", "c", {"x": i}, datetime(2020, 1, 1)] for i in range(1000)]  # noqa: DTZ001 - the client takes it as UTC
    summary = client.insert("t", rows, column_names=["a", "b", "c", "j", "at"])
    assert summary.written_rows == 1000
    assert client.query("SELECT a, b, c, j, at FROM t ORDER BY a LIMIT 1").result_rows == [tuple(rows[0])]


def test_arrow_both_ways(client: Client) -> None:
    assert client.query_arrow("SELECT number FROM numbers(200000)").num_rows == 200_000
    table = pa.table({"a": pa.array([1, 2], pa.uint32()), "b": ["x", "y"]})
    assert client.insert_arrow("t", table).written_rows == 2
    assert count(client) == 2


@pytest.mark.parametrize(
    ("compression", "pack"),
    [(None, bytes), ("gzip", gzip.compress), ("lz4", lz4.frame.compress), ("zstd", zstd.compress)],
    ids=["plain", "gzip", "lz4", "zstd"],
)
def test_raw_insert_of_bytes(client: Client, compression: str | None, pack: Callable[[bytes], bytes]) -> None:
    body = b"".join(b'{"a":%d,"b":"y"}\n' % i for i in range(5000))
    summary = client.raw_insert("t", ["a", "b"], pack(body), fmt="JSONEachRow", compression=compression)
    assert (summary.written_rows, count(client)) == (5000, 5000)


def test_raw_insert_of_a_generator(client: Client) -> None:
    summary = client.raw_insert("t", ["a", "b"], (b'{"a":%d,"b":"y"}\n' % i for i in range(100)), fmt="JSONEachRow")
    assert summary.written_rows == 100


def test_raw_insert_keeps_settings_of_the_request(client: Client) -> None:
    client.command("ALTER TABLE t MODIFY SETTING non_replicated_deduplication_window = 100")
    for _ in range(2):
        client.raw_insert("t", ["a"], b'{"a":1}\n', fmt="JSONEachRow", settings={"insert_deduplication_token": "one"})
    assert count(client) == 1


def test_raw_query_and_bound_parameters(client: Client) -> None:
    bound = {"s": "it's\t\\x", "n": 5, "l": ["a'", "b"]}
    text = client.raw_query("SELECT {n:UInt8}, {l:Array(String)}", parameters=bound, fmt="TSV")
    assert text == b"5\t['a\\'','b']\n"
    assert client.query("SELECT {s:String}, {l:Array(String)}", parameters=bound).result_rows == [("it's\t\\x", ["a'", "b"])]


def test_raw_stream_and_row_blocks(client: Client) -> None:
    with client.raw_stream("SELECT number FROM numbers(1000000)", fmt="CSV") as stream:
        assert sum(len(chunk) for chunk in stream) == 6_888_890
    with client.query_row_block_stream("SELECT number FROM numbers(300000)") as blocks:
        assert sum(len(block) for block in blocks) == 300_000


def test_command(client: Client) -> None:
    assert client.command("SELECT 1") == 1
    assert client.command("SHOW TABLES LIKE 't'") == "t"
    sql = "INSERT INTO t (a, b) SELECT length(line), line FROM input('line String') WHERE line != '' FORMAT LineAsString"
    client.command(sql, data=b"abc\n\ndefgh\n")
    assert client.query("SELECT a, b FROM t ORDER BY a").result_rows == [(3, "abc"), (5, "defgh")]


def test_settings_hold_for_their_query(client: Client) -> None:
    before = client.command("SELECT getSetting('max_threads')")
    assert client.query("SELECT getSetting('max_threads')", settings={"max_threads": 7}).result_rows == [(7,)]
    assert client.command("SELECT getSetting('max_threads')") == before


FAILURES = [
    pytest.param("SELECT * FROM nope", 60, "UNKNOWN_TABLE", id="unknown table"),
    pytest.param("SELECT 1 FROM", 62, "SYNTAX_ERROR", id="syntax"),
    pytest.param("SELECT nope FROM t", 47, "UNKNOWN_IDENTIFIER", id="unknown column"),
    pytest.param("SELECT throwIf(number = 500000, 'boom') FROM numbers(1000000)", 395, "boom", id="while it runs"),
]


@pytest.mark.parametrize(("sql", "code", "text"), FAILURES)
def test_failures_carry_the_code_and_the_text(client: Client, sql: str, code: int, text: str) -> None:
    with pytest.raises(DatabaseError, match=text) as raised:
        client.query(sql)
    assert raised.value.code == code


@pytest.mark.filterwarnings("ignore")
def test_a_failure_in_the_middle_of_a_stream_is_raised(client: Client) -> None:
    sql = "SELECT number, throwIf(number = 3000000, 'boom') FROM numbers(10000000)"
    with pytest.raises(StreamFailureError, match="boom"), client.query_row_block_stream(sql) as blocks:
        for _ in blocks:
            pass


def test_parameters_in_a_form(store_server: StoreServer) -> None:
    client = store_server.client(form_encode_query_params=True)
    bound = {"s": "it's\t\\x\r\n--boundary 日志", "n": 5}
    assert client.query("SELECT {s:String}, {n:UInt8}", parameters=bound).result_rows == [(bound["s"], 5)]
    assert client.raw_query("SELECT {n:UInt8}", parameters=bound, fmt="TSV") == b"5\n"


def test_the_database_of_the_client(store_server: StoreServer) -> None:
    store_server.client().command("CREATE DATABASE IF NOT EXISTS other")
    other = store_server.client(database="other")
    other.command("CREATE TABLE IF NOT EXISTS x (a Int8) ENGINE = Memory")
    other.insert("x", [[1]])
    assert other.command("SELECT count() FROM other.x") == 1
    assert other.command("SELECT currentDatabase()") == "other"
    assert store_server.client().command("SELECT currentDatabase()") == "default"
    with pytest.raises(DatabaseError, match="UNKNOWN_DATABASE"):
        store_server.client(database="nowhere")


def test_two_clients_with_sessions(store_server: StoreServer) -> None:
    first = store_server.client(session_id="a", query_limit=0)
    assert first.command("SELECT 1") == 1
    assert first.query("SELECT 2", transport_settings={"X-Test": "1"}).first_row == (2,)
