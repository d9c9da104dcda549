"""One platform for the tests of this folder that go through processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.store.conftest import StoreServer
from tests.store.conftest import store_server as store_server  # noqa: PLC0414 - a fixture
from tests.tail.platform import TailPlatform, tail_platform


@pytest.fixture(scope="module")
def platform(store_server: StoreServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TailPlatform]:
    with tail_platform(tmp_path_factory.mktemp("tail"), store_server, BKLOG_TAIL_MAX_VIEWERS="40") as running:
        running.start_entry()
        yield running
