"""One store process for all tests of exports, a database of its own in it for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bklog.store.clickhouse import ClickHouseStore
from tests.export.site import ExportSite
from tests.store.conftest import StoreServer, end, own_database, start


@pytest.fixture(scope="session")
def store_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    files = tmp_path_factory.mktemp("files")
    server = start(tmp_path_factory.mktemp("store") / "data", files=str(files))
    yield server
    end(server)


@pytest.fixture
def store(store_server: StoreServer) -> Iterator[ClickHouseStore]:
    with own_database(store_server) as made:
        yield made


@pytest.fixture
def site(store: ClickHouseStore, tmp_path: Path) -> ExportSite:
    return ExportSite(store, tmp_path / "export")


@pytest.fixture
def near_site(store_server: StoreServer) -> Iterator[ExportSite]:
    """Its store is the embedded one, which puts rows into the files of exports itself."""
    with own_database(store_server, folder=store_server.path) as made:
        yield ExportSite(made, Path(store_server.options["files"]), unsorted_at_once=1)
