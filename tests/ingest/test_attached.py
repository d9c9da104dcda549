"""Headers of attached fields, and the SQL that puts them into rows, run in the engine."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from clickhouse_connect.driver.binding import bind_query

from bklog.clean import CleanRule
from bklog.errors import BadRequest
from bklog.ingest.attached import attached
from bklog.store import Attached, LineBatch, LogTable, Source
from bklog.store.schema import Layout
from bklog.store.statements import store_lines
from tests.engine import ENGINE

TEXT = CleanRule("text")
JSON = CleanRule("json", types={"status": "int"})


def headers(fields: Any = None, first_line: str = "") -> dict[str, str]:
    given = {"x-bklog-fields": quote(fields if isinstance(fields, str) else json.dumps(fields))} if fields is not None else {}
    return {**given, **({"x-bklog-first-line": first_line} if first_line else {})}


def rows(body: bytes, rule: CleanRule, what: Attached) -> list[dict[str, Any]]:
    """What the statement would insert, as (row, fields)."""
    table = LogTable("t", 30, types=rule.types)
    batch = LineBatch(table, rule, Source(), UUID(int=1), datetime.now(UTC), body, (9,), 1000, keyed=True, attached=what)
    statement = store_lines(batch, Layout("db"))
    select = statement.text[statement.text.index("SELECT ") :].removesuffix(" FORMAT LineAsString")
    select = select.replace("input('raw String')", ENGINE.lines(body)).replace("line, CAST", "line, row AS n, CAST", 1)
    named = select.replace(", parse_error FROM", " AS attached_fields, parse_error FROM", 1)
    head, _, settings = named.partition(" SETTINGS ")
    tail = f" SETTINGS {settings}" if settings else ""
    sql = f"SELECT n, toJSONString(attached_fields) AS f FROM ({head}) ORDER BY n{tail}"
    text, bound = bind_query(sql, dict(statement.params))
    params = {name.removeprefix("param_"): value for name, value in bound.items()}
    return [json.loads(row["f"]) for row in ENGINE.rows(str(text), params)]


def test_constants_and_numbers_become_fields_of_text_lines() -> None:
    what = attached(headers({"task_id": "t'1\\", "meta": {"net": "5G"}}, "41"), keyed=True)
    assert rows(b"one\n\nthree", TEXT, what) == [
        {"task_id": "t'1\\", "meta": {"net": "5G"}, "line_number": number} for number in (41, 42, 43)
    ]


def test_numbers_alone_and_constants_alone() -> None:
    assert rows(b"a\nb\n", TEXT, attached(headers(first_line="1"), keyed=True)) == [{"line_number": 1}, {"line_number": 2}]
    assert rows(b"a\nb\n", TEXT, attached(headers({"k": "日志"}), keyed=False)) == [{"k": "日志"}] * 2


def test_json_lines_keep_their_own_fields_and_the_senders_win() -> None:
    body = b'{"status": 5, "x": {"y": [1, 2]}, "task_id": "own"}\nno json\n{"status": "five"}'
    found = rows(body, JSON, attached(headers({"task_id": "t"}, "7"), keyed=True))
    assert [row.pop("line_number") for row in found] == [7, 8, 9]
    assert [row.pop("task_id") for row in found] == ["t"] * 3
    assert found[0] == {"status": 5, "x": {"y": [1, 2]}}
    assert found[1].get("status") is None


@pytest.mark.parametrize(
    ("fields", "first_line", "keyed", "said"),
    [
        ("{", "", True, "no JSON"),
        ("[1]", "", True, "no object"),
        ("[" * 5000, "", True, "no JSON"),
        ({"a.b": 1}, "", True, "'a.b' is no name"),
        ({"a`b": 1}, "", True, "is no name"),
        ({"a": [1]}, "", True, "the value of 'a'"),
        ({"a": None}, "", True, "the value of 'a'"),
        ({"a": {"b": {"c": 1}}}, "", True, "the value of 'b'"),
        ({"a": 2**64}, "", True, "the value of 'a'"),
        ('{"a": 1e999}', "", True, "no JSON"),
        ('{"a": NaN}', "", True, "no JSON"),
        ('{"a": "\\ud800"}', "", True, "no JSON"),
        ({f"f{n}": n for n in range(51)}, "", True, "a large one"),
        ({"a": "x" * 8192}, "", True, "characters"),
        ({"line_number": 1}, "1", True, "counted"),
        (None, "0", True, "First-Line is '0'"),
        (None, "-1", True, "First-Line is '-1'"),
        (None, "1", False, "needs a key"),
    ],
)
def test_what_cannot_be_attached_is_refused(fields: Any, first_line: str, keyed: bool, said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        attached(headers(fields, first_line), keyed=keyed)
