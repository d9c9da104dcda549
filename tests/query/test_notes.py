from __future__ import annotations

import pytest
from hypothesis import given, settings

from bklog.errors import QuerySyntax
from bklog.query import parse
from bklog.query.notes import proposed, suspicions
from tests.query.texts import SOUP


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("a and b", "a AND b"),
        ("a or b", "a OR b"),
        ("not b", "NOT b"),
        ("status>=400", "status:>=400"),
        ("x status >= 400 y", "x status:>=400 y"),
        ("level=error", "level:error"),
        ("level != error", "NOT level:error"),
        ("level：error", "level:error"),
        ("（a OR b）", "(a OR b)"),
        ("“连接 超时”", '"连接 超时"'),
        ("（连接", ""),
        ("'connection reset'", '"connection reset"'),
    ],
)
def test_a_habit_from_elsewhere_is_noted_with_what_is_perhaps_meant(text: str, meant: str) -> None:
    (note,) = suspicions(text, parse(text))
    assert text[note.span.start : note.span.end]
    assert proposed(text, note) == meant


@pytest.mark.parametrize(
    "text",
    ["a AND b", '"a and b"', "status:>=400", '"status >= 400"', "/a=b/", "x:(a OR and)", "android nothing", "a=>b", "连接超时"],
)
def test_what_means_what_it_says_is_not_noted(text: str) -> None:
    assert suspicions(text, parse(text)) == ()


def test_a_weight_is_noted_and_changes_nothing() -> None:
    query = parse("a^2 (b c)^0.5")
    assert query == parse("a b c")
    assert [(note.span.start, note.span.end) for note in query.notes] == [(1, 3), (9, 13)]
    assert "^2 is passed over" in query.notes[0].message


@settings(max_examples=500, deadline=None)
@given(SOUP)
def test_notes_point_into_the_text(text: str) -> None:
    try:
        query = parse(text)
    except QuerySyntax:
        return
    for note in (*query.notes, *suspicions(text, query)):
        assert 0 <= note.span.start < note.span.end <= len(text)
        assert proposed(text, note) != text
