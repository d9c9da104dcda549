"""Which questions an index answers whole: those go before others in the engine. And which pages it finds with one thread."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bklog.query import UNMASKED, Masking, TableFields, parse, plan_count, plan_page, render
from bklog.query.indexed import is_indexed
from bklog.records import TimeRange

RANGE = TimeRange(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
TABLE = TableFields("`t`", {"status": "int"}, frozenset())


def indexed(query: str, masking: Masking = UNMASKED, table: TableFields = TABLE) -> bool:
    return is_indexed(plan_count(parse(query), tables=[table], time_range=RANGE, masking=masking))


def has_one_thread(query: str, masking: Masking = UNMASKED, *tables: TableFields) -> bool:
    plan = plan_page(
        parse(query), tables=tables or [TABLE], time_range=RANGE, limit=100, cursor=None, fields=None, masking=masking
    )
    return render(plan).text.endswith(", max_threads = 1")


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


def test_without_an_index_all_is_a_scan() -> None:
    bare = replace(TABLE, is_indexed=False)
    assert not any(indexed(query, table=bare) for query in WORDS)


@pytest.mark.parametrize("query", ["*", "error", "error timeout", "error OR timeout", "error AND (timeout OR refused)"])
def test_a_page_of_words_has_one_thread(query: str) -> None:
    assert has_one_thread(query)
    assert not has_one_thread(query, UNMASKED, TABLE, replace(TABLE, is_indexed=False))


@pytest.mark.parametrize("query", [*SCANS, '"connection reset"', "authent*", "error AND auth*"])
def test_a_page_that_may_need_many_granules_has_all_threads(query: str) -> None:
    assert not has_one_thread(query)


def test_what_is_masked_has_all_threads() -> None:
    assert not has_one_thread("error", Masking.from_list([{"field": "log", "operator": "shield"}]))
