"""What reaches outside the store is refused, however it is written; what a log platform needs passes."""

from __future__ import annotations

import pytest

from bklog.errors import StoreError
from bklog.store.server.guard import Outside, check, check_settings, outside
from bklog.store.server.statements import scan
from tests.engine import ENGINE
from tests.store.conftest import StoreServer


@pytest.fixture(scope="module")
def barred() -> Outside:
    return outside(
        table_functions=[row["name"] for row in ENGINE.rows("SELECT name FROM system.table_functions")],
        ai_functions=["aiGenerate"],
        engines=[
            row["name"]
            for row in ENGINE.rows("SELECT name FROM system.table_engines UNION ALL SELECT name FROM system.database_engines")
        ],
    )


REFUSED = [
    "SELECT * FROM file('/etc/passwd')",
    "SELECT * FROM FILE ('/etc/passwd')",
    "SELECT * FROM file/* x */('/etc/passwd')",
    "SELECT * FROM file -- x\n ('/etc/passwd')",
    "SELECT * FROM `file`('/etc/passwd')",
    "SELECT * FROM \"file\"('/etc/passwd')",
    "SELECT * FROM `fil\\x65`('/etc/passwd')",
    "SELECT * FROM file\u00a0('/etc/passwd')",
    "SELECT file('/etc/passwd')",
    "SELECT 1 WHERE 1 IN (SELECT a FROM (SELECT * FROM url('http://x/')))",
    "WITH x AS (SELECT * FROM remote('h', 'd', 't')) SELECT * FROM x",
    "SELECT * FROM s3('http://x/')",
    "SELECT * FROM s3Cluster('c', 'http://x/')",
    "SELECT * FROM executable('x', 'TSV', 'a String')",
    "SELECT * FROM python(x)",
    "SELECT * FROM sqlite('x', 'y')",
    "SELECT * FROM cluster('c', system.one)",
    "SELECT * FROM eval('SELECT 1')",
    "SELECT aiGenerate('x')",
    "SELECT 1 INTO OUTFILE '/tmp/x'",
    "SELECT 1 INTO/**/OUTFILE '/tmp/x'",
    "INSERT INTO t FROM INFILE '/etc/passwd' FORMAT LineAsString",
    "INSERT INTO FUNCTION file('/tmp/x') SELECT 1",
    "INSERT INTO TABLE FUNCTION url('http://x/') SELECT 1",
    "INSERT INTO t SELECT * FROM input('a String DEFAULT file(\\'/etc/passwd\\')') FORMAT CSV\nx",
    "INSERT INTO t SELECT * FROM input('a String DEFAULT fil\\x65(1)') FORMAT CSV\nx",
    "CREATE TABLE x (a Int8) ENGINE = File('CSV')",
    "CREATE TABLE x (a Int8) ENGINE File('CSV')",
    "CREATE TABLE x (a Int8) engine=`URL`('http://x/')",
    "CREATE TABLE x (a Int8) ENGINE = Executable('x', 'TSV')",
    "CREATE TABLE x (a Int8) ENGINE = Kafka",
    "CREATE TABLE x (a Int8) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = 'local', path = '/tmp/')",
    "CREATE TABLE x AS url('http://x/')",
    "CREATE OR REPLACE TABLE x (a Int8) ENGINE = MySQL('h', 'd', 't', 'u', 'p')",
    "CREATE MATERIALIZED VIEW v ENGINE = File('CSV') AS SELECT 1",
    "CREATE VIEW v AS SELECT * FROM file('/etc/passwd')",
    "CREATE DATABASE x ENGINE = Filesystem('/')",
    "CREATE DATABASE x ENGINE = PostgreSQL('h', 'd', 'u', 'p')",
    "CREATE DICTIONARY d (a UInt8) PRIMARY KEY a SOURCE(FILE(PATH '/etc/passwd' FORMAT 'CSV')) LAYOUT(FLAT()) LIFETIME(0)",
    "CREATE NAMED COLLECTION c AS a = 1",
    "CREATE FUNCTION f AS x -> x",
    "CREATE USER u",
    "ALTER USER default IDENTIFIED BY 'x'",
    "ALTER TABLE t ADD COLUMN b String DEFAULT file('/etc/passwd')",
    "ATTACH TABLE x FROM '/tmp/x' (a Int8) ENGINE = MergeTree ORDER BY a",
    "DETACH DATABASE default",
    "BACKUP TABLE t TO File('/tmp/x')",
    "RESTORE TABLE t FROM File('/tmp/x')",
    "GRANT ALL ON *.* TO default",
    "SYSTEM SHUTDOWN",
    "SYSTEM/**/KILL",
    "SYSTEM START LISTEN HTTP",
    "SYSTEM RELOAD CONFIG",
    "DROP TABLE IF EXISTS t PARALLEL WITH SYSTEM SHUTDOWN",
    "SELECT 1 SETTINGS additional_table_filters = {'t': 'file(1)'}",
    "SELECT 1 SETTINGS `format_schema` = '/etc/passwd'",
    "SELECT 1 FORMAT Template SETTINGS format_template_row = '/etc/passwd'",
    "SET dialect = 'kusto'",
    "SELECT 1 SETTINGS log_comment = 'x'",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_refuses(sql: str, barred: Outside) -> None:
    with pytest.raises(StoreError) as raised:
        check(scan(sql.encode(), complete=True), barred)
    assert raised.value.engine_code == 497


PASSED = [
    "SELECT 'file(1)' AS x, `url` FROM t WHERE log LIKE '%file(%' AND url IN ('a')",
    "SELECT count() FROM numbers(10)",
    "SELECT /* file('x') */ 1 -- url('x')",
    "SELECT file, engine FROM system.tables",
    "SELECT trim(BOTH 'x' FROM 'xax'), substring('abc' FROM 2)",
    "SELECT dictGet('d', 'a', 1), format('{}', 1), JSONExtract(a, 'x', 'String')",
    "SELECT * FROM merge('default', 't')",
    "INSERT INTO t VALUES (1)",
    "INSERT INTO t (file, url) SELECT line, 'x' FROM input('line String, url String') FORMAT CSV\nx",
    "CREATE TABLE IF NOT EXISTS t (engine String, INDEX i lower(log) TYPE text(tokenizer = 'asciiCJK'))"
    " ENGINE = MergeTree PARTITION BY toDate(time) ORDER BY time TTL time + INTERVAL 1 DAY",
    "CREATE TABLE t (a Int8) ENGINE = ReplicatedMergeTree('/x', 'y') ORDER BY a",
    "CREATE MATERIALIZED VIEW v ENGINE = AggregatingMergeTree ORDER BY a AS SELECT engine FROM t",
    "CREATE TEMPORARY TABLE x (a Int8)",
    "CREATE DATABASE IF NOT EXISTS bklog ENGINE = Atomic",
    "ALTER TABLE t MODIFY TTL time + INTERVAL 2 DAY",
    "DROP TABLE IF EXISTS t SYNC",
    "TRUNCATE TABLE t",
    "OPTIMIZE TABLE t FINAL",
    "KILL QUERY WHERE query_id = 'x'",
    "KILL MUTATION WHERE table = 't'",
    "SYSTEM DROP MARK CACHE",
    "SYSTEM DROP QUERY CONDITION CACHE",
    "SYSTEM STOP MERGES t",
    "SHOW CREATE TABLE t",
    "EXPLAIN PIPELINE SELECT 1",
    "SET max_threads = 1",
    "USE default",
    "(SELECT 1) UNION ALL (SELECT 2)",
]


@pytest.mark.parametrize("sql", PASSED)
def test_passes(sql: str, barred: Outside) -> None:
    check(scan(sql.encode(), complete=True), barred)


@pytest.mark.parametrize("name", ["format_schema", "ADDITIONAL_TABLE_FILTERS", "dialect"])
def test_refuses_a_setting_beside_the_statement(name: str) -> None:
    with pytest.raises(StoreError):
        check_settings([name])


ENGINE_CANNOT = [
    pytest.param("SELECT * FROM `/etc/passwd`", 404, id="a file as a table"),
    pytest.param("SELECT * FROM '/etc/passwd'", 404, id="a file as a string"),
    pytest.param("SELECT * FROM default.`/etc/passwd`", 404, id="a file in the database"),
    pytest.param("SELECT * FROM {t:Identifier}", 404, id="a file as a bound name"),
    pytest.param("SELECT {f:Identifier}('/etc/passwd')", 400, id="a bound function"),
    pytest.param("SELECT 1; SYSTEM SHUTDOWN", 400, id="two statements"),
]


@pytest.mark.parametrize(("sql", "status"), ENGINE_CANNOT)
def test_no_file_is_a_table_and_no_statement_hides_behind_another(store_server: StoreServer, sql: str, status: int) -> None:
    reply = store_server.send(sql, param_t="/etc/passwd", param_f="file")
    assert (reply.status, "root:" in reply.text) == (status, False)


def test_rows_of_values_call_no_file(store_server: StoreServer) -> None:
    store_server.run("CREATE TABLE IF NOT EXISTS guarded (a String) ENGINE = MergeTree ORDER BY a")
    small = store_server.send("INSERT INTO guarded VALUES (file('/etc/hostname'))")
    named = store_server.send("INSERT INTO guarded VALUES (`fil\\x65`('/etc/hostname'))")
    large = store_server.send("INSERT INTO guarded VALUES " + "('x')," * 60_000 + "(upper('y'))")
    assert [small.code, named.code, large.code] == [344, 344, 344]
    store_server.run("INSERT INTO guarded VALUES (upper('y')), ('file(1) is only text')")
    assert store_server.run("SELECT a FROM guarded ORDER BY a") == "Y\nfile(1) is only text\n"


def test_a_refusal_says_what_and_is_403(store_server: StoreServer) -> None:
    reply = store_server.send("SELECT * FROM url('http://127.0.0.1/')")
    assert (reply.status, reply.code) == (403, 497)
    assert reply.text.startswith("Code: 497. DB::Exception: the function url()")
    assert "(ACCESS_DENIED)" in reply.text
