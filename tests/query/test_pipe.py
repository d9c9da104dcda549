"""Steps after `|`: what is read, what it prints as, and where and with which repair the rest is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bklog.errors import QuerySyntax
from bklog.query import parse
from bklog.query.parser import MAX_CHARACTERS
from bklog.query.pipe import grok
from bklog.query.pipe.conditions import MAX_AMONG, MAX_COMPARISONS
from bklog.query.pipe.groups import named_groups
from bklog.query.pipe.reader import MAX_STEPS, VERBS, parse_piped, read_piped
from bklog.query.pipe.steps import Piped, Stats, Top
from bklog.query.tree import Word
from tests.query.pipes import PIPED

SAME = [
    "* | stats count()",
    "error | stats count(), avg(latency) as mean, percentile(latency, 99.9) by bucket(5m), host",
    "* | histogram auto by level, host",
    '"a|b" level:error | top 5 host, path | sort -count, host | limit 3',
    "* | fields time, `odd \\` name`, `by`, user.name, 日志",
    "* | dedup host, path",
    '* | where (a = 1 and (b != "x" or not c in (1, "y")) and exists d and e =~ /x\\/y/) or g < h',
    '* | where f !~ /z/ and g contains "连接"',
    r"* | extract /user=(?<user>\w+)/ from message | extract grok " + '"%{IP:client} %{WORD}"',
]


@pytest.mark.parametrize("text", SAME)
def test_it_prints_as_it_was_written(text: str) -> None:
    assert str(parse_piped(text)) == text


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("| top host", "* | top 10 host"),
        ("a|b", "a|b"),
        ('"a"|limit 3', '"a" | limit 3'),
        ("(a b)| limit 3", "a b | limit 3"),
        ("a || b | LIMIT 3", "a OR b | limit 3"),
        ("* | stats p95(x), COUNT( y )", "* | stats percentile(x, 95), count(y)"),
        ("* | stats p95(x) | sort -p95( x ), count()", "* | stats percentile(x, 95) | sort -`percentile(x, 95)`, count"),
        ("* | where a == 1 AND b = 2 OR c > -1.50", "* | where (a = 1 and b = 2) or c > -1.5"),
    ],
)
def test_it_is_read_as(text: str, printed: str) -> None:
    assert str(parse_piped(text)) == printed
    assert parse_piped(printed) == parse_piped(text)


@given(PIPED)
def test_what_was_printed_reads_as_the_same(piped: object) -> None:
    assert parse_piped(str(piped)) == piped


@given(st.text(st.sampled_from("|abyz \"'`/()[],.=<>!~-+:*\\09{}%日\n"), max_size=40), st.sampled_from(sorted(VERBS)))
def test_no_text_is_read_in_another_way_than_it_prints(text: str, verb: str) -> None:
    for one in (text, f"x | {verb} {text}", f"x | where a {text} | limit 2", f"x | stats count({text}) by {text}"):
        piped = read_or_refusal(one)
        if isinstance(piped, QuerySyntax):
            assert 0 <= piped.span.start <= piped.span.end <= len(one)
            assert piped.hint
        else:
            assert parse_piped(str(piped)) == piped


def read_or_refusal(text: str) -> Piped | QuerySyntax:
    try:
        return parse_piped(text)
    except QuerySyntax as error:
        return error


@pytest.mark.parametrize(
    ("text", "place", "repair"),
    [
        ("a | statz count()", "statz", "a | stats count()"),
        ("a | ", "", "a "),
        ("a | stats cuont()", "cuont", "a | stats count()"),
        ("a | stats avg(x", "", "a | stats avg(x)"),
        ("a | where x:5", ":", "a | where x=5"),
        ("a | where x in (GET)", "G", 'a | where x in ("GET")'),
        ('a | fields "user name"', '"user name"', "a | fields `user name`"),
        ("a | sort by", "by", "a | sort `by`"),
        ("a | fields `x", "`x", "a | fields `x`"),
        ('a | extract grok "%{IPP:x}"', 'grok "%{IPP:x}"', 'a | extract grok "%{IP:x}"'),
        ("a | stats percentile(x, 101)", "1", ""),
        ("a | stats avg()", "avg()", ""),
        ("a | limit 0", "0", ""),
        ("a | limit 10001", "10001", ""),
        ("a | limit 3 4", "4", ""),
        ("a | extract /nothing/", "/nothing/", ""),
        ("a | extract /(?<a>x)(?<a>y)/", "/(?<a>x)(?<a>y)/", ""),
        ("a | histogram -5m", "-5m", ""),
    ],
)
def test_a_refusal_says_where_and_what_instead(text: str, place: str, repair: str) -> None:
    with pytest.raises(QuerySyntax) as refused:
        read_piped(text)
    error = refused.value
    assert text[error.span.start :].startswith(place[:1]), error.span
    assert error.expected
    assert error.repair == repair
    if repair:
        parse_piped(repair)


@pytest.mark.parametrize(
    "text",
    [
        "x" * (MAX_CHARACTERS + 1),
        "a" + " | limit 1" * (MAX_STEPS + 1),
        "a | where " + " and ".join(["x = 1"] * (MAX_COMPARISONS + 1)),
        "a | where x in (" + ", ".join(["1"] * (MAX_AMONG + 1)) + ")",
        "a | where " + "(" * 60 + "x = 1" + ")" * 60,
        "a | where " + "not " * 100 + "x = 1",
        "a | fields " + ", ".join(f"x{number}" for number in range(60)),
        "a | extract /" + "".join(f"(?<g{number}>x)" for number in range(40)) + "/",
        "a | extract /(?<x>" + "a" * 3_000 + ")/",
        "a | sort " + "x" * 300,
    ],
)
def test_what_is_too_large_is_refused(text: str) -> None:
    with pytest.raises(QuerySyntax) as refused:
        parse_piped(text)
    assert refused.value.stable_code == "query_too_large"


def test_where_rows_are_asked_for_a_pipe_is_refused_and_not_ignored() -> None:
    with pytest.raises(QuerySyntax) as refused:
        parse("error | limit 5")
    assert refused.value.stable_code == "pipe_not_here"
    assert (refused.value.span.start, refused.value.span.end) == (6, 15)


def test_a_word_that_begins_with_the_sign_is_escaped() -> None:
    assert str(Word("|x")) == "|x"
    assert str(parse(r"\|x \|")) == r"\|x \|"


def test_groups_without_a_name_are_no_columns() -> None:
    assert named_groups(r"(a)(?:b)(?<n>\()[(](?P<m>x)(?i)") == (r"(?:a)(?:b)(\()[(](x)(?i)", ("n", "m"))


def test_every_pattern_of_grok_reads() -> None:
    for name in grok.PATTERNS:
        assert named_groups(grok.expand(f"%{{{name}:x}}"))[1] == ("x",)
    assert isinstance(parse_piped("* | top 3 a").steps[0], Top)
    assert isinstance(parse_piped("* | stats count()").steps[0], Stats)
