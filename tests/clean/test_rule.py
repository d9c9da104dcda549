"""A clean rule refuses what cannot be compiled, and says what is possible."""

from __future__ import annotations

from typing import Any

import pytest

from bklog.clean import CleanRule
from bklog.errors import BadRequest


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
    "rule",
    [
        CleanRule("text"),
        CleanRule("json"),
        CleanRule("json", types={"a.b": "int", "ok": "bool"}, time_field="ts", time_format="unix_seconds", level_field="lv"),
    ],
)
def test_a_rule_is_read_back_as_it_was_written(rule: CleanRule) -> None:
    assert CleanRule.from_dict(rule.as_dict()) == rule
