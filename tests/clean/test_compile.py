"""Lines through a compiled rule, in the engine: what time, level, fields and parse error they get."""

from __future__ import annotations

import json
from typing import Any

import pytest
from clickhouse_connect.driver.binding import bind_query

from bklog.clean import CleanRule, compile_rule
from tests.engine import ENGINE

ARRIVAL = "2026-11-23 09:00:00.000001"
ARRIVED = "2026-11-23 09:00:00.000001000"
JSON = CleanRule("json", types={"status": "int", "ok": "bool", "cpu.load": "float", "name": "string"}, time_field="ts")


def clean(rule: CleanRule, *lines: bytes, arrival: str = "") -> list[dict[str, Any]]:
    cleaning = compile_rule(rule, rule.types)
    prepare = "".join(f", {expression} AS {alias}" for alias, expression in cleaning.prepare)
    columns = ", ".join(f"{expression} AS out_{name}" for name, expression in cleaning.columns.items())
    settings = ", ".join(f"{name} = {value}" for name, value in {"max_threads": 1, **cleaning.settings}.items())
    source = ENGINE.lines(b"".join(line + b"\n" for line in lines))
    sql = f"SELECT {columns} FROM (SELECT raw AS line{prepare} FROM {source}) SETTINGS {settings}"
    text, bound = bind_query(sql, {"ingest_time": arrival or ARRIVAL, **cleaning.params})
    rows = ENGINE.rows(str(text), {name.removeprefix("param_"): str(value) for name, value in bound.items()})
    return [{name.removeprefix("out_"): value for name, value in row.items()} for row in rows]


@pytest.mark.parametrize(
    ("line", "level"),
    [
        (b"17/06/09 20:10:40 INFO executor.Executor: Running task", "info"),
        (b"[Sun Dec 04 04:47:44 2005] [notice] workerEnv.init() ok", "info"),
        (b"2015-07-29 17:41:44,747 - WARN  [QuorumPeer] - Cannot open channel", "warn"),
        (b"WARNING: low", "warn"),
        (b"Jun 14 15:16:01 combo kernel: CRITICAL temperature", "fatal"),
        (b"informational errors warned", ""),
        (b"x" * 300 + b" error", ""),
        (b"", ""),
        (b"\xff\xfe error", "error"),
    ],
)
def test_text_takes_its_level_from_the_first_level_word(line: bytes, level: str) -> None:
    (row,) = clean(CleanRule("text"), line)
    assert row == {"time": ARRIVED, "level": level, "fields": {}, "parse_error": ""}


@pytest.mark.parametrize(
    ("value", "time"),
    [
        pytest.param('"2026-11-20T01:02:03.123456789Z"', "2026-11-20 01:02:03.123456789", id="ISO with nanoseconds"),
        pytest.param('"2026-11-20T09:02:03+08:00"', "2026-11-20 01:02:03.000000000", id="ISO with offset"),
        pytest.param('"2026-11-20 01:02:03,123"', "2026-11-20 01:02:03.123000000", id="comma before the milliseconds"),
        pytest.param("1767225600", "2026-01-01 00:00:00.000000000", id="epoch seconds"),
        pytest.param("1767225600.25", "2026-01-01 00:00:00.250000000", id="epoch seconds with fraction"),
        pytest.param("1767225600123", "2026-01-01 00:00:00.123000000", id="epoch milliseconds"),
        pytest.param('"1767225600123456"', "2026-01-01 00:00:00.123456000", id="epoch microseconds as text"),
        pytest.param('"1767225600123456789"', "2026-01-01 00:00:00.123456789", id="epoch nanoseconds as text"),
    ],
)
def test_json_takes_its_time_from_the_time_field(value: str, time: str) -> None:
    (row,) = clean(JSON, f'{{"ts": {value}}}'.encode())
    assert (row["time"], row["parse_error"]) == (time, "")


@pytest.mark.parametrize(
    ("line", "error"),
    [
        pytest.param(b"plain text", "not_json_object", id="no JSON"),
        pytest.param(b"[1, 2]", "not_json_object", id="an array"),
        pytest.param(b'"text"', "not_json_object", id="a string"),
        pytest.param(b'{"ts": "2026-11-20T01:02:03Z"', "not_json_object", id="cut short"),
        pytest.param(b"", "not_json_object", id="an empty line"),
        pytest.param(b"{}", "time_missing", id="no time"),
        pytest.param(b'{"ts": null}', "time_missing", id="null time"),
        pytest.param(b'{"ts": "yesterday"}', "time_unparsed", id="no time at all"),
        pytest.param(b'{"ts": 1e300}', "time_unparsed", id="a number beyond all time"),
        pytest.param(b'{"ts": -5}', "time_unparsed", id="negative"),
        pytest.param(b'{"ts": "2250-01-01T00:00:00Z"}', "time_in_future", id="future"),
    ],
)
def test_a_line_without_a_usable_time_gets_its_arrival_and_a_mark(line: bytes, error: str) -> None:
    (row,) = clean(JSON, line)
    assert (row["time"], row["parse_error"]) == (ARRIVED, error)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ('{"status": 200, "ok": true, "cpu": {"load": 0.5}, "name": "x"}', ""),
        ('{"status": "200"}', ""),
        ('{"status": null}', ""),
        ('{"status": "abc"}', "field_type"),
        ('{"ok": "perhaps"}', "field_type"),
        ('{"cpu": {"load": "high"}}', "field_type"),
        ('{"name": 5}', ""),
    ],
)
def test_a_field_of_another_type_marks_the_line_and_loses_nothing_else(value: str, error: str) -> None:
    line = json.loads(value) | {"ts": 1767225600, "other": "kept"}
    (row,) = clean(JSON, json.dumps(line).encode())
    assert row["parse_error"] == error
    assert row["fields"]["other"] == "kept"


def test_strings_that_look_like_dates_stay_as_they_were_sent() -> None:
    (row,) = clean(CleanRule("json"), b'{"day": "2026-11-20", "at": "2026-11-20T01:02:03Z"}')
    assert row["fields"] == {"day": "2026-11-20", "at": "2026-11-20T01:02:03Z"}


def test_level_comes_from_the_level_field_in_canonical_form() -> None:
    rows = clean(CleanRule("json", level_field="lv"), b'{"lv": "WARNING"}', b'{"lv": "Custom"}', b'{"lv": 3}', b"{}")
    assert [row["level"] for row in rows] == ["warn", "custom", "3", ""]


@pytest.mark.parametrize(
    "line",
    [
        b'{"a": 1, "a": 2}',
        b'{"a": 1, "a.b": 2}',
        b'{"a": {"b": 1}, "a.b": 2}',
        b'{"u": "\\ud800"}',
        b'{"big": 123456789012345678901234567890}',
        b'{"deep": ' + b'{"d": ' * 200 + b"1" + b"}" * 200 + b"}",
        b'{"": 1, " ": 2, "a b": 3, "x`y": 4}',
        b'{"list": [1, "two", {"three": 3}, null]}',
        '{"中文": "连接超时"}'.encode(),
    ],
)
def test_strange_json_never_stops_the_lines_around_it(line: bytes) -> None:
    rows = clean(CleanRule("json", level_field=""), b'{"before": 1}', line, b'{"after": 1}')
    assert len(rows) == 3
    assert (rows[0]["fields"], rows[2]["fields"]) == ({"before": 1}, {"after": 1})
