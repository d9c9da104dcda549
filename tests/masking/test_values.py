"""Values of every make are hidden wherever a line repeats them; what a condition compares is what is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from bklog.query import Masking
from bklog.query.masking import MAX_DEPTH, MAX_RULES
from bklog.query.sql import render_masked_lines
from tests.engine import ENGINE
from tests.masking.reader import Reader
from tests.search.test_query_language_page import bound

PHONE = "13812345678"


def rules(*fields: str) -> Masking:
    return Masking.from_list([{"field": name, "operator": "shield", "mark": "§"} for name in fields])


def shown(line: str, masking: Masking) -> tuple[str, str]:
    (row,) = ENGINE.rows(*bound(render_masked_lines([line], masking)))
    return row["line"], row["fields_json"]


@pytest.mark.parametrize(
    "value", ["A+", "1-2", "a.b", "#!", "[x]", "ab\\", ".5", "+1", 'a"', "x\n", "$1", "\\1", "é", "男", "Bob", "7"]
)
def test_a_short_value_is_hidden_whatever_it_is_made_of(value: str) -> None:
    document = {"blood": value, "text": f"first {value} last", "deep": [{"again": value}]}
    for line in (json.dumps(document), json.dumps(document, ensure_ascii=False, separators=(" , ", " : "))):
        log, fields = shown(line, rules("blood"))
        for found in (log, fields):
            assert json.loads(found) == {"blood": "§", "text": "first § last", "deep": [{"again": "§"}]}, (line, found)


def test_a_short_value_is_hidden_behind_a_backslash_that_escapes_nothing() -> None:
    log, fields = shown(json.dumps({"user": "Sue", "text": "DOMAIN\\Sue went\nSue came"}), rules("user"))
    for found in (log, fields):
        assert json.loads(found) == {"user": "§", "text": "DOMAIN\\§ went\n§ came"}


@pytest.mark.parametrize(
    ("field", "document"),
    [
        ("a.b.c", {"a": [[{"b": {"c": PHONE}}]]}),
        ("a.b.c", {"a": [{"b": [[[{"c": PHONE}]]]}, 5]}),
        ("a.b.c.d", {"a": [[[{"b": [{"c": [{"d": [PHONE]}]}]}]]]}),
        ("a.b.c", {"a.b": {"c": PHONE}}),
        ("a.b.c", {"a": [{"b.c": PHONE}]}),
        ("a.b.c.d", {"a": {"b.c": {"d": {"e": PHONE}}}}),
        ("用户.电话", {"用户": {"电话": PHONE}}),
        ('q"u.b\\s', {'q"u': {"b\\s": PHONE}}),
        ("1.2", {"1": {"2": PHONE}}),
        ("12", {"12": PHONE, "1": {"2": "kept"}}),
    ],
)
@pytest.mark.parametrize("behind", ["", " "])
def test_a_value_is_found_however_its_names_are_written(field: str, document: dict[str, Any], behind: str) -> None:
    """A line that begins with a blank has no `fields` here: as in a table whose clean rule reads no JSON."""
    for other in ((), ("x.y", "z")):
        for found in shown(behind + json.dumps({**document, "text": f"call {PHONE}"}), rules(field, *other)):
            assert PHONE not in found
        assert "call §" in found or behind


@pytest.mark.parametrize(
    "value", ["nul\0within", "tab\tand\nline", "\u2028", "😀😀", 'Q"x\\y/z', "a\\u0041b", "${x}\\2", "</b>"]
)
def test_a_value_with_characters_that_json_escapes_is_hidden_in_all_spellings(value: str) -> None:
    document = {"k": value, "text": f"x {value} y", "inner": json.dumps({"k": value})}
    for line in (json.dumps(document), json.dumps(document, ensure_ascii=False)):
        log, fields = shown(line, rules("k"))
        read = json.loads(fields)
        assert (read["k"], read["text"]) == ("§", "x § y")
        assert log.startswith('{"k": "§", "text": "x § y", ')
        assert value not in read["inner"]
        assert json.dumps(value)[1:-1] not in read["inner"]


def test_a_number_that_fields_repeat_is_hidden_in_every_spelling() -> None:
    line = '{"pin": 739, "same": 739, "more": [739.0, 7390, -739], "text": "739 7.39e2 1739"}'
    log, fields = shown(line, rules("pin"))
    assert json.loads(fields) == {"pin": "§", "same": "§", "more": ["§", 7390, -739], "text": "§ § 1739"}
    assert log == '{"pin": §, "same": §, "more": [§, 7390, -739], "text": "§ § 1739"}'


def test_as_many_rules_of_as_long_names_as_there_may_be() -> None:
    names = [".".join(f"n{place}x{depth}" for depth in range(MAX_DEPTH)) for place in range(MAX_RULES)]
    document: Any = PHONE
    for key in reversed(names[-1].split(".")):
        document = [{key: document}]
    log, fields = shown(json.dumps(document[0]), rules(*names))
    assert PHONE not in log + fields
    assert "§" in log
    assert "§" in fields


SHOWN: list[tuple[str, Callable[[dict[str, Any]], bool]]] = [
    (r"/138\*\*\*78/", lambda row: "138***78" in row["log"]),
    ("NOT /某人/", lambda row: "某人" not in row["log"]),
    (r"host:web /\*\*\*/ NOT /某人/", lambda row: "***" in row["log"] and "某人" not in row["log"]),
    ("message:/.*某人.*/", lambda row: "某人" in row["fields"].get("message", "")),
    (
        r"message:/.*某人.*/ OR text:/.*\*\*\*.*/ OR /token=<hidden>/",
        lambda row: (
            "某人" in row["fields"].get("message", "")
            or "***" in row["fields"].get("text", "")
            or "token=<hidden>" in row["log"]
        ),
    ),
    ("NOT (text:/.*<pin>.*/ OR message:/.*now.*/)", lambda row: not (
        "<pin>" in row["fields"].get("text", "") or "now" in row["fields"].get("message", "")
    )),
]  # fmt: skip


@pytest.mark.parametrize(("query", "holds"), SHOWN, ids=[query for query, _ in SHOWN])
def test_a_condition_is_about_what_is_shown(reader: Reader, query: str, holds: Callable[[dict[str, Any]], bool]) -> None:
    def identities(rows: list[dict[str, Any]]) -> set[str]:
        return {json.dumps([row["time"], row["log"], row["fields"]], sort_keys=True) for row in rows}

    rows = reader.search("*", limit=1000).json()["rows"]
    wanted = [row for row in rows if holds(row)]
    assert 0 < len(wanted) < len(rows)
    found = reader.search(query, limit=1000)
    assert found.status_code == 200, found.content
    assert identities(found.json()["rows"]) == identities(wanted)
    assert len(found.json()["rows"]) == len(wanted) == reader.count(query)
