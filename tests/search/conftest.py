from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from bklog.records import TimeRange
from bklog.search.catalogue import FieldCatalogue
from bklog.store import LogTable
from tests.search.engine_store import LIMITS, EngineStore
from tests.search.lines import LOGHUB, TYPES, rows, texts

RANGE = TimeRange(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 4, tzinfo=UTC))
TABLES = {kind: LogTable(f"lines_{kind}", 3_650, kind, TYPES) for kind in ("full", "bloom", "none")}


@pytest.fixture(scope="session")
def stored() -> list[dict[str, Any]]:
    """The rows of each table, by their number."""
    if not LOGHUB.is_dir():
        pytest.skip(f"{LOGHUB} is not there: the search tests need real log lines")
    return list(rows(texts()))


@pytest.fixture(scope="session")
def store(stored: list[dict[str, Any]]) -> Iterator[EngineStore]:
    """Three tables with the same rows and other indexes, each in parts that are merged and parts that are not."""
    store = EngineStore()
    third = len(stored) // 3
    for table in TABLES.values():
        store.create_table(table)
        store.insert(table.name, stored[:third])
        store.insert(table.name, stored[third : 2 * third])
        store.connection.query(f"OPTIMIZE TABLE {store.table(table.name)} FINAL", "Null")
        store.insert(table.name, stored[2 * third :])
    yield store
    for table in TABLES.values():
        store.drop_table(table)


@pytest.fixture(scope="session")
def catalogue(store: EngineStore) -> FieldCatalogue:
    return FieldCatalogue(store, LIMITS)
