"""A real store with known rows, the application behind a real port, and the official client in front of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from django.core.wsgi import get_wsgi_application
from django.db import connections
from elasticsearch import Elasticsearch

from bklog.accounts.tokens import replace_api_token
from bklog.api import elastic, elastic_cluster
from bklog.collect.models import Collector, IndexSet
from bklog.search.catalogue import FieldCatalogue
from bklog.store.clickhouse import ClickHouseStore
from tests.elastic.shop import TYPES, more_rows, shop_rows
from tests.search.engine_store import LIMITS
from tests.store.conftest import StoreServer, end, own_database, start


@pytest.fixture(scope="package")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseStore]:
    server: StoreServer = start(tmp_path_factory.mktemp("store") / "data")
    with own_database(server) as made:
        yield made
    end(server)


@pytest.fixture(scope="package")
def stored(store: ClickHouseStore) -> dict[str, list[dict[str, Any]]]:
    """The rows of each table. Two tables have the fields of the shop, one has plain lines."""
    tables = {"shop": shop_rows(), "shop_two": more_rows(), "plain": []}
    for name, rows in tables.items():
        store.create_table(collector(name).log_table)
        if rows:
            store.insert_rows(name, rows, token=f"{name}-rows")
    return tables


def collector(name: str) -> Collector:
    rule: dict[str, Any] = {"kind": "text"} if name == "plain" else {"kind": "json", "types": TYPES}
    return Collector(name=name.replace("_", "-"), table=name, index="full", clean_rule=rule, retention_days=3650)


@pytest.fixture
def site(
    store: ClickHouseStore, stored: dict[str, list[dict[str, Any]]], transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> dict[str, list[dict[str, Any]]]:
    """Index sets: shop and shop-two of a collector each, shops of both, and plain without rows."""
    catalogue = FieldCatalogue(store, LIMITS)
    for module in (elastic, elastic_cluster):
        monkeypatch.setattr(module, "the_store", lambda: store)
    monkeypatch.setattr(elastic, "the_catalogue", lambda: catalogue)
    made = {}
    for name in stored:
        made[name] = collector(name)
        made[name].save()
        IndexSet.objects.create(name=made[name].name).collectors.set([made[name]])
    IndexSet.objects.create(name="shops").collectors.set([made["shop"], made["shop_two"]])
    return stored


@pytest.fixture
def token(site: Any) -> str:
    return replace_api_token("grafana")


class Server(ThreadingMixIn, WSGIServer):
    """A thread for each connection, which takes its connection to the database with it."""

    daemon_threads = True

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            connections.close_all()


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the library names it
        pass


@pytest.fixture(scope="package")
def url() -> Iterator[str]:
    """The application behind a port."""
    with make_server("127.0.0.1", 0, get_wsgi_application(), Server, Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/es"
        server.shutdown()
        thread.join()


@pytest.fixture
def es(url: str, token: str) -> Iterator[Elasticsearch]:
    with Elasticsearch(url, api_key=token, request_timeout=60, max_retries=0) as client:
        yield client
