"""Plain HTTP, as curl and other programs speak it."""

from __future__ import annotations

import base64
import gzip
import json
import re
import subprocess
import zlib
from collections.abc import Callable
from typing import Any

import lz4.frame
import pytest
from backports import zstd

from tests.store.conftest import StoreServer


def curl(*arguments: str, data: bytes = b"") -> str:
    return subprocess.run(["curl", "-sS", "-m", "20", *arguments], input=data, capture_output=True, check=True).stdout.decode()


@pytest.fixture
def table(store_server: StoreServer) -> str:
    store_server.run(
        "CREATE OR REPLACE TABLE h (a UInt64, b String DEFAULT concat('d', toString(a))) ENGINE = MergeTree ORDER BY a"
    )
    return "h"


def rows(store_server: StoreServer) -> str:
    return store_server.run("SELECT a, b FROM h ORDER BY a FORMAT CSV").replace('"', "")


@pytest.mark.parametrize(
    ("path", "text"), [("/ping", "Ok.\n"), ("/", "Ok.\n"), ("/replicas_status", "Ok.\n"), ("/?query=SELECT%201", "1\n")]
)
def test_get(store_server: StoreServer, path: str, text: str) -> None:
    assert curl(store_server.url + path) == text


def test_curl_selects_json(store_server: StoreServer) -> None:
    answer = json.loads(curl(store_server.url, "-d", "SELECT 1 AS a FORMAT JSON"))
    assert answer["data"] == [{"a": 1}]


INSERTS = [
    pytest.param("INSERT INTO h FORMAT JSONEachRow", b'{"a":1}\n{"a":2,"b":"x"}', "1,d1\n2,x\n", id="query in the URL"),
    pytest.param("", b'INSERT INTO h FORMAT JSONEachRow\n{"a":1}\n{"a":2,"b":"x"}', "1,d1\n2,x\n", id="all in the body"),
    pytest.param("INSERT INTO h", b' FORMAT JSONEachRow {"a":1}', "1,d1\n", id="the statement goes on in the body"),
    pytest.param("INSERT INTO h FORMAT JSONEachRow\n", b'{"a":1}', "1,d1\n", id="a line break at the end of the URL's"),
    pytest.param('INSERT INTO h FORMAT JSONEachRow {"a":7}', b"", "7,d7\n", id="all in the URL"),
    pytest.param("", b"INSERT INTO h VALUES (1, 'x'), (1+1, upper('y'))", "1,x\n2,Y\n", id="values"),
    pytest.param("INSERT INTO h (b, a) VALUES", b"('x', 3)", "3,x\n", id="values in the body"),
    pytest.param("", b"INSERT INTO h (a) SELECT number FROM numbers(2)", "0,d0\n1,d1\n", id="select"),
    pytest.param(
        "INSERT INTO h (a, b) SELECT length(line), line FROM input('line String') WHERE line != '' FORMAT LineAsString",
        b"abc\n\ndefgh",
        "3,abc\n5,defgh\n",
        id="input, query in the URL",
    ),
    pytest.param(
        "",
        b"INSERT INTO h SELECT a + 1, b FROM input('a UInt64, b String') SETTINGS max_threads = 1 FORMAT CSV\n1,x\n2,y\n",
        "2,x\n3,y\n",
        id="input, all in the body",
    ),
    pytest.param("INSERT INTO h FORMAT CSV", b"", "", id="no rows"),
]


@pytest.mark.parametrize(("query", "body", "expected"), INSERTS)
def test_insert(store_server: StoreServer, table: str, query: str, body: bytes, expected: str) -> None:
    params: dict[str, Any] = {"query": query} if query else {}
    reply = store_server.send(body, **params)
    assert (reply.status, reply.text) == (200, "")
    assert rows(store_server) == expected


def test_curl_inserts_as_the_manual_shows(store_server: StoreServer, table: str) -> None:
    assert (
        curl(f"{store_server.url}/?query=INSERT%20INTO%20h%20FORMAT%20TSV", "--data-binary", "@-", data=b"1\tx\n2\ty\n") == ""
    )
    assert curl(store_server.url, "--data-binary", "@-", data=b"INSERT INTO h VALUES (3, 'z')") == ""
    assert rows(store_server) == "1,x\n2,y\n3,z\n"


