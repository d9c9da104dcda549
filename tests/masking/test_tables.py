"""What an index set hides, asked for by the pipe and by SQL."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.masking.reader import PROBED, Reader
from tests.masking.shapes import CARD, NAME, PHONE, found_in

PIPES = [
    "* | limit 1000",
    "* | stats count(), min(card), max(card) by user.phone, log",
    r"* | extract /(?<found>[0-9]{3,})/ from log | fields found, user.name, card",
]


def piped(reader: Reader, query: str, **asked: Any) -> Any:
    return reader.post("table/", {"query": query, "start": "now-1d", "limit": 1000, **asked})


def test_no_pipe_tells_a_secret(reader: Reader, trusted: Reader) -> None:
    raw = b""
    for query in PIPES:
        answer = piped(reader, query)
        assert answer.status_code == 200, (query, answer.content)
        assert found_in(answer.content) == [], query
        raw += piped(trusted, query, masking=False).content
    assert {PHONE, NAME, CARD} <= set(found_in(raw))


@pytest.mark.parametrize("secret", PROBED[:2])
def test_no_step_tells_whether_a_secret_is_there(reader: Reader, secret: str) -> None:
    """A condition of a step is about what is shown, as one of the query is."""
    text = json.dumps(secret, ensure_ascii=False)
    answer = piped(reader, f"* | where log contains {text} | stats count()")
    assert answer.status_code == 200, answer.content
    assert answer.json()["rows"] == [[0]]


STATEMENTS = [
    "SELECT *, toString(fields), fields.user.phone, fields.card, fields.user FROM logs",
    "WITH a AS (SELECT l.log, hex(l.log) FROM logs AS l) SELECT groupArray(log) FROM a",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_no_sql_tells_a_secret(reader: Reader, trusted: Reader, statement: str) -> None:
    asked = {"sql": statement, "start": "now-1d"}
    answer = reader.post("sql/", asked)
    assert answer.status_code == 200, answer.content
    assert answer.json()["rows"]
    assert found_in(answer.content) == []
    raw = trusted.post("sql/", {**asked, "masking": False})
    assert PHONE in found_in(raw.content)
    assert reader.post("sql/", {**asked, "masking": False}).json()["error"]["code"] == "permission_missing"
    assert reader.post("sql/", {**asked, "explain": True}).status_code == 200


def test_no_sql_tells_whether_a_secret_is_there(reader: Reader) -> None:
    found = (f"position({text}, '{secret}') > 0" for secret in PROBED[:2] for text in ("log", "toJSONString(fields)"))
    statement = f"SELECT count() FROM logs WHERE {' OR '.join(found)}"
    assert reader.post("sql/", {"sql": statement, "start": "now-1d"}).json()["rows"] == [[0]]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT toUInt64(log) FROM logs ORDER BY log",
        "SELECT count() FROM logs WHERE toUInt8(fields.card::String) > 1",
        "SELECT throwIf(position(log, '138') > 0, 'told') FROM logs WHERE CAST(log, 'JSON').x = 1",
        "SELECT toDateTime(fields.user.phone::String), JSONExtract(log, 'Array(UInt8)') FROM logs LIMIT 1 BY log",
    ],
)
def test_no_failure_of_sql_tells_a_secret(reader: Reader, statement: str) -> None:
    answer = reader.post("sql/", {"sql": statement, "start": "now-1d"})
    assert answer.json()["error"]["message"]
    assert found_in(answer.content) == []


@pytest.mark.parametrize(
    "statement", ["SELECT log FROM logs ORDER BY log", "SELECT log FROM logs ORDER BY log DESC LIMIT 1 BY log"]
)
def test_no_order_of_sql_is_that_of_what_is_hidden(reader: Reader, statement: str) -> None:
    rows = [row[0] for row in reader.post("sql/", {"sql": statement, "start": "now-1d"}).json()["rows"]]
    assert len(rows) > 20
    assert [one.encode() for one in rows] == sorted((one.encode() for one in rows), reverse="DESC" in statement)
