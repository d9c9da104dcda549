from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings

from bklog.errors import QuerySyntax
from bklog.query import UNMASKED, parse, plan_count
from bklog.query.fields import TableFields, nearest
from bklog.query.parser import TOO_LARGE
from bklog.query.repair import read, repair_meaning
from bklog.records import TimeRange
from tests.query.texts import SOUP

DAY = TimeRange(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "expected", "repair"),
    [
        ('"connection reset', 'a closing "', '"connection reset"'),
        ("/var/log/app.log", "a space", '"/var/log/app.log"'),
        ("path:/var/log", "a space", 'path:"/var/log"'),
        ("(a OR b", "a closing )", "(a OR b)"),
        ("(a OR (b c", "a closing )", "(a OR (b c))"),
        ("a OR b)", "the end, or a term", "a OR b"),
        ("a AND", "a term", "a"),
        ("a OR OR b", "a term", "a OR  b"),
        ("OR a", "a term", " a"),
        ("a - b", "a term", 'a "-" b'),
        ("a OR +b", "a term", "a OR b"),
        ("a ()", "a term", "a "),
        ("init() ok", "a space, or the end of the word", '"init()" ok'),
        ('level="error"', "a space, or the end of the word", 'level:"error"'),
        ('a"b c"', "a space, or the end of the word", '"a\\"b" "c\\""'),
        ('"a"b', "a space", '"a" b'),
        ('"user name":x', "a space", r"user\ name:x"),
        ("[error]", "a field's name", '"[error]"'),
        ("x:", "a value", "x:*"),
        ("x:OR y", "a value", "x:* OR y"),
        ("us*r:x", "a field's name", '"us*r:x"'),
        ("x:[1 to 5]", "TO", "x:[1 TO 5]"),
        ("x:[1 5]", "TO", "x:[1  TO 5]"),
        ("x:[1 TO 5", "] or }", "x:[1 TO 5]"),
        ("x:[1 TO ]", "a value, or *", "x:[1 TO * ]"),
        ("x:>", "a value", "x:*"),
        ("x:[1 TO 5*]", "a value, or *", 'x:[1 TO "5*"]'),
        ("roam~", "a space, or the end of the word", "roam"),
        ("roam~0.8 b", "a space, or the end of the word", "roam b"),
        ('"a b"~', "0 to 100", '"a b"~1'),
        ('"a b"~500', "0 to 100", '"a b"~100'),
        ("a^x", "a space, or the end of the word", '"a^x"'),
        ("a\\", "a character", "a\\\\"),
        ('("a b', 'a closing "', '("a b")'),
    ],
)
def test_what_cannot_be_read_says_what_was_expected_and_what_is_perhaps_meant(text: str, expected: str, repair: str) -> None:
    with pytest.raises(QuerySyntax) as caught:
        read(text)
    assert caught.value.expected == expected
    assert caught.value.repair == repair
    parse(repair)
    assert caught.value.as_dict()["error"]["repair"] == repair


@settings(max_examples=1500, deadline=None)
@given(SOUP)
def test_every_text_that_cannot_be_read_has_a_repair_that_can(text: str) -> None:
    error = _error(text)
    if error:
        assert error.expected
        assert error.stable_code == TOO_LARGE or error.repair
        parse(error.repair)


def _error(text: str) -> QuerySyntax | None:
    try:
        read(text)
    except QuerySyntax as error:
        return error
    return None


STORMS = {
    "100 kB": "a OR b " * 14_000,
    "a million terms": "a " * 1_000_000,
    "open brackets": "(" * 19_000,
    "closing brackets": ")" * 19_000,
    "empty brackets": "()" * 9_000,
    "required": "+a " * 6_000,
    "negations": "-" * 19_000,
    "operators": "OR " * 6_000,
    "wild marks": "*a" * 9_000,
    "single wild marks": "?" * 19_000,
    "open ranges": "x:[1 TO " * 2_000,
    "open quotes": 'x"' * 9_000,
    "fuzzy": "a~ " * 6_000,
    "group of a field": "x:(" + "a " * 9_000 + ")",
    "name of a field": "a" * 19_000 + ":x",
    "name of a field in a group": "a" * 19_000 + ":(" + "x " * 400 + ")",
    "half a character": "\ud800" * 1_000,
}


@pytest.mark.parametrize("text", STORMS.values(), ids=STORMS)
def test_a_storm_is_refused_at_once_with_its_reason(text: str) -> None:
    began = time.process_time()
    with pytest.raises(QuerySyntax) as caught:
        read(text)
    assert time.process_time() - began < 0.5
    assert caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("piece", ["a ", "+a ", "a^2 ", "x:(a b) ", '"a b"~2 ', "\\a", "日志 "])
def test_the_time_to_read_grows_with_the_length_alone(piece: str) -> None:
    """A text ten times as long takes about ten times as long; a hundred times would be its square."""

    def seconds(count: int) -> float:
        text = piece * count
        began = time.process_time()
        for _ in range(400 // count):
            parse(text)
        return time.process_time() - began

    for _ in range(3):
        short, long = seconds(20), seconds(200)
        if long < 4 * short:  # per repeated text: both read as many pieces in all
            return
    pytest.fail(f"20 pieces 20 times took {short:.4f} s, 200 pieces twice {long:.4f} s")


@pytest.mark.parametrize(
    ("text", "repair"),
    [
        ("stauts:200", "status:200"),
        ("a (stauts:>5 OR b)", "a (status:>5 OR b)"),
        ("_exists_:stauts", "_exists_:status"),
        ("10:15", '"10:15"'),
        ("ERROR:failed here", '"ERROR:failed" here'),
    ],
)
def test_a_field_that_no_row_has_is_perhaps_another_or_text(text: str, repair: str) -> None:
    tables = [TableFields("t", {"status": "int"})]
    query = parse(text)
    with pytest.raises(QuerySyntax) as caught:
        plan_count(query, tables=tables, time_range=DAY, masking=UNMASKED)
    assert repair_meaning(query, caught.value, lambda name: nearest(name, tables)) == repair
