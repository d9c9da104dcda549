"""One broker of each kind for all tests of this folder, and a fresh site on it for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers import BROKERS, Broker
from tests.queues.workers import Site


@pytest.fixture(scope="module", params=["valkey", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    with BROKERS[request.param]() as running:
        yield running


@pytest.fixture
def site(broker: Broker, tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path, broker.url)
    made.migrate()
    yield made
    made.stop()