def cut(pack: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda body: pack(body)[:-9]


PACKED = [
    ("gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("lz4", lz4.frame.compress),
    ("zstd", zstd.compress),
    ("gzip", lambda body: gzip.compress(body[:1000]) + gzip.compress(body[1000:])),
    ("zstd", lambda body: zstd.compress(body[:1000]) + zstd.compress(body[1000:])),
]
PACKED_IDS = ["gzip", "deflate", "lz4", "zstd", "two gzip streams", "two zstd frames"]


@pytest.mark.parametrize(("encoding", "pack"), PACKED, ids=PACKED_IDS)
@pytest.mark.parametrize("where", ["URL", "body"])
def test_compressed_bodies(
    store_server: StoreServer, table: str, encoding: str, pack: Callable[[bytes], bytes], where: str
) -> None:
    data = b"".join(b"%d,x\n" % number for number in range(100_000))
    sql = "INSERT INTO h FORMAT CSV"
    body = data if where == "URL" else sql.encode() + b"\n" + data
    params: dict[str, Any] = {"query": sql} if where == "URL" else {}
    reply = store_server.send(pack(body), headers={"Content-Encoding": encoding}, **params)
    assert (reply.status, reply.text) == (200, "")
    assert store_server.run("SELECT count(), sum(a) FROM h") == f"100000\t{sum(range(100_000))}\n"


@pytest.mark.parametrize(("encoding", "pack"), PACKED[:4], ids=PACKED_IDS[:4])
@pytest.mark.parametrize("where", ["URL", "body"])
def test_a_cut_body_is_refused(
    store_server: StoreServer, table: str, encoding: str, pack: Callable[[bytes], bytes], where: str
) -> None:
    data = b"".join(b"%d,x\n" % number for number in range(1000))
    sql = "INSERT INTO h FORMAT CSV"
    body = data if where == "URL" else sql.encode() + b"\n" + data
    params: dict[str, Any] = {"query": sql} if where == "URL" else {}
    reply = store_server.send(cut(pack)(body), headers={"Content-Encoding": encoding}, **params)
    assert reply.status >= 400
    assert reply.text.startswith("Code: ")
    assert store_server.run("SELECT count() FROM h") == "0\n"


def test_an_unknown_encoding_is_named(store_server: StoreServer) -> None:
    reply = store_server.send("SELECT 1", headers={"Content-Encoding": "snappy"})
    assert (reply.status, reply.code) == (400, 89)


@pytest.mark.parametrize(
    ("encoding", "unpack"),
    [
        ("gzip", gzip.decompress),
        ("deflate", zlib.decompress),
        ("lz4", lz4.frame.decompress),
        ("zstd", zstd.decompress),
    ],
)
@pytest.mark.parametrize("numbers", [3, 300_000])
def test_compressed_answers(store_server: StoreServer, encoding: str, unpack: Callable[[bytes], bytes], numbers: int) -> None:
    sql = f"SELECT number FROM numbers({numbers})"
    reply = store_server.send(sql, headers={"Accept-Encoding": encoding}, enable_http_compression=1)
    assert reply.headers["content-encoding"] == encoding
    assert unpack(reply.body) == store_server.run(sql).encode()


def test_answers_are_compressed_only_on_demand(store_server: StoreServer) -> None:
    reply = store_server.send("SELECT 1", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in reply.headers


ONE_DOCUMENT = ["JSON", "JSONCompact", "CSVWithNames", "ArrowStream", "Parquet", "XML", "Values", "RowBinaryWithNamesAndTypes"]


@pytest.mark.parametrize("name", ONE_DOCUMENT)
def test_a_large_answer_is_one_document_of_its_format(store_server: StoreServer, name: str) -> None:
    """The engine's own streaming interface begins a document with each block."""
    body = store_server.send(f"SELECT number AS n FROM numbers(200000) FORMAT {name}").body
    if name == "JSON":
        assert len(json.loads(body)["data"]) == 200_000
    assert body.count(body[:9]) == 1 or name == "Values"


@pytest.mark.parametrize(
    ("sql", "params", "headers", "name"),
    [
        pytest.param("SELECT 1", {}, {}, "TabSeparated", id="default"),
        pytest.param("SELECT 1", {"default_format": "JSONEachRow"}, {}, "JSONEachRow", id="parameter"),
        pytest.param("SELECT 1", {}, {"X-ClickHouse-Format": "CSV"}, "CSV", id="header"),
        pytest.param("SELECT 1 FORMAT XML", {"default_format": "JSON"}, {}, "XML", id="statement"),
        pytest.param("SHOW TABLES FORMAT JSON", {}, {}, "JSON", id="a statement that is no SELECT"),
    ],
)
def test_the_format_of_an_answer(
    store_server: StoreServer, sql: str, params: dict[str, str], headers: dict[str, str], name: str
) -> None:
    reply = store_server.send(sql, headers=headers, **params)
    assert (reply.status, reply.headers["x-clickhouse-format"]) == (200, name)


def test_headers(store_server: StoreServer) -> None:
    reply = store_server.send("SELECT number FROM numbers(10)", query_id="mine", session_timezone="Asia/Shanghai")
    summary = json.loads(reply.headers["x-clickhouse-summary"])
    assert reply.headers["x-clickhouse-query-id"] == "mine"
    assert reply.headers["x-clickhouse-timezone"] == "Asia/Shanghai"
    assert reply.headers["x-clickhouse-server-display-name"] == "bklog-store"
    assert (summary["read_rows"], summary["result_rows"], summary["result_bytes"]) == ("10", "10", "20")
    assert int(summary["elapsed_ns"]) > 0


def test_the_counts_of_a_large_answer_are_complete_when_the_client_waits(store_server: StoreServer) -> None:
    sql = "SELECT number, repeat('x', 50) FROM numbers(1000000)"
    reply = store_server.send(sql, wait_end_of_query=1)
    assert json.loads(reply.headers["x-clickhouse-summary"])["result_rows"] == "1000000"
    assert reply.body.count(b"\n") == 1_000_000
    assert "x-clickhouse-summary" not in store_server.send(sql).headers


WHOLE = [
    pytest.param({}, "SELECT number FROM numbers(3)", id="small"),
    pytest.param({}, "SELECT 1 FROM numbers(3) FORMAT JSONCompactEachRow SETTINGS max_threads = 1", id="settings behind"),
    pytest.param({}, "SELECT repeat('日', 1000) FROM numbers(4000)", id="more than may be held in memory"),
    pytest.param({"max_result_rows": 20}, "SELECT repeat('x', 1000000) FROM numbers(12)", id="few rows, and large"),
    pytest.param({"max_result_bytes": 9_000_000}, "SELECT repeat('x', 1000000) FROM numbers(8)", id="a limit of its own"),
    pytest.param({"max_result_rows": 2, "result_overflow_mode": "break"}, "SELECT 7 FROM numbers(2)", id="another mode"),
]


@pytest.mark.parametrize(("settings", "sql"), WHOLE)
def test_an_answer_that_is_held_back_is_the_same(store_server: StoreServer, settings: dict[str, Any], sql: str) -> None:
    at_once = store_server.send(sql, **settings)
    held = store_server.send(sql, **settings, wait_end_of_query=1)
    assert (held.status, held.body) == (200, at_once.body)
    assert json.loads(held.headers["x-clickhouse-summary"])["result_bytes"] == str(len(held.body))


def test_a_limit_of_rows_holds_for_an_answer_that_is_held_back(store_server: StoreServer) -> None:
    reply = store_server.send("SELECT number FROM numbers(100)", max_result_rows=10, wait_end_of_query=1)
    assert (reply.status, reply.code) == (500, 396)


@pytest.mark.parametrize("name", ["JSONCompact", "CSVWithNames", "Native"])
@pytest.mark.parametrize(
    ("refused", "settings"),
    [
        ("SELECT number FROM numbers(5000)", {"max_result_rows": 1000}),
        ("SELECT toString(number) FROM numbers(2000000)", {"max_result_bytes": 100}),
    ],
)
def test_an_answer_has_nothing_of_one_that_failed_before(
    store_server: StoreServer, refused: str, settings: dict[str, Any], name: str
) -> None:
    alone = store_server.send("SELECT 7 AS seven", default_format=name, wait_end_of_query=1)
    for _ in range(2):
        store_server.send(refused, **settings, default_format=name, wait_end_of_query=1)
        # With other settings a SET would come before it, and take what was left.
        after = store_server.send("SELECT 7 AS seven", **settings, default_format=name, wait_end_of_query=1)
        assert without_times(after.body) == without_times(alone.body)


def without_times(body: bytes) -> bytes:
    return re.sub(rb'"elapsed": [0-9.e-]+', b"", body)


def test_an_insert_counts_what_it_wrote(store_server: StoreServer, table: str) -> None:
    reply = store_server.send("1\n2\n3\n", query="INSERT INTO h (a) FORMAT TSV")
    assert json.loads(reply.headers["x-clickhouse-summary"])["written_rows"] == "3"


@pytest.mark.parametrize("sql", ["DROP TABLE h", "INSERT INTO h VALUES (1, 'x')", "SET max_threads = 1", "KILL QUERY WHERE 0"])
def test_get_changes_nothing(store_server: StoreServer, table: str, sql: str) -> None:
    reply = store_server.send(method="GET", query=sql)
    assert (reply.status, reply.code) == (500, 164)
    assert "You should use method POST" in reply.text
    assert rows(store_server) == ""


FAILURES = [
    pytest.param("SELECT 1 FROM", 400, 62, id="syntax"),
    pytest.param("SELEC 1", 400, 62, id="no statement"),
    pytest.param("", 400, 62, id="empty"),
    pytest.param("SELECT 1; SELECT 2", 400, 62, id="two statements"),
    pytest.param("SELECT {x:UInt8}", 500, 456, id="a parameter without value"),
    pytest.param("SELECT * FROM nope", 404, 60, id="unknown table"),
    pytest.param("SELECT * FROM nope.nope", 404, 81, id="unknown database"),
    pytest.param("SELECT nope", 404, 47, id="unknown column"),
    pytest.param("SELECT nope()", 404, 46, id="unknown function"),
    pytest.param("SELECT 1 FORMAT Nope", 404, 73, id="unknown format"),
    pytest.param("SELECT 1 SETTINGS nope = 1", 404, 115, id="unknown setting"),
    pytest.param("SELECT throwIf(1)", 500, 395, id="a failing function"),
    pytest.param("INSERT INTO nope FORMAT CSV\n1", 404, 60, id="insert into an unknown table"),
    pytest.param("INSERT INTO h FORMAT Nope\n1", 404, 73, id="insert in an unknown format"),
    pytest.param('INSERT INTO h FORMAT JSONEachRow\n{"a":"x"}', 400, 27, id="rows that do not parse"),
    pytest.param("INSERT INTO h SELECT * FROM input('a UInt64, b String')", 400, 477, id="input without rows"),
    pytest.param(
        "SELECT sleepEachRow(0.1) FROM numbers(100) SETTINGS max_block_size = 1, max_execution_time = 0.3",
        408,
        159,
        id="too slow",
    ),
]


@pytest.mark.parametrize(("sql", "status", "code"), FAILURES)
def test_failures_have_code_text_and_status(store_server: StoreServer, table: str, sql: str, status: int, code: int) -> None:
    reply = store_server.send(sql)
    assert (reply.code, reply.status) == (code, status), reply.text
    assert reply.text.startswith(f"Code: {code}. DB::")
    assert reply.text.count("DB::Exception") == 1
    assert "/proc/self" not in reply.text


def test_a_failed_insert_names_the_row(store_server: StoreServer, table: str) -> None:
    reply = store_server.send('INSERT INTO h FORMAT JSONEachRow\n{"a":1}\n{"a":"x"}\n')
    assert "(at row 2)" in reply.text


def test_a_late_failure_is_told_in_the_body_and_breaks_the_connection(store_server: StoreServer) -> None:
    reply = store_server.send("SELECT number, throwIf(number = 3000000, 'boom') FROM numbers(10000000)")
    tag = reply.headers["x-clickhouse-exception-tag"].encode()
    assert (reply.status, reply.broken) == (200, True)
    _, _, trailer = reply.body.partition(b"\r\n__exception__\r\n" + tag + b"\r\n")
    assert trailer.startswith(b"Code: 395. DB::Exception: boom")
    assert trailer.endswith(b" " + tag + b"\r\n__exception__\r\n")


@pytest.mark.parametrize("name", ["compress", "decompress"])
def test_blocks_of_the_native_protocol_are_refused(store_server: StoreServer, name: str) -> None:
    params: dict[str, Any] = {name: 1}
    assert store_server.send("SELECT 1", **params).status == 501


def test_what_a_statement_sets_ends_with_it(store_server: StoreServer) -> None:
    before = store_server.run("SELECT getSetting('max_block_size')")
    for sql in ("SET max_block_size = 77", "USE system", "CREATE TEMPORARY TABLE temporary_one (a Int8)"):
        store_server.run(sql)
    for _ in range(12):
        assert store_server.run("SELECT getSetting('max_block_size')") == before
        assert store_server.run("SELECT currentDatabase()") == "default\n"
    assert store_server.send("SELECT * FROM temporary_one").status == 404


def test_readonly_in_one_request_leaves_the_next_alone(store_server: StoreServer, table: str) -> None:
    for _ in range(6):
        assert store_server.send("INSERT INTO h (a) VALUES (1)", readonly=1).code == 164
        store_server.run("INSERT INTO h (a) VALUES (1)")


def test_an_unknown_setting_leaves_the_next_request_alone(store_server: StoreServer) -> None:
    for _ in range(6):
        assert store_server.send("SELECT 1", nope="1").code == 115
        assert store_server.run("SELECT 1") == "1\n"


@pytest.mark.parametrize("header", ["Origin", "Sec-Fetch-Site"])
def test_a_browser_is_no_client_of_a_store_without_password(store_server: StoreServer, header: str) -> None:
    assert store_server.send("SELECT 1", headers={header: "http://evil.example"}).status == 403


BASIC = base64.b64encode(b"default:s3cret").decode()
ACCESS = [
    pytest.param({}, {}, 401, 194, id="nothing"),
    pytest.param({"Authorization": f"Basic {BASIC}"}, {}, 200, 0, id="basic"),
    pytest.param({"Authorization": "Basic eDp5"}, {}, 403, 516, id="basic, wrong"),
    pytest.param({"Authorization": "Basic !"}, {}, 403, 516, id="basic, no base64"),
    pytest.param({"X-ClickHouse-User": "default", "X-ClickHouse-Key": "s3cret"}, {}, 200, 0, id="headers"),
    pytest.param({"X-ClickHouse-User": "default", "X-ClickHouse-Key": "x"}, {}, 403, 516, id="headers, wrong"),
    pytest.param({}, {"user": "default", "password": "s3cret"}, 200, 0, id="URL"),
    pytest.param({}, {"user": "default", "password": "日"}, 403, 516, id="URL, wrong"),
]


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> object:
    from tests.store.conftest import end, start

    server = start(tmp_path_factory.mktemp("locked") / "data", password="s3cret")
    yield server
    end(server)


@pytest.mark.parametrize(("headers", "params", "status", "code"), ACCESS)
def test_a_password(locked: StoreServer, headers: dict[str, str], params: dict[str, str], status: int, code: int) -> None:
    reply = locked.send("SELECT 1", headers=headers, **params)
    assert (reply.status, reply.code) == (status, code)


def test_ping_needs_no_password(locked: StoreServer) -> None:
    assert curl(locked.url + "/ping") == "Ok.\n"
    assert locked.client(username="default", password="s3cret").command("SELECT 1") == 1
