"""A clean rule refuses what cannot be compiled, and says what is possible."""

from __future__ import annotations

from typing import Any

import pytest

from bklog.clean import CleanRule
from bklog.clean.pattern import groups_of
from bklog.errors import BadRequest
from tests.engine import ENGINE


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        pytest.param({"kind": "xml"}, "kind is 'xml'", id="kind"),
        pytest.param({"kind": "json", "types": {"a": "decimal"}}, "the type of a is 'decimal'", id="type"),
        pytest.param({"kind": "json", "types": {"a`b": "int"}}, "'a`b' is no field name", id="quote in a name"),
        pytest.param({"kind": "json", "time_field": "a'"}, '"a\'" is no field name', id="quote in the time field"),
        pytest.param({"kind": "json", "time_format": "%Y"}, "time_format is '%Y'", id="time format"),
        pytest.param({"kind": "text", "time_field": "ts"}, "a text rule reads no fields", id="text with time"),
        pytest.param({"kind": "json", "typs": {}}, "unknown key 'typs'", id="unknown key"),
        pytest.param({"kind": "json", "types": {"a": 1}}, "types is an object of strings", id="type is a number"),
        pytest.param({"kind": "json", "pattern": "(?P<a>.)"}, "a json rule has no pattern", id="pattern of another kind"),
        pytest.param({"kind": "regexp"}, "the pattern names no group", id="no pattern"),
        pytest.param(
            {"kind": "regexp", "pattern": r"\((?P<a.b>x)[(?P<c>](\d)(?:y)"}, "names no group", id="no group has a name"
        ),
        pytest.param({"kind": "regexp", "pattern": r"\Q(?P<a>.)"}, "names no group", id="quoted text"),
        pytest.param({"kind": "regexp", "pattern": "(?P<a>.)(?<a>.)"}, "two groups", id="a name twice"),
        pytest.param({"kind": "regexp", "pattern": "(?P<a>.)" + "x" * 2000}, "2008 characters", id="long pattern"),
        pytest.param({"kind": "regexp", "pattern": "(?P<a>.)", "time_field": "b"}, "no group of the pattern is", id="time"),
        pytest.param({"kind": 5}, "every other key is a string", id="kind is a number"),
        pytest.param({"kind": "json", "types": {f"f{n}": "int" for n in range(201)}}, "201 typed fields", id="too many"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_reason(raw: dict[str, Any], named: str) -> None:
    with pytest.raises(BadRequest, match="clean rule") as refused:
        CleanRule.from_dict(raw)
    assert named in refused.value.message
    assert refused.value.stable_code == "clean_rule"


@pytest.mark.parametrize(
    ("pattern", "groups"),
    [
        ("(?P<a>x)(?<b>y)", ["a", "b"]),
        ("(x)(?:y)(?i:z)(?P<a>(?P<b>.))", ["", "a", "b"]),
        (r"\((?P<a>[^]()\]]*)[[:alpha:](](?P<b>.)", ["a", "b"]),
    ],
)
def test_the_groups_of_a_pattern_are_counted_as_the_engine_counts_them(pattern: str, groups: list[str]) -> None:
    assert groups_of(pattern) == groups
    quoted = pattern.replace("\\", "\\\\")
    (row,) = ENGINE.rows(f"SELECT extractGroups('', '(?:{quoted})|') AS found")
    assert len(row["found"]) == len(groups)


@pytest.mark.parametrize(
    "rule",
    [
        CleanRule("text"),
        CleanRule("regexp", pattern="(?P<a>.)", time_field="a", level_field=""),
        CleanRule("logfmt", types={"n": "int"}),
        CleanRule("json"),
        CleanRule("json", types={"a.b": "int", "ok": "bool"}, time_field="ts", time_format="unix_seconds", level_field="lv"),
    ],
)
def test_a_rule_is_read_back_as_it_was_written(rule: CleanRule) -> None:
    assert CleanRule.from_dict(rule.as_dict()) == rule
