"""Which questions an index answers whole: those go before others in the engine."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bklog.query import UNMASKED, Masking, TableFields, parse, plan_count
from bklog.query.indexed import is_indexed
from bklog.records import TimeRange

RANGE = TimeRange(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
TABLE = TableFields("`t`", {"status": "int"}, frozenset())


def indexed(query: str, masking: Masking = UNMASKED) -> bool:
    return is_indexed(plan_count(parse(query), tables=[TABLE], time_range=RANGE, masking=masking))


WORDS = ["*", "error", '"connection reset"', "error timeout", "error OR timeout", "authent*", "error AND auth*"]
SCANS = ["/er+or/", "status:404", "NOT error", "error AND status:404", "error OR /x/", "ab*", "host:web", "error OR 超时"]


@pytest.mark.parametrize("query", WORDS)
def test_words_are_answered_by_the_index(query: str) -> None:
    assert indexed(query)


@pytest.mark.parametrize("query", SCANS)
def test_all_else_may_be_a_scan(query: str) -> None:
    assert not indexed(query)


def test_what_a_masking_alters_is_compared_row_by_row() -> None:
    assert not indexed("error", Masking.from_list([{"field": "log", "operator": "shield"}]))
