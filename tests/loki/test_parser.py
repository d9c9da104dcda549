"""LogQL prints as it was written, and what it is not is refused with line and column."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bklog.query.logql.parser import parse
from bklog.query.logql.scanner import LogqlSyntax
from bklog.query.logql.units import duration_text, nanoseconds_of
from tests.loki.test_same_answers import METRICS, PIPELINES, SELECTORS

PRINTED = [
    '{app="a", b=~"x.+"} |= "x" or "y" != "z" !~ "a.b"',
    '{app="a"} | json | status >= 500 and (a="b" or c > 5ms) | d < -1.5',
    '{app="a"} | json x="a.b[0]", y="y" | logfmt | regexp "(?P<x>a(b))(?:c)" | pattern "<_> \\"<m>\\" <n>"',
    '{app="a"} | line_format "{{.a}} {{__line__}}" | label_format x=y, z="{{.q}}!" | keep a, b="c" | drop d | decolorize',
    'sum by (level) (count_over_time({app="a"} |= "日志" [1h30m] offset 1d))',
    'topk(5, sum without (host, path) (rate({app="a"} [1m])))',
    'quantile_over_time(0.99, {app="a"} | unwrap duration(took) | __error__="" [5m]) by (x)',
    '((sum(rate({app="a"} [1m])) / sum(rate({app="a"} [5m]))) > bool 0.5)',
    "(vector(1) + vector(2))",
    "-3.5",
]
SAME = [
    ('{ app = "a" , }|="x"# a comment\n|~`b\\d`', '{app="a"} |= "x" |~ "b\\\\d"'),
    ('{app="a"} | a="1" b="2", c="3"', '{app="a"} | (a="1" and b="2") and c="3"'),
    ('sum(rate({app="a"}[1m])) by (x)', 'sum by (x) (rate({app="a"} [1m]))'),
    ('count_over_time(({app="a"} |= "x")[5m])', None),
    ('rate({app="a"}[90s] |= "x")', 'rate({app="a"} |= "x" [1m30s])'),
    ("1 + 2 * 3 ^ 2 ^ 0 - 4", "((1 + (2 * (3 ^ (2 ^ 0)))) - 4)"),
    ('{app="\\u65e5\\x41\\n\\ud83d\\ude00"}', '{app="日A\\n😀"}'),
    ('{app="a"} | x == 5', '{app="a"} | x = 5'),
    ('{app="a"} | json="x"', '{app="a"} | json="x"'),
]
REFUSED = [
    ("", 1, 1, "syntax error: unexpected $end"),
    ('{app="a"', 1, 9, "expecting , or }"),
    ("{app=a}", 1, 6, "syntax error: unexpected IDENTIFIER, expecting STRING"),
    ('{app="a}', 1, 6, "literal not terminated"),
    ('{app=~".*"}', 1, 1, "queries require at least one regexp or equality matcher"),
    ('{app=~"("}', 1, 7, "error parsing regexp"),
    ('{app="a"}\n  |= ip("10.0.0.1")', 2, 6, "ip() is not supported"),
    ('{app="a"} | unpack', 1, 13, "| unpack is not supported"),
    ('{app="a"} | logfmt --strict', 1, 20, "a flag of a parser is not supported"),
    ('{app="a"} | nothing', 1, 20, "syntax error: unexpected $end, expecting ="),
    ('{app="a"} | line_format "{{ .a | upper }}"', 1, 25, "in a template is not supported"),
    ('{app="a"} | line_format "{{.a"', 1, 31, "a template is not closed"),
    ('{app="a"} | pattern "<a><b>"', 1, 29, "found consecutive capture"),
    ('{app="a"} | regexp "(a)"', 1, 25, "at least one named capture must be supplied"),
    ('count_over_time({app="a"})', 1, 26, "expecting ["),
    ('sum({app="a"})', 1, 14, "expecting ["),
    ('sum_over_time({app="a"}[5m])', 1, 1, "invalid aggregation sum_over_time without unwrap"),
    ('count_over_time({app="a"} | unwrap x [5m])', 1, 1, "invalid aggregation count_over_time with unwrap"),
    ('rate({app="a"}[5m]) by (x)', 1, 1, "grouping not allowed for rate aggregation"),
    ('rate({app="a"}[5m]) or vector(0)', 1, 21, "the operator or is not supported"),
    ('rate({app="a"}[5m]) / on(x) rate({app="a"}[5m])', 1, 23, "unexpected IDENTIFIER"),
    ('absent_over_time({app="a"}[5m])', 1, 1, "absent_over_time() is not supported"),
    ('label_replace(rate({app="a"}[5m]), "a", "b", "c", "d")', 1, 1, "label_replace() is not supported"),
    ('topk(0, rate({app="a"}[5m]))', 1, 7, "invalid parameter topk(0,"),
    ('{app="a"} + 1', 1, 14, "a log query"),
    ('{app="a"} \\', 1, 11, "unexpected character"),
    ('rate({app="a"}[101y])', 1, 16, "at most 100 years"),
    ("1" + "+1" * 5000, 1, 402, "more than 200 conditions, operators and texts"),
    ('{app="a"} | x="y"' + ",x=1" * 5000, 1, 815, "more than 200 conditions, operators and texts"),
    ("(" * 100, 1, 41, "levels stand in each other"),
    ('{app="a"}' + ' |= "x"' * 60, 1, 361, "at most 50 stages"),
]


@pytest.mark.parametrize("text", PRINTED)
def test_a_query_prints_as_it_was_written(text: str) -> None:
    assert str(parse(text)) == text


@pytest.mark.parametrize(("text", "printed"), SAME)
def test_another_spelling_is_the_same_query(text: str, printed: str | None) -> None:
    if printed is None:
        with pytest.raises(LogqlSyntax):
            parse(text)
    else:
        assert str(parse(text)) == printed


@pytest.mark.parametrize("text", [*PRINTED, *SELECTORS, *METRICS, *(f'{{app="a"}} {pipeline}' for pipeline in PIPELINES)])
def test_what_is_printed_reads_as_the_same_query(text: str) -> None:
    tree = parse(text)
    assert parse(str(tree)) == tree


@pytest.mark.parametrize(("text", "line", "column", "said"), REFUSED)
def test_a_refusal_says_where(text: str, line: int, column: int, said: str) -> None:
    with pytest.raises(LogqlSyntax) as refused:
        parse(text)
    assert refused.value.message.startswith(f"parse error at line {line}, col {column}: ")
    assert said in refused.value.message


def test_a_query_has_a_length() -> None:
    with pytest.raises(LogqlSyntax, match="max query size"):
        parse('{a="' + "x" * 200_000 + '"}')


PARTS = ["{", "}", "[", "]", "(", ")", "|", "|=", "!=", "=~", "=", ",", "5m", "10KB", "5", '"x"', "`y`", "app", "json", "sum"]
PARTS += [
    "by",
    "rate",
    "count_over_time",
    "unwrap",
    "and",
    "or",
    "line_format",
    "label_format",
    "offset",
    "+",
    "-",
    "^",
    '{a="b"}',
]
PARTS += [
    "quantile_over_time",
    "pattern",
    "regexp",
    '"<a> <b>"',
    "`(?P<a>x)`",
    "vector",
    "bool",
    ">",
    ".",
    "日",
    "#",
    "\n",
    '"',
]


@given(some.lists(some.sampled_from(PARTS), max_size=25).map(" ".join) | some.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(LogqlSyntax):
        tree = parse(text)
        assert parse(str(tree)) == tree


@given(some.integers(0, 10**18))
def test_a_duration_reads_as_it_prints(nanoseconds: int) -> None:
    assert nanoseconds_of(duration_text(nanoseconds)) == nanoseconds
