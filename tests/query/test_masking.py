"""Rules of masking as values: what is read prints as it was written, and what cannot be is refused with the reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bklog.errors import BadRequest, Forbidden
from bklog.query import Masking, TableFields, parse, plan_count
from bklog.query.fields import LOG, Kind, Target
from bklog.query.masking import MAX_RULES, UNMASKED
from bklog.query.plan import AllOf, Always, AnyOf, HasWords, Matches, Negation, certain_part
from bklog.records import TimeRange

GOOD: list[dict[str, Any]] = [
    {"field": "user.phone", "operator": "shield", "head": 3, "tail": 4, "mark": "…"},
    {"field": "用户.电话", "operator": "replace", "text": "电话"},
    {"field": "fields.host", "operator": "replace", "text": ""},
    {"field": "host", "pattern": "[0-9]+", "operator": "shield", "head": 0, "tail": 0, "mark": "***"},
    {"pattern": "(?i)token=(\\w+)", "operator": "replace", "text": "token=\\1"},
]
BAD = [
    ({}, "operator is None"),
    ("text", "a rule is 'text'"),
    ({"operator": "shield"}, "neither field nor pattern"),
    ({"operator": "encrypt", "field": "a"}, "operator is 'encrypt'"),
    ({"operator": "shield", "field": "a", "text": "x"}, "a rule has 'text'"),
    ({"operator": "shield", "field": "a", "head": -1}, "head is -1"),
    ({"operator": "shield", "field": "a", "head": True}, "head is True"),
    ({"operator": "shield", "field": "a", "tail": 101}, "tail is 101"),
    ({"operator": "shield", "field": "a", "mark": ""}, "mark is ''"),
    ({"operator": "shield", "field": "user.*"}, "field is 'user.\\*'"),
    ({"operator": "shield", "field": "a..b"}, "field is 'a..b'"),
    ({"operator": "shield", "field": "time"}, "field is time"),
    ({"operator": "shield", "field": ".".join("abcdefghijk")}, "field is"),
    ({"operator": "shield", "field": 7}, "field is 7"),
    ({"operator": "shield", "pattern": "x" * 501}, "pattern is"),
    ({"operator": "shield", "pattern": "a\0b"}, "pattern is"),
    ({"operator": "replace", "field": "a", "text": "x" * 201}, "text is"),
    ({"operator": "replace", "field": "a", "text": "\ud800"}, "text is"),
]
DAY = TimeRange(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
TABLE = TableFields("t", {"user.age": "int"}, frozenset({"user.phone", "user", "users", "other"}))


def test_rules_print_as_they_were_written() -> None:
    assert Masking.from_list(GOOD).as_list() == GOOD
    assert Masking.from_list(Masking.from_list(GOOD).as_list()) == Masking.from_list(GOOD)


@pytest.mark.parametrize(("raw", "why"), BAD)
def test_what_is_no_rule_is_refused_with_the_reason(raw: object, why: str) -> None:
    with pytest.raises(BadRequest, match=why) as refused:
        Masking.from_list([raw])
    assert refused.value.stable_code == "masking"
    assert refused.value.hint


@pytest.mark.parametrize("names", [("user", "user.phone"), ("a.b.c", "a.b"), ("fields.user", "user.x")])
def test_rules_that_overlap_are_refused(names: tuple[str, str]) -> None:
    with pytest.raises(BadRequest, match="overlap"):
        Masking.from_list([{"field": name, "operator": "shield"} for name in names])
    Masking.from_list([{"field": name, "operator": "shield"} for name in (names[0], names[0], "users")])


def test_there_is_an_end_to_the_rules() -> None:
    with pytest.raises(BadRequest, match="51 rules"):
        Masking.from_list([{"pattern": "x", "operator": "shield"}] * (MAX_RULES + 1))


@pytest.mark.parametrize(
    ("query", "allowed"),
    [
        ("user.phone:1", False),
        ("NOT user.phone:1", False),
        ("(a OR user.phone:/x/) other:1", False),
        ("user:x", False),
        ("_exists_:user.phone", True),
        ("users:x", True),
        ("other:user.phone", True),
        ("user.age:7", True),
        ("13812345678", True),
    ],
)
def test_a_condition_on_a_masked_field_makes_no_plan(query: str, *, allowed: bool) -> None:
    masking = Masking.from_list([{"field": "user.phone", "operator": "shield"}])
    plan_count(parse(query), tables=[TABLE], time_range=DAY, masking=UNMASKED)
    if allowed:
        plan_count(parse(query), tables=[TABLE], time_range=DAY, masking=masking)
        return
    with pytest.raises(Forbidden) as refused:
        plan_count(parse(query), tables=[TABLE], time_range=DAY, masking=masking)
    assert refused.value.stable_code == "field_masked"


def test_only_words_are_looked_up_before_masking() -> None:
    """An expression could match the shown line by one side and the stored line by the other."""
    word, expression = HasWords(LOG, ("a",)), Matches(LOG, "a|b")
    other = HasWords(Target("message", Kind.TEXT, inside=True), ("a",))
    for hidden in (expression, Negation(word), AnyOf((word, expression)), other, AnyOf((word, Negation(word)))):
        assert certain_part(hidden) == Always()
    assert certain_part(AllOf((word, expression))) == AllOf((AllOf((word,)),))
    assert certain_part(HasWords(LOG, ("a", "b"))) == AllOf((HasWords(LOG, ("a",)), HasWords(LOG, ("b",))))
