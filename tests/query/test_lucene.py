"""Terms are joined as Lucene's own parser joins them; all else is the platform's language."""

from __future__ import annotations

import pytest

from bklog.errors import QuerySyntax
from bklog.query import parse
from bklog.query.lucene import parse_lucene


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("", "*"),
        ("*", "*"),
        ("a", "a"),
        ("a b", "a OR b"),
        ("a OR b", "a OR b"),
        ("a || b c", "a OR b OR c"),
        ("a AND b", "a b"),
        ("a && b", "a b"),
        ("a AND b c", "a b"),
        ("a OR b AND c", "b c"),
        ("a -b", "a NOT b"),
        ("a b NOT c", "(a OR b) NOT c"),
        ("+a b", "a"),
        ("+a +b -c", "a b NOT c"),
        ("-a", "NOT a"),
        ("NOT a AND NOT b", "NOT a NOT b"),
        ("a AND NOT b", "a NOT b"),
        ("(a b) AND c", "(a OR b) c"),
        ("level:(error OR warn) timeout", "level:error OR level:warn OR timeout"),
        ("level:(error warn) AND timeout", "(level:error OR level:warn) timeout"),
        ('"a b" status:>=500 x:/y/', '"a b" OR status:>=500 OR x:/y/'),
        ("a^2 b", "a OR b"),
    ],
)
def test_terms_side_by_side_are_joined_by_or(text: str, means: str) -> None:
    assert parse_lucene(text, all_must=False) == parse(means)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("a b", "a b"),
        ("a OR b", "a OR b"),
        ("a b OR c", "a"),
        ("a OR b c", "c"),
        ("a -b", "a NOT b"),
        ("+a OR b", "b OR a"),
        ("(a b) OR (c d)", "(a b) OR (c d)"),
    ],
)
def test_with_the_other_default_operator_by_and(text: str, means: str) -> None:
    assert str(parse_lucene(text, all_must=True)) in {str(parse(means)), str(parse(text.replace("+", "")))}


@pytest.mark.parametrize(
    "text", ["AND", "a AND", "a OR OR b", "(", "a)", "NOT", "-", "a AND )", "level:", "NOT NOT a", "x" * 20_001]
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(QuerySyntax) as refused:
        parse_lucene(text, all_must=False)
    assert refused.value.span.end <= len(text)


def test_nesting_has_an_end() -> None:
    with pytest.raises(QuerySyntax, match="nested"):
        parse_lucene("(" * 60 + "a" + ")" * 60, all_must=False)
