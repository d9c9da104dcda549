"""Two stores with a collector each, and two people."""

from __future__ import annotations

import pytest

from bklog.api import analyses as analyses_api
from bklog.api import index_sets as index_sets_api
from bklog.api import saved as saved_api
from bklog.api import search as search_api
from bklog.collect.actions import create_collector
from bklog.collect.drafts import Draft
from bklog.collect.models import Collector
from bklog.saved.history import Recorder
from bklog.search.catalogue import FieldCatalogue
from bklog.store.routed import RoutedStore
from tests.collect.test_replacing import both as both  # noqa: PLC0414 - a fixture
from tests.saved.site import Person
from tests.search.engine_store import LIMITS
from tests.store.conftest import store as store  # noqa: PLC0414 - a fixture
from tests.store.conftest import store_server as store_server  # noqa: PLC0414 - a fixture


@pytest.fixture(autouse=True)
def _wired(both: RoutedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = FieldCatalogue(both, LIMITS)
    for module in (search_api, analyses_api, index_sets_api):
        monkeypatch.setattr(module, "the_catalogue", lambda: catalogue)
    for module in (search_api, analyses_api):
        monkeypatch.setattr(module, "the_store", lambda: both)
    monkeypatch.setattr(saved_api, "RECORDER", Recorder())


@pytest.fixture
def ann(db: None) -> Person:
    return Person("ann")


@pytest.fixture
def bob(db: None) -> Person:
    return Person("bob")


@pytest.fixture
def near(both: RoutedStore, db: None) -> Collector:
    return create_collector(Draft("near", 30), store=both)


@pytest.fixture
def far(both: RoutedStore, db: None) -> Collector:
    made = create_collector(Draft("far", 30), store=both)
    both.drop_table(made.log_table)
    made.store = "far"
    made.save(update_fields=["store"])
    both.create_table(made.log_table)
    return made
