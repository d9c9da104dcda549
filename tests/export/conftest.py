"""One store process for all tests of exports, a database of its own in it for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from bklog.records import StoreAddress
from bklog.store.clickhouse import ClickHouseStore
from tests.export.site import ExportSite
from tests.store.conftest import StoreServer, end, start


@pytest.fixture(scope="session")
def store_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    server = start(tmp_path_factory.mktemp("store") / "data")
    yield server
    end(server)


@pytest.fixture
def store(store_server: StoreServer) -> Iterator[ClickHouseStore]:
    name = f"of_{uuid4().hex[:8]}"
    made = ClickHouseStore(StoreAddress("127.0.0.1", store_server.port, database=name))
    made.migrate()
    yield made
    store_server.run(f"DROP DATABASE {name} SYNC")


@pytest.fixture
def site(store: ClickHouseStore, tmp_path: Path) -> ExportSite:
    return ExportSite(store, tmp_path / "export")
