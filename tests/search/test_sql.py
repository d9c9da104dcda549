"""SQL on an index set: one SELECT over its rows is answered, everything else is refused with the reason and the place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bklog.errors import BadRequest, QuerySyntax
from bklog.query import Masking
from bklog.query.view.check import MAX_DEPTH, MAX_USES, check
from bklog.query.view.names import FUNCTIONS, OPERATORS
from bklog.query.view.tokens import MAX_CHARACTERS
from bklog.query.view.tree import check_parsed, check_resolved
from bklog.search.catalogue import FieldCatalogue
from bklog.search.question import Searched
from bklog.search.sql import sql
from bklog.store import LogTable
from tests.engine import ENGINE
from tests.search.engine_store import LIMITS, EngineStore

# A table of another index set is called as the view is; its rows must never be seen.
TABLES = [LogTable("sql_one", 3650, types={"status": "int"}), LogTable("sql_two", 3650, types={"status": "string"})]
FOREIGN = LogTable("logs", 3650)
SECRET = "foreign-secret"
RULES = Masking.from_list([{"pattern": "1[3-9][0-9]{9}", "operator": "shield", "head": 3, "tail": 2}])


def row(place: int, line: str, **fields: Any) -> dict[str, Any]:
    return {
        "time": f"2026-01-02 03:00:0{place}.000000000",
        "ingest_time": "2026-01-02 05:00:00",
        "batch": "00000000-0000-0000-0000-000000000001",
        "row": place,
        "host": f"h{place % 2}",
        "level": "info" if place < 3 else "error",
        "log": line,
        "fields": fields,
    }


@pytest.fixture(scope="module")
def store() -> Iterator[EngineStore]:
    store = EngineStore()
    for one in (*TABLES, FOREIGN):
        store.create_table(one)
    store.insert("sql_one", [row(place, f"line {place}", status=200 + place) for place in range(3)])
    store.insert("sql_two", [row(place, f"call 1381234567{place} 登录", status="x") for place in range(3, 6)])
    store.insert("logs", [row(9, SECRET)])
    yield store
    for one in (*TABLES, FOREIGN):
        store.drop_table(one)


@pytest.fixture(scope="module")
def searched(store: EngineStore) -> Searched:
    return Searched(TABLES, Masking(), store, FieldCatalogue(store, LIMITS), LIMITS)


def asked(searched: Searched, statement: str, **more: Any) -> dict[str, Any]:
    given = {"sql": statement, "start": "2026-01-02T00:00:00Z", "end": "2026-01-03T00:00:00Z", **more}
    return sql(given, now=datetime.now(UTC), searched=searched)


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("SELECT count() FROM logs", [[6]]),
        ("select count(*) as n from logs;", [[6]]),
        ("SELECT level, count() n FROM logs GROUP BY level ORDER BY level", [["error", 3], ["info", 3]]),
        ("SELECT fields.status FROM logs WHERE level = 'info' ORDER BY time", [[200], [201], [202]]),
        ("SELECT l.host FROM logs AS l WHERE l.log LIKE '%1%' AND l.level = 'info'", [["h1"]]),
        ("SELECT l.log FROM logs l ORDER BY l.time LIMIT 1", [["line 0"]]),
        ("SELECT logs.log FROM logs ORDER BY time LIMIT 1 OFFSET 1", [["line 1"]]),
        ("SELECT count() FROM (SELECT DISTINCT host FROM logs)", [[2]]),
        ("SELECT count() FROM ((SELECT host FROM logs))", [[6]]),
        ("WITH a AS (SELECT host FROM logs), b AS (SELECT count() AS n FROM a) SELECT n FROM b", [[6]]),
        ("SELECT count() FROM logs WHERE host IN (SELECT host FROM logs WHERE level = 'error')", [[6]]),
        ("SELECT count() FROM logs WHERE level IN ('info', 'x') AND (host, level) IN (('h1', 'info'))", [[1]]),
        ("SELECT count() FROM logs a JOIN logs b ON a.time = b.time", [[6]]),
        ("SELECT (SELECT max(time) FROM logs) = max(time) FROM logs", [[1]]),
        ("SELECT 'from b; -- /* */ x', `level` FROM logs ORDER BY time LIMIT 1", [["from b; -- /* */ x", "info"]]),
        ("SELECT count() FROM (SELECT host FROM logs UNION ALL SELECT 'x')", [[7]]),
        ("SELECT row_number() OVER (PARTITION BY level ORDER BY time) AS n FROM logs ORDER BY n DESC LIMIT 1", [[3]]),
        ("SELECT arrayMap(x -> x + 1, [1, 2]), CAST('5' AS Nullable(Int64)), '7'::Int64", [[[2, 3], 5, 7]]),
        ("SELECT quantile(0.5)(toInt64OrNull(toString(fields.status))) FROM logs", [[201]]),
        ("SELECT time FROM logs WHERE level = 'nothing'", []),
        ("SELECT count() FROM logs WHERE time > now() - INTERVAL 9 YEAR AND level BETWEEN 'a' AND 'f'", [[3]]),
        ("SELECT CASE WHEN level = 'info' THEN 1 ELSE 2 END AS c, count() FROM logs GROUP BY c ORDER BY c", [[1, 3], [2, 3]]),
    ],
)  # fmt: skip
def test_a_select_is_answered(searched: Searched, statement: str, rows: list[list[Any]]) -> None:
    assert asked(searched, statement)["rows"] == rows


def test_the_range_the_query_and_the_limit_are_parts_of_the_view(searched: Searched) -> None:
    assert asked(searched, "SELECT count() FROM logs", query="level:error")["rows"] == [[3]]
    assert asked(searched, "SELECT count() FROM logs", start="2026-01-02T03:00:04Z")["rows"] == [[2]]
    answer = asked(searched, "SELECT time, log FROM logs ORDER BY time DESC LIMIT 5", limit=2)
    assert [line for _, line in answer["rows"]] == ["call 13812345675 登录", "call 13812345674 登录"]
    assert answer["more"] is True
    assert [column["name"] for column in answer["columns"]] == ["time", "log"]
    assert answer["columns"][1]["type"] == "String"
    assert answer["statistics"]["complete"] is True
    for limit in (0, 10_001):
        with pytest.raises(BadRequest):
            asked(searched, "SELECT 1", limit=limit)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM logs",
        "SELECT log, fields.status FROM logs",
        "WITH a AS (SELECT * FROM logs) SELECT log FROM a",
        "SELECT substring(log, 1, 100), upper(log), hex(log), splitByChar(' ', log) FROM logs",
        "SELECT log FROM logs WHERE log LIKE '%13812345674%'",
        "SELECT * EXCEPT host FROM logs",
        "SELECT groupArray(log) FROM logs",
    ],
)
def test_only_what_is_shown_can_be_read(store: EngineStore, statement: str) -> None:
    masked = Searched(TABLES, RULES, store, FieldCatalogue(store, LIMITS), LIMITS)
    answer = asked(masked, statement)
    assert "1381234567" not in str(answer)
    assert b"1381234567".hex().upper() not in str(answer)
    if "LIKE" not in statement:
        assert any(shown in str(answer) for shown in ("138***7", "CALL 138***", "138***"))


def test_rows_of_another_table_are_not_reached_by_the_name_of_the_view(searched: Searched) -> None:
    for statement in ("SELECT * FROM logs", "WITH x AS (SELECT 1) SELECT * FROM logs", "SELECT * FROM (SELECT * FROM logs)"):
        assert SECRET not in str(asked(searched, statement))


PARTS = re.split(r"^== (.+)\n", (Path(__file__).parent / "sql_refused.txt").read_text(encoding="utf-8"), flags=re.MULTILINE)
REFUSED = {name: lines.splitlines() for name, lines in zip(PARTS[1::2], PARTS[2::2], strict=True)}


def refused(statement: str) -> QuerySyntax:
    with pytest.raises(QuerySyntax) as found:
        check(statement)
    error = found.value
    assert error.stable_code in ("sql_refused", "query_too_large"), statement
    assert 0 <= error.span.start <= error.span.end <= len(statement), statement
    assert error.message
    return error


@pytest.mark.parametrize("statement", REFUSED["statements"])
def test_every_other_statement_is_refused_at_its_first_word(statement: str) -> None:
    assert refused(statement).span.start == 0
    assert "SELECT" in refused(statement).hint


@pytest.mark.parametrize("statement", REFUSED["selects"])
def test_a_select_that_tries_to_leave_is_refused(statement: str) -> None:
    refused(statement)


@pytest.mark.parametrize("name", REFUSED["table functions"])
@pytest.mark.parametrize(
    "form", ["SELECT * FROM {}('x')", "SELECT * FROM logs JOIN {}('x') AS b ON 1", "SELECT 1 WHERE 1 IN ({}('x'))"]
)
def test_no_table_function_is_reached(name: str, form: str) -> None:
    assert name in refused(form.format(name)).message


@pytest.mark.parametrize("name", REFUSED["functions"])
def test_a_function_that_reads_more_than_its_arguments_is_refused(name: str) -> None:
    for written in (name, name.upper(), f"{name} "):
        error = refused(f"SELECT {written}('x') FROM logs")
        assert (error.span.start, name.lower() in error.message.lower()) == (7, True)


def test_all_functions_of_the_engine_that_are_not_listed_are_refused() -> None:
    """The engine has some 1,900: whatever is not known here does not pass, whoever adds it."""
    names = {str(one["name"]) for one in ENGINE.rows("SELECT name FROM system.functions")}
    out = {name for name in names if name.lower() not in FUNCTIONS and name.isidentifier()}
    assert len(out) > 1_000
    for name in out - {"in"}:
        refused(f"SELECT {name}(log) FROM logs")
    for name in out - {name for name in out if name.lower() in OPERATORS}:
        with pytest.raises(QuerySyntax):
            check_parsed([f"  FUNCTION id: 3, function_name: {name}, function_type: ordinary"], ("logs",), 10)


def test_every_listed_function_is_one_of_the_engine() -> None:
    endings = ("if", "distinct", "ornull", "ordefault", "ornullif", "distinctif")
    known = {str(one["name"]).lower() for one in ENGINE.rows("SELECT name FROM system.functions")}
    assert {name for name in FUNCTIONS if name not in known and not name.endswith(endings)} == set()


@pytest.mark.parametrize(
    "statement", ["SELECT file('x')", "SELECT * FROM file('x')", "SELECT * FROM system.tables", "SELECT * FROM logs, b"]
)
def test_the_engines_own_parser_is_asked_too(statement: str) -> None:
    """As if the look at the tokens had passed it."""
    lines = [one["explain"] for one in ENGINE.rows(f"EXPLAIN QUERY TREE run_passes = 0 {statement}")]
    with pytest.raises(QuerySyntax):
        check_parsed(lines, ("logs",), len(statement))


def test_the_engines_analysis_is_asked_last() -> None:
    with pytest.raises(QuerySyntax):
        check_resolved(["  TABLE id: 3, alias: __table1, table_name: bklog.other"], ["`bklog`.`mine`"])
    with pytest.raises(QuerySyntax):
        check_resolved(["  TABLE_FUNCTION id: 3, table_function_name: numbers"], ["`bklog`.`mine`"])
    check_resolved(["  TABLE id: 3, table_name: bklog.mine"], ["`bklog`.`mine`"])


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT " + "1," * MAX_CHARACTERS,
        "SELECT 1" + "+1" * 5_000,
        "SELECT " + "(" * (MAX_DEPTH + 1) + "1" + ")" * (MAX_DEPTH + 1),
        "SELECT 1" + " UNION ALL SELECT 1 FROM logs" * (MAX_USES + 1),
    ],
)
def test_what_is_too_large_is_refused(statement: str) -> None:
    assert refused(statement).stable_code == "query_too_large"


@pytest.mark.parametrize(
    ("statement", "repair"),
    [
        ("SELECT count() FROM logz", "SELECT count() FROM logs"),
        ("SELECT lenght(log) FROM logs", "SELECT length(log) FROM logs"),
        ("SELECT 1; SELECT 2", "SELECT 1"),
    ],
)
def test_a_refusal_proposes_what_would_pass(statement: str, repair: str) -> None:
    assert refused(statement).repair == repair


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT nope FROM logs",
        "SELECT log + 1 FROM logs",
        "SELECT sum(log) FROM logs",
        "SELECT level FROM logs GROUP BY host",
    ],
)
def test_what_the_engine_does_not_understand_is_the_callers_error(searched: Searched, statement: str) -> None:
    with pytest.raises(BadRequest) as found:
        asked(searched, statement)
    assert found.value.stable_code == "sql_error"
    assert "sql_one" not in found.value.message


WORDS = """SELECT FROM logs sql_one system.one JOIN ON IN ( ) , count() * WITH a AS UNION ALL WHERE 1 'x' = LIMIT GROUP ORDER BY
file('/etc/hostname') log USING [ ]""".split()  # noqa: SIM905 - words are read as they stand


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=16).map(lambda words: "SELECT " + " ".join(words)))
def test_no_text_breaks_or_reads_another_table(searched: Searched, store: EngineStore, statement: str) -> None:
    try:
        answer = asked(searched, statement)
    except BadRequest:
        return
    assert SECRET not in str(answer)


def test_explain_shows_the_statement(searched: Searched) -> None:
    json.dumps(asked(searched, "WITH a AS (SELECT 1) SELECT * FROM a", explain=True))
    explanation = asked(searched, "SELECT log FROM logs", explain=True)["explanation"]
    assert "readonly = 1" in explanation["statement"]["text"]
    assert "limit = 1001" in explanation["statement"]["text"]
    assert "TABLE id" in explanation["engine"]
