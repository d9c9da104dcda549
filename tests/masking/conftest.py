"""The index set with the secrets: loaded once for all tests of this folder, which change nothing that outlives them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import transaction
from pytest_django.plugin import DjangoDbBlocker

from bklog.accounts.tokens import replace_api_token
from bklog.api import analyses as analyses_api
from bklog.api import downloads as downloads_api
from bklog.api import elastic as elastic_api
from bklog.api import exports as exports_api
from bklog.api import loki as loki_api
from bklog.api import masking as masking_api
from bklog.api import search as search_api
from bklog.clean import CleanRule
from bklog.collect.actions import create_collector, set_masking
from bklog.collect.drafts import Draft
from bklog.collect.models import IndexSet
from bklog.query import Masking
from bklog.records import Permission
from bklog.search.catalogue import FieldCatalogue
from bklog.store import LineBatch
from bklog.store import Source as Sender
from bklog.store.clickhouse import ClickHouseStore
from tests.masking.reader import Reader
from tests.masking.shapes import LINES, RULES
from tests.search.engine_store import LIMITS
from tests.store.conftest import end, own_database, start


@pytest.fixture(scope="package")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseStore]:
    server = start(tmp_path_factory.mktemp("store") / "data")
    with own_database(server) as made:
        yield made
    end(server)


@pytest.fixture(scope="package")
def loaded(store: ClickHouseStore, django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[IndexSet]:
    """Two collectors, so that both forms of a statement are asked; one of them reads JSON and types a field.

    What a test changes is taken back after it, and the rest of the transaction after the last.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        yield _load(store)
        transaction.set_rollback(True)


def _load(store: ClickHouseStore) -> IndexSet:
    rule = CleanRule("json", types={"status": "int", "card": "int", "message": "string"})
    found = IndexSet.objects.create(name="secrets")
    for name, kind in (("shop", rule), ("plain", CleanRule("text"))):
        collector = create_collector(Draft(name, 30, rule=kind), store=store)
        body = ("\n".join(LINES) + "\n").encode()
        batch = LineBatch(
            collector.log_table, kind, Sender(host="web"), uuid4(), datetime.now(UTC), body, (len(LINES),), 1 << 20, keyed=False
        )
        assert store.insert_lines(batch)[0].stored == len(LINES)
        found.collectors.add(collector)
    set_masking(found, Masking.from_list(RULES))
    return found


@pytest.fixture(scope="package")
def catalogue(store: ClickHouseStore) -> FieldCatalogue:
    return FieldCatalogue(store, LIMITS)


@pytest.fixture
def index_set(
    loaded: IndexSet, store: ClickHouseStore, catalogue: FieldCatalogue, monkeypatch: pytest.MonkeyPatch, db: None
) -> IndexSet:
    monkeypatch.setattr(downloads_api, "the_store", lambda: store)
    for module in (search_api, masking_api, exports_api, analyses_api, elastic_api, loki_api):
        monkeypatch.setattr(module, "the_store", lambda: store)
        monkeypatch.setattr(module, "the_catalogue", lambda: catalogue)
    return IndexSet.objects.get(pk=loaded.pk)


@pytest.fixture
def reader(index_set: IndexSet) -> Reader:
    return Reader(index_set.pk, replace_api_token("reader"))


@pytest.fixture
def trusted(index_set: IndexSet) -> Reader:
    return Reader(index_set.pk, replace_api_token("trusted", [Permission.RAW_VALUES]))
