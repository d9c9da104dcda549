from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bklog.errors import BadRequest
from bklog.query import Query, parse
from bklog.query.conditions import OPERATORS, SAME, Condition, split, to_node
from bklog.query.tree import And, Node, Not, Or, Phrase, Range, Term, Word, all_of, leaves
from tests.query.trees import NODES

ONE_VALUE = (">", ">=", "<", "<=")


@pytest.mark.parametrize(
    ("operator", "values", "text"),
    [
        ("=", ["a"], 'f:"a"'),
        ("=", ["a", "b"], 'f:"a" OR f:"b"'),
        ("!=", ["a", "b"], 'NOT (f:"a" OR f:"b")'),
        ("is", ["a"], 'f:"a"'),
        ("is not", ["a"], 'NOT f:"a"'),
        ("is one of", ["a", "b"], 'f:"a" OR f:"b"'),
        ("is not one of", ["a", "b"], 'NOT (f:"a" OR f:"b")'),
        ("contains", ["a*b"], r"f:*a\*b*"),
        ("not contains", ["a", "b"], "NOT (f:*a* OR f:*b*)"),
        ("contains match phrase", ["a b"], 'f:"a b"'),
        ("not contains match phrase", ["a b"], 'NOT f:"a b"'),
        ("all contains match phrase", ["a", "b"], 'f:"a" f:"b"'),
        ("all not contains match phrase", ["a", "b"], 'NOT (f:"a" f:"b")'),
        ("=~", ["a*b?", "c"], 'f:a*b? OR f:"c"'),
        ("=~", [r"a\*b"], 'f:"a*b"'),
        ("=~", ["*"], "_exists_:f"),
        ("!=~", ["a*"], "NOT f:a*"),
        ("&=~", ["a*", "*b"], "f:a* f:*b"),
        ("&!=~", ["a*", "*b"], "NOT (f:a* f:*b)"),
        ("exists", [], "_exists_:f"),
        ("does not exists", [], "NOT _exists_:f"),
        (">", ["5"], "f:>5"),
        (">=", ["5"], "f:>=5"),
        ("<", ["5"], "f:<5"),
        ("<=", ["5"], "f:<=5"),
        ("gte", ["5"], "f:>=5"),
        ("is true", [], 'f:"true"'),
        ("is false", [], 'f:"false"'),
    ],
)
def test_a_condition_is_a_text_of_the_language(operator: str, values: list[str], text: str) -> None:
    node = to_node(Condition("f", operator, tuple(values)))
    assert str(Query(node)) == text
    assert parse(text).node == node


@pytest.mark.parametrize("name", ["*", "__query_string__", "query_string"])
def test_the_whole_line_has_a_name(name: str) -> None:
    assert to_node(Condition(name, "contains match phrase", ("a b",))) == parse('"a b"').node


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        (Condition("f", "~", ("a",)), "no operator"),
        (Condition("f", "=", ()), "no value"),
        (Condition("f", "exists", ("a",)), "no value"),
        (Condition("f", ">", ("1", "2")), "2 values"),
        (Condition("", "=", ("a",)), "field's name"),
        (Condition("f" * 300, "=", ("a",)), "field's name"),
        (Condition("*", ">", ("1",)), "no order"),
        (Condition("f", "=~", ("a*" * 60,)), "wild marks"),
        (Condition("f", "=", ("a",) * 501), "501 values"),
    ],
)
def test_a_condition_that_means_nothing_is_refused(condition: Condition, says: str) -> None:
    with pytest.raises(BadRequest, match=says) as caught:
        to_node(condition)
    assert caught.value.stable_code == "condition"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "conditions", "rest"),
    [
        ("", [], ""),
        ("refused", [("*", "=", "refused")], ""),
        ("level:error timeout", [("level", "=", "error"), ("*", "=", "timeout")], ""),
        ("status:(404 OR 502)", [("status", "=", "404", "502")], ""),
        ("NOT status:(404 OR 502)", [("status", "!=", "404", "502")], ""),
        ("status:[400 TO 499}", [("status", ">=", "400"), ("status", "<", "499")], ""),
        ("host:web-* path:*log*", [("host", "=~", "web-*"), ("path", "contains", "log")], ""),
        ("_exists_:a -_exists_:b", [("a", "exists"), ("b", "does not exists")], ""),
        ("NOT (a b)", [("*", "all not contains match phrase", "a", "b")], ""),
        ("level:error /a.*b/", [("level", "=", "error")], "/a.*b/"),
        ("a OR level:error", [], "a OR level:error"),
        ('x "a b"~2 (b OR c:d)', [("*", "=", "x")], '"a b"~2 (b OR c:d)'),
        ("NOT status:>5", [], "NOT status:>5"),
        ("a:(b OR >5)", [], "a:b OR a:>5"),
    ],
)
def test_a_text_is_conditions_and_a_rest(text: str, conditions: list[tuple[str, ...]], rest: str) -> None:
    found, left = split(parse(text))
    assert [(one.field, one.operator, *one.values) for one in found] == conditions
    assert left == rest


values = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8), min_size=1, max_size=4)


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    """As `split` writes them: the other spellings mean the same."""
    canonical = ["=", "!=", "contains", "not contains", "exists", "does not exists", *ONE_VALUE]
    operator = draw(st.sampled_from(canonical))
    count = 0 if "exists" in operator else 1 if operator in ONE_VALUE else 4
    field = draw(st.sampled_from(["status", "a b", "日志", "x.y"] + ([] if count in (0, 1) else ["*"])))
    return Condition(field, operator, tuple(draw(values)[:count]))


@settings(max_examples=100, deadline=None)
@given(conditions())
def test_a_condition_comes_back_from_its_text(condition: Condition) -> None:
    printed = str(Query(to_node(condition)))
    assert split(parse(printed)) == ((condition,), "")


@settings(max_examples=150, deadline=None)
@given(NODES)
def test_conditions_and_rest_together_say_what_the_text_said(node: Node) -> None:
    found, rest = split(Query(node))
    again = all_of([*(to_node(condition) for condition in found), *([parse(rest).node] if rest else [])] or [parse("").node])
    assert sorted(plain(again)) == sorted(plain(node))


def plain(node: Node) -> set[str]:
    """What must hold, one by one, with no difference between a word and a phrase and between the two ends of a range."""
    parts = node.nodes if isinstance(node, And) else (node,)
    return {said for part in parts for said in said_of(part)} - {"*"}


def said_of(node: Node) -> list[str]:
    match node:
        case Term(Range(low, high), field) if low and high:
            return [str(Term(Range(low, None), field)), str(Term(Range(None, high), field))]
    return [as_phrases(node)]


def as_phrases(node: Node) -> str:
    match node:
        case Not(inner):
            return f"NOT ({as_phrases(inner)})"
        case And(inner) | Or(inner):
            return type(node).__name__ + str([as_phrases(one) for one in inner])
        case Term(Word(text), field):
            return str(Term(Phrase(text), field))
    return str(node)


def test_every_operator_makes_a_tree_and_every_other_spelling_is_one() -> None:
    assert set(SAME.values()) <= set(OPERATORS)
    for operator, meaning in OPERATORS.items():
        node = to_node(Condition("f", operator, ("v",) if meaning.value else ()))
        assert [leaf for leaf, _ in leaves(node)]
        assert isinstance(node, Not) == meaning.negated


def test_wild_marks_side_by_side_are_one() -> None:
    assert to_node(Condition("f", "=~", ("a***b",))) == parse("f:a*b").node
