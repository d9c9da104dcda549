"""One real fleet for the tests of this folder: supervisor, store, ingest, web, agent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.running_fleet import RunningFleet


@pytest.fixture(scope="package")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    with RunningFleet(tmp_path_factory.mktemp("fleet")) as running:
        yield running
