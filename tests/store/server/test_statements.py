"""The scanner finds the end of the SQL and the first byte of the rows, and reads SQL as the engine's own lexer does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bklog.errors import StoreError
from bklog.store.server.statements import Kind, NeedMore, lex, output, scan
from tests.engine import ENGINE

KINDS = [
    pytest.param(b"", Kind.EMPTY, id="nothing"),
    pytest.param(b" -- only a comment", Kind.EMPTY, id="a comment"),
    pytest.param(b"select 1", Kind.SELECT, id="lower case"),
    pytest.param(b"/* INSERT */ SELECT 1", Kind.SELECT, id="a word in a comment"),
    pytest.param(b"(SELECT 1) UNION ALL (SELECT 2)", Kind.SELECT, id="brackets first"),
    pytest.param(b"WITH x AS (SELECT 1) SELECT * FROM x", Kind.SELECT, id="CTE"),
    pytest.param(b"WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x", Kind.INSERT, id="CTE before INSERT"),
    pytest.param(b"WITH (SELECT 'INSERT') AS x SELECT x", Kind.SELECT, id="INSERT in a string"),
    pytest.param(b"FROM t SELECT a", Kind.SELECT, id="FROM first"),
    pytest.param(b"KILL QUERY WHERE 1", Kind.KILL, id="KILL"),
    pytest.param(b"SHOW TABLES", Kind.OTHER, id="SHOW"),
]


@pytest.mark.parametrize(("sql", "kind"), KINDS)
def test_names_the_kind(sql: bytes, kind: Kind) -> None:
    assert scan(sql, complete=True).kind is kind


# statement, format, text before FORMAT or VALUES, rows
ROWS = [
    pytest.param(b"INSERT INTO t FORMAT CSV\n1,2", "CSV", b"INSERT INTO t ", b"1,2", id="format"),
    pytest.param(b"INSERT INTO t FORMAT CSV 1,2", "CSV", b"INSERT INTO t ", b"1,2", id="rows after a blank"),
    pytest.param(b"INSERT INTO t FORMAT CSV\r\n1", "CSV", b"INSERT INTO t ", b"1", id="carriage return"),
    pytest.param(b"INSERT INTO t FORMAT CSV\n\n1", "CSV", b"INSERT INTO t ", b"\n1", id="only one line break is taken"),
    pytest.param(b"INSERT INTO t FORMAT Native\n\x01\x02'`", "Native", b"INSERT INTO t ", b"\x01\x02'`", id="binary rows"),
    pytest.param(b"insert into t values (1)", "Values", b"insert into t ", b" (1)", id="values"),
    pytest.param(b"INSERT INTO t FORMAT Values (1)", "Values", b"INSERT INTO t ", b"(1)", id="format values"),
    pytest.param(b"INSERT INTO t (a, b) VALUES(1)", "Values", b"INSERT INTO t (a, b) ", b"(1)", id="columns"),
    pytest.param(b"INSERT INTO TABLE d.t FORMAT TSV\n", "TSV", b"INSERT INTO TABLE d.t ", b"", id="database"),
    pytest.param(b"INSERT INTO `format` FORMAT TSV\nx", "TSV", b"INSERT INTO `format` ", b"x", id="a table named format"),
    pytest.param(b"INSERT INTO values VALUES (1)", "Values", b"INSERT INTO values ", b" (1)", id="a table named values"),
    pytest.param(
        b"INSERT INTO t (`format`, values) FORMAT TSV\nx", "TSV", b"INSERT INTO t (`format`, values) ", b"x", id="columns so"
    ),
    pytest.param(b"INSERT INTO {t:Identifier} FORMAT TSV\nx", "TSV", b"INSERT INTO {t:Identifier} ", b"x", id="bound table"),
    pytest.param(
        b"INSERT INTO t SETTINGS insert_deduplication_token='FORMAT CSV' FORMAT TSV\nx",
        "TSV",
        b"INSERT INTO t SETTINGS insert_deduplication_token='FORMAT CSV' ",
        b"x",
        id="FORMAT in a string",
    ),
    pytest.param(
        b"INSERT /* FORMAT A\n*/ INTO t -- VALUES\nFORMAT TSV\nx",
        "TSV",
        b"INSERT /* FORMAT A\n*/ INTO t -- VALUES\n",
        b"x",
        id="comments",
    ),
    pytest.param(
        b"INSERT INTO t SELECT line, 'FORMAT CSV' FROM (SELECT * FROM input('line String')) FORMAT LineAsString\na\nb",
        "LineAsString",
        b"INSERT INTO t SELECT line, 'FORMAT CSV' FROM (SELECT * FROM input('line String')) ",
        b"a\nb",
        id="input",
    ),
    pytest.param(
        b"INSERT INTO t (a) SELECT a FROM input('a String') WHERE a != '' SETTINGS max_threads = 1 FORMAT TSV\nx",
        "TSV",
        b"INSERT INTO t (a) SELECT a FROM input('a String') WHERE a != '' SETTINGS max_threads = 1 ",
        b"x",
        id="input with settings",
    ),
    pytest.param(
        b"INSERT INTO t (SELECT a FROM input('a String')) FORMAT TSV\nx",
        "TSV",
        b"INSERT INTO t (SELECT a FROM input('a String')) ",
        b"x",
        id="a subquery is no list of columns",
    ),
]


@pytest.mark.parametrize(("sql", "format_name", "before", "rows"), ROWS)
def test_finds_the_rows(sql: bytes, format_name: str, before: bytes, rows: bytes) -> None:
    data = scan(sql, complete=True).data
    assert data is not None
    assert (data.format, sql[: data.sql_end], sql[data.data_at :]) == (format_name, before, rows)


@pytest.mark.parametrize(("sql", "format_name", "before", "rows"), ROWS)
def test_finds_the_rows_also_while_they_arrive(sql: bytes, format_name: str, before: bytes, rows: bytes) -> None:
    """Whatever the cut, the answer is the same, or not there yet."""
    whole = scan(sql, complete=True).data
    for cut in range(len(sql)):
        try:
            found = scan(sql[:cut], complete=False)
        except NeedMore:
            continue
        assert found.data == whole


WITHOUT_ROWS = [
    pytest.param(b"INSERT INTO t SELECT 1", id="select"),
    pytest.param(b"INSERT INTO t SELECT input FROM u", id="a column named input"),
    pytest.param(b"INSERT INTO t SELECT 'FORMAT CSV\n1'", id="string"),
    pytest.param(b"INSERT INTO t WITH x AS (SELECT 1) SELECT * FROM x", id="CTE inside"),
    pytest.param(b"INSERT INTO t (SELECT 1)", id="brackets"),
    pytest.param(b"INSERT INTO t", id="nothing follows"),
]


@pytest.mark.parametrize("sql", WITHOUT_ROWS)
def test_an_insert_without_rows(sql: bytes) -> None:
    found = scan(sql, complete=True)
    assert (found.kind, found.data) == (Kind.INSERT, None)


@pytest.mark.parametrize(
    ("sql", "span"),
    [
        pytest.param(b"INSERT INTO t SELECT a FROM input('a String') FORMAT TSV\n", b"input('a String')", id="plain"),
        pytest.param(
            b"INSERT INTO t SELECT a FROM INPUT ( 'a Array(String)' ) FORMAT TSV\n", b"INPUT ( 'a Array(String)' )", id="spaced"
        ),
    ],
)
def test_finds_the_call_of_input(sql: bytes, span: bytes) -> None:
    data = scan(sql, complete=True).data
    assert data is not None
    assert data.call is not None
    assert sql[data.call.start : data.call.end] == span


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param(b"INSERT INTO t SELECT * FROM input('a String')", id="no format"),
        pytest.param(b"INSERT INTO t SELECT * FROM input() FORMAT CSV\n", id="no structure"),
        pytest.param(b"INSERT INTO t SELECT * FROM input('a String') x, input('b String') y FORMAT CSV\n", id="twice"),
        pytest.param(b"INSERT INTO t SELECT * FROM input(concat('a', ' String')) FORMAT CSV\n", id="an expression"),
    ],
)
def test_refuses_an_input_that_it_cannot_serve(sql: bytes) -> None:
    with pytest.raises(StoreError) as raised:
        scan(sql, complete=True)
    assert raised.value.engine_code == 477


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        pytest.param(b"SELECT 1", ("", b"SELECT 1", b""), id="none"),
        pytest.param(b"SELECT 1 ;", ("", b"SELECT 1", b""), id="semicolon"),
        pytest.param(b"SELECT 1 -- x", ("", b"SELECT 1", b""), id="comment at the end"),
        pytest.param(b"SELECT 1 FORMAT JSON", ("JSON", b"SELECT 1 ", b"FORMAT JSON"), id="format"),
        pytest.param(b"SELECT 1 FORMAT JSON;", ("JSON", b"SELECT 1 ", b"FORMAT JSON"), id="format and semicolon"),
        pytest.param(
            b"SELECT 1 FORMAT JSON SETTINGS a=1", ("JSON", b"SELECT 1 ", b"FORMAT JSON SETTINGS a=1"), id="settings after"
        ),
        pytest.param(b"SELECT format FROM t", ("", b"SELECT format FROM t", b""), id="a column named format"),
        pytest.param(b"SELECT 'FORMAT JSON'", ("", b"SELECT 'FORMAT JSON'", b""), id="string"),
    ],
)
def test_finds_where_the_output_is_named(sql: bytes, expected: tuple[str, bytes, bytes]) -> None:
    found = output(scan(sql, complete=True).tokens)
    assert (found.format, sql[: found.at], sql[found.at : found.end]) == expected


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param(b"SELECT 'a", id="open string"),
        pytest.param(b"SELECT `a", id="open name"),
        pytest.param(b"SELECT 1 /* a", id="open comment"),
        pytest.param(b"SELECT $$a$$", id="here document"),
        pytest.param("SELECT “a”".encode(), id="typographic quotes"),
        pytest.param(b"SELECT x'\\'", id="backslash in hexadecimal"),
        pytest.param(b"SELECT 1e--1", id="a comment that the engine reads as minus"),
        pytest.param(b"SELECT 1 // x", id="the other comment"),
        pytest.param(b"SELECT 1 # x", id="hash comment"),
    ],
)
def test_refuses_what_it_does_not_read_as_the_engine_does(sql: bytes) -> None:
    with pytest.raises(StoreError) as raised:
        scan(sql, complete=True)
    assert raised.value.engine_code == 62


QUOTES = ["'", "''", "\\'", "`", '"', "“", "”", "‘", "’", "x'", "b'", "$", "$$"]
COMMENTS = ["--", "/*", "*/", "//", "#", "# ", "\n"]
NUMBERS = ["1", "1.", "1e", "1e-", "0x1p", "e", "-", "+", "."]
OTHERS = ["\\", " ", "\u00a0", "file", "(", ")", "a", "::", "->", "?", "é", "{", "}", ";"]
PIECES = st.sampled_from(QUOTES + COMMENTS + NUMBERS + OTHERS)


@settings(max_examples=600, deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_agrees_with_the_lexer_of_the_engine(sql: str) -> None:
    """What this lexer accepts, it cuts at the same places, or the engine refuses it: nothing can hide from the guard."""
    try:
        ours = [(token.start, token.end) for token in lex(sql.encode()) if token.kind in KEPT or token.text in {b"(", b")"}]
    except StoreError:
        return
    escaped = sql.replace("\\", "\\\\").replace("\n", "\\n")
    tokens = ENGINE.rows("SELECT tokenizeQuery({q:String}) AS tokens", {"q": escaped})[0]["tokens"]
    if any(token["type"].startswith("Error") for token in tokens):
        return
    text = sql.encode()
    theirs = [(token["begin"], token["end"]) for token in tokens if _is_kept(token, text)]
    assert ours == theirs


KEPT = {"string", "hex", "quoted"}
ENGINE_KEPT = {"StringLiteral", "QuotedIdentifier", "HereDoc", "OpeningRoundBracket", "ClosingRoundBracket"}


def _is_kept(token: dict[str, Any], text: bytes) -> bool:
    in_quotes = b"'" in text[token["begin"] : token["end"]] and token["type"] != "Comment"
    return in_quotes or token["type"] in ENGINE_KEPT
