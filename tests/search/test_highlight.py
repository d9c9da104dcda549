"""Where a row shows why it matches: words whatever their case, of wildcards the text typed, nothing of another word."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bklog.query import UNMASKED, TableFields, parse, plan_page
from bklog.records import TimeRange
from bklog.search.highlight import MAX_OFFSETS, compile_highlight, find_offsets

RANGE = TimeRange(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
TABLE = TableFields("t", {"status": "int"})


def places(query: str, line: str, *engine_places: tuple[list[int], list[int]]) -> list[tuple[int, int]]:
    plan = plan_page(parse(query), tables=[TABLE], time_range=RANGE, limit=10, cursor=None, fields=None, masking=UNMASKED)
    return find_offsets(line, compile_highlight(plan), engine_places)


def shown(query: str, line: str) -> list[str]:
    return [line[start:end] for start, end in places(query, line)]


@pytest.mark.parametrize(
    ("query", "line", "pieces"),
    [
        ("auth", "auth xauth auth1 AUTH-x 支auth auth", ["auth", "AUTH", "auth"]),
        ("auth*", "auth xauth author AUTH-x 支auth 9authx", ["auth", "auth", "AUTH"]),
        ("a*", "aab ba a", ["a", "a"]),
        ("a?c", "abc xabc ac a支c abcd", ["abc", "a支c"]),
        ("*fail", "fail unfail failed FAIL", ["fail", "fail", "FAIL"]),
        ("?ail", "fail ail FAIL xfail", ["fail", "FAIL"]),
        ("支付*", "支付超时 大支付 支付", ["支付", "支付", "支付"]),
        ("failure authentication", "authentication failure; FAILURES failure", ["authentication", "failure", "failure"]),
        ('"reset by peer"', "reset by, peer preset by peer", ["reset by, peer"]),
        ("log:error NOT status:1 NOT other", "error other status 1", ["error"]),
    ],
)
def test_what_a_query_wants_is_shown_where_it_stands(query: str, line: str, pieces: list[str]) -> None:
    assert shown(query, line) == pieces


def test_of_a_line_of_nothing_else_a_bounded_number_is_shown() -> None:
    assert len(shown("a", "a " * (MAX_OFFSETS + 5))) == MAX_OFFSETS


def test_places_of_the_engine_join_with_those_of_words_in_order() -> None:
    assert places("error", "port 22 error errors", ([5, 13], [2]), ([8, 6], [6])) == [(5, 7), (8, 14)]
