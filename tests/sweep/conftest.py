"""Searches over a real store, as somebody with a token asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bklog.api import admission
from bklog.api import analyses as analyses_api
from bklog.api import search as search_api
from bklog.collect.actions import create_collector
from bklog.collect.drafts import Draft
from bklog.records import Permission
from bklog.search.catalogue import FieldCatalogue
from bklog.store.clickhouse import ClickHouseStore
from tests.saved.site import Person, put
from tests.search.engine_store import LIMITS
from tests.store.conftest import store as store  # noqa: PLC0414 - a fixture
from tests.store.conftest import store_server as store_server  # noqa: PLC0414 - a fixture

ROWS = 300


@pytest.fixture
def shop(db: None, store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The number of an index set with ROWS rows, a second apart."""
    for module in (search_api, analyses_api):
        monkeypatch.setattr(module, "the_store", lambda: store)
        monkeypatch.setattr(module, "the_catalogue", lambda: FieldCatalogue(store, LIMITS))
    made = create_collector(Draft("shop", 30), store=store)
    put(store, made, [f"line {number}" for number in range(ROWS)])
    admission.BLOCKS.forget()
    admission.begun_turns.cache_clear()
    yield made.index_sets.get().pk
    admission.BLOCKS.forget()
    admission.begun_turns.cache_clear()


@pytest.fixture
def ann(db: None) -> Person:
    return Person("ann")


@pytest.fixture
def operator(db: None) -> Person:
    return Person("operator", Permission.BLOCK_SEARCHES)
