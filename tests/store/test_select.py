"""What a statement may cost ends it, and is told apart from what the whole store has too little of."""

from __future__ import annotations

import pytest

from bklog.errors import StoreError
from bklog.records import Limits, Statement
from bklog.search.failures import SearchTooLarge
from bklog.search.service import select
from bklog.store.clickhouse import ClickHouseStore

HUNGRY = Statement("SELECT count() FROM (SELECT number FROM numbers(5000000) GROUP BY number)")
LIMITS = Limits(seconds=60, memory_bytes=30_000_000, result_rows=10)


def test_a_statement_past_its_own_memory_is_not_to_be_tried_again(store: ClickHouseStore) -> None:
    with pytest.raises(StoreError) as refused:
        store.select(HUNGRY, LIMITS)
    assert refused.value.engine_code == 241


def test_a_search_past_its_memory_says_what_to_do(store: ClickHouseStore) -> None:
    with pytest.raises(SearchTooLarge, match="30000000 bytes") as refused:
        select(HUNGRY, store, LIMITS)
    assert "approximate" in refused.value.hint
