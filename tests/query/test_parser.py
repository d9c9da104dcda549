from __future__ import annotations

import pytest
from hypothesis import given, settings

from bklog.errors import QuerySyntax, Span
from bklog.query import Query, parse
from bklog.query.parser import MAX_CHARACTERS, MAX_DEPTH, MAX_TERMS
from bklog.query.tree import (
    And,
    Bound,
    Everything,
    Exists,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Range,
    Regex,
    Term,
    Wild,
    Wildcard,
    Word,
)
from tests.query.texts import SOUP
from tests.query.trees import NODES


def word(text: str, field: str | None = None) -> Term:
    return Term(Word(text), field)


A, B, C = word("a"), word("b"), word("c")
MANY, ONE = Wild.MANY, Wild.ONE


@pytest.mark.parametrize(
    ("text", "node"),
    [
        pytest.param("", Everything(), id="nothing is everything"),
        pytest.param(" \u3000\t ", Everything(), id="blank is everything, full-width too"),
        pytest.param("*", Everything(), id="star"),
        pytest.param("*:*", Everything(), id="star colon star"),
        pytest.param("a", A, id="word"),
        pytest.param("a b", And((A, B)), id="side by side is AND"),
        pytest.param("a AND b", And((A, B)), id="AND"),
        pytest.param("a && b", And((A, B)), id="&&"),
        pytest.param("a OR b", Or((A, B)), id="OR"),
        pytest.param("a || b", Or((A, B)), id="||"),
        pytest.param("a b OR c", Or((And((A, B)), C)), id="AND binds tighter"),
        pytest.param("a (b OR c)", And((A, Or((B, C)))), id="group"),
        pytest.param("(a b) c", And((A, B, C)), id="groups of the same kind are one"),
        pytest.param("NOT a", Not(A), id="NOT"),
        pytest.param("-a !b", And((Not(A), Not(B))), id="minus and exclamation mark"),
        pytest.param("NOT NOT a", Not(Not(A)), id="NOT NOT"),
        pytest.param("NOT a b", And((Not(A), B)), id="NOT takes one term"),
        pytest.param("+a b", And((A, B)), id="plus is what every term is"),
        pytest.param("a and b", And((A, word("and"), B)), id="lower-case and is a word"),
        pytest.param(r"\AND", word("AND"), id="an escaped operator is a word"),
        pytest.param('"AND"', Term(Phrase("AND")), id="a quoted operator is text"),
        pytest.param("ANDROID", word("ANDROID"), id="an operator is a whole word"),
        pytest.param('"a b"', Term(Phrase("a b")), id="phrase"),
        pytest.param(r'"a \"b\" C:\temp \\"', Term(Phrase('a "b" C:\\temp \\')), id="escapes in a phrase"),
        pytest.param("time*", Term(Wildcard(("time", MANY))), id="prefix"),
        pytest.param("*out", Term(Wildcard((MANY, "out"))), id="suffix"),
        pytest.param("f?o**", Term(Wildcard(("f", ONE, "o", MANY))), id="two stars are one"),
        pytest.param(r"a\*b", word("a*b"), id="an escaped star is a character"),
        pytest.param("/a\\/b.*/", Term(Regex("a/b.*")), id="regex"),
        pytest.param(r"/\d+\\/", Term(Regex(r"\d+\\")), id="regex keeps its backslashes"),
        pytest.param(r"/(a\)[)][])[:alpha:])])/", Term(Regex(r"(a\)[)][])[:alpha:])])")), id="brackets in a regex"),
        pytest.param("host:web-1", word("web-1", "host"), id="field"),
        pytest.param("status: 500", word("500", "status"), id="space after the colon"),
        pytest.param("a.b@c:x", word("x", "a.b@c"), id="dotted field"),
        pytest.param(r"a\ b:x", word("x", "a b"), id="a space in a field's name"),
        pytest.param("url:http://x/y", word("http://x/y", "url"), id="colon in a value"),
        pytest.param(r"10\:15", word("10:15"), id="escaped colon"),
        pytest.param("latency:-5", word("-5", "latency"), id="a value may begin with minus"),
        pytest.param('path:"/var/log"', Term(Phrase("/var/log"), "path"), id="field and phrase"),
        pytest.param("path:/var.*/", Term(Regex("var.*"), "path"), id="field and regex"),
        pytest.param("host:web*", Term(Wildcard(("web", MANY)), "host"), id="field and wildcard"),
        pytest.param("host:*", Exists("host"), id="any value"),
        pytest.param("_exists_:host", Exists("host"), id="exists"),
        pytest.param("x:[* TO *]", Exists("x"), id="a range open at both ends"),
        pytest.param("x:(a OR b)", Or((word("a", "x"), word("b", "x"))), id="group of a field"),
        pytest.param("x:(a -b)", And((word("a", "x"), Not(word("b", "x")))), id="NOT in the group of a field"),
        pytest.param("x:(a) b", And((word("a", "x"), B)), id="the field ends with its group"),
        pytest.param("x:[1 TO 5]", Term(Range(Bound("1", True), Bound("5", True)), "x"), id="range"),
        pytest.param("x:{1 TO 5]", Term(Range(Bound("1", False), Bound("5", True)), "x"), id="mixed brackets"),
        pytest.param("x:[1 TO 5}", Term(Range(Bound("1", True), Bound("5", False)), "x"), id="mixed brackets, other"),
        pytest.param("x:[1 TO *]", Term(Range(Bound("1", True), None), "x"), id="open end"),
        pytest.param("x:{* TO 5}", Term(Range(None, Bound("5", False)), "x"), id="open start"),
        pytest.param("x:>5", Term(Range(Bound("5", False), None), "x"), id=">"),
        pytest.param("x:>=-5", Term(Range(Bound("-5", True), None), "x"), id=">="),
        pytest.param("x:<5", Term(Range(None, Bound("5", False)), "x"), id="<"),
        pytest.param("x:<= 5", Term(Range(None, Bound("5", True)), "x"), id="<="),
        pytest.param('x:["a b" TO c]', Term(Range(Bound("a b", True), Bound("c", True)), "x"), id="quoted end"),
        pytest.param(
            "x:(>=1 <5)",
            And((Term(Range(Bound("1", True), None), "x"), Term(Range(None, Bound("5", False)), "x"))),
            id="comparisons in the group of a field",
        ),
        pytest.param("sshd[123] ok", And((word("sshd[123]"), word("ok"))), id="brackets inside a word"),
        pytest.param('"a b"~3', Term(Near("a b", 3)), id="words near each other"),
        pytest.param('x:"a b"~3^2', Term(Near("a b", 3), "x"), id="near, with a field and a weight"),
        pytest.param('"a b"~0', Term(Phrase("a b")), id="nothing between is a phrase"),
        pytest.param("a^2 b", And((A, B)), id="weight"),
        pytest.param("(a b)^0.5", And((A, B)), id="weight of a group"),
        pytest.param("x:[1 TO 5]^2", Term(Range(Bound("1", True), Bound("5", True)), "x"), id="weight of a range"),
        pytest.param("/a/^2", Term(Regex("a")), id="weight of a regex"),
        pytest.param(r"a\^2", word("a^2"), id="escaped weight"),
        pytest.param(r"\u65e5志", word("日志"), id="character by its number"),
        pytest.param("日志　超时", And((word("日志"), word("超时"))), id="full-width space"),
    ],
)
def test_text_reads_as_a_tree(text: str, node: Node) -> None:
    assert parse(text) == Query(node)
    assert parse(str(parse(text))) == Query(node)


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "timeout",
        "level:error timeout",
        "(a b) OR c",
        "a (b OR c)",
        "NOT a",
        "NOT (a b)",
        'path:"/var/log"',
        "x:[1 TO 5}",
        "x:>=5",
        "time*out f?o",
        r"/a\/b/",
        "_exists_:host",
        "latency:-5",
        "sshd[123]",
        r"\-a",
        r"\AND",
        "time:[2026-01-01Z TO 2026-01-02Z]",
    ],
)
def test_a_query_prints_as_it_was_written(text: str) -> None:
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "start", "end", "says"),
    [
        pytest.param('a "b', 2, 4, "never closed", id="open quote"),
        pytest.param("/var/log", 0, 5, "second /", id="a path is no regex"),
        pytest.param("x:/var/log/app", 2, 7, "second /", id="a path as a value"),
        pytest.param("/abc", 0, 4, "never closed", id="open regex"),
        pytest.param("//", 0, 2, "empty", id="empty regex"),
        pytest.param("/a)/", 0, 4, "never opened", id="closed bracket in a regex"),
        pytest.param(r"/(a\))[)])/", 0, 11, "never opened", id="closed bracket among others in a regex"),
        pytest.param("(a b", 0, 1, "never closed", id="open bracket"),
        pytest.param("a b)", 3, 4, "never opened", id="closed bracket"),
        pytest.param("a ()", 2, 4, "empty", id="empty brackets"),
        pytest.param("a OR", 4, 4, "term is expected", id="nothing after OR"),
        pytest.param("a OR OR b", 5, 7, "OR stands", id="OR OR"),
        pytest.param("AND a", 0, 3, "AND stands", id="AND first"),
        pytest.param("a NOT", 5, 5, "term is expected", id="nothing after NOT"),
        pytest.param("a - b", 2, 3, "nothing follows -", id="a dash alone"),
        pytest.param("+a OR b", 0, 1, "contradicts", id="plus before OR"),
        pytest.param("a OR +b", 5, 6, "contradicts", id="plus after OR"),
        pytest.param("roam~", 4, 5, "not supported", id="fuzzy"),
        pytest.param("roam~1", 4, 5, "not supported", id="fuzzy with a number"),
        pytest.param('"a b"~', 5, 6, "number of words", id="nearness without a number"),
        pytest.param('"a b"~101', 5, 9, "at most 100", id="too far to be near"),
        pytest.param('"a b"~x', 5, 6, "after a quoted text alone", id="nearness that is no number"),
        pytest.param("/a/~2", 3, 4, "after a quoted text alone", id="nearness of a regex"),
        pytest.param("a^", 1, 2, "a weight is", id="weight without a number"),
        pytest.param("a^2b", 1, 2, "a weight is", id="weight that is no number"),
        pytest.param("(a)^x", 3, 4, "a weight is", id="weight of a group that is no number"),
        pytest.param("^2", 0, 1, "a weight stands", id="weight of nothing"),
        pytest.param("(a)b", 3, 4, "without a space", id="word after a bracket"),
        pytest.param(r"\ud83d", 0, 6, "half a character", id="half a character by its number"),
        pytest.param("a\ud83d", 1, 2, "half of a character", id="half a character"),
        pytest.param("a" + "*b" * 51, 0, 103, "wild marks", id="wildcard storm"),
        pytest.param("a" * 257 + ":x", 0, 257, "name has at most", id="long name of a field"),
        pytest.param("init()", 4, 5, "bracket stands", id="brackets in a word"),
        pytest.param('a"b"', 1, 2, "quote stands", id="quote in a word"),
        pytest.param('"a"b', 3, 4, "without a space", id="word after a quote"),
        pytest.param('"a":b', 0, 3, "cannot name a field", id="quoted field"),
        pytest.param("[error]", 0, 1, "needs a field", id="range without a field"),
        pytest.param("x:", 0, 2, "value is expected", id="no value"),
        pytest.param("(x: )", 1, 3, "value is expected", id="no value before a bracket"),
        pytest.param("x:OR y", 0, 2, "value is expected", id="operator as a value"),
        pytest.param(":x", 0, 1, "name is expected", id="no field"),
        pytest.param("f*:x", 0, 2, "wildcards", id="wildcard in a field's name"),
        pytest.param("x:[1 5]", 2, 5, "TO is expected", id="no TO"),
        pytest.param("x:[1 TO 5", 2, 9, "never closed", id="open range"),
        pytest.param("x:[ TO 5]", 4, 6, "missing", id="no lower end"),
        pytest.param("x:[1 TO a*]", 8, 10, "wildcards", id="wildcard in a range"),
        pytest.param("x:>", 2, 3, "needs a value", id="no bound"),
        pytest.param("_exists_:(a b)", 9, 10, "bracket stands", id="exists takes one field"),
        pytest.param("_exists_:", 0, 9, "one field", id="exists of nothing"),
        pytest.param("a\\", 1, 2, "backslash", id="backslash at the end"),
        pytest.param("(" * (MAX_DEPTH + 1) + "a", MAX_DEPTH, MAX_DEPTH + 1, "nested", id="too deep"),
        pytest.param("NOT " * 1000 + "a", MAX_DEPTH * 4, MAX_DEPTH * 4 + 1, "nested", id="too many NOT"),
        pytest.param("a " * (MAX_TERMS + 1), 0, 2 * MAX_TERMS, "terms", id="too many terms"),
        pytest.param("a" * (MAX_CHARACTERS + 1), MAX_CHARACTERS, MAX_CHARACTERS + 1, "characters", id="too long"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, start: int, end: int, says: str) -> None:
    with pytest.raises(QuerySyntax) as caught:
        parse(text)
    assert (caught.value.span.start, caught.value.span.end) == (start, end)
    assert says in caught.value.message
    assert caught.value.hint


@settings(max_examples=500, deadline=None)
@given(NODES)
def test_every_tree_prints_as_text_that_reads_as_the_same_tree(node: Node) -> None:
    assert parse(str(Query(node))) == Query(node)


@settings(max_examples=1000, deadline=None)
@given(SOUP)
def test_any_text_is_read_or_refused_with_a_place_inside_it(text: str) -> None:
    span = _refused_at(text)
    assert span is None or 0 <= span.start <= span.end <= len(text)


def _refused_at(text: str) -> Span | None:
    try:
        query = parse(text)
    except QuerySyntax as error:
        return error.span
    printed = str(query)
    assert parse(printed) == query
    assert str(parse(printed)) == printed
    return None
