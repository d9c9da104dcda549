"""Homes whose fleets are stopped when the test ends, whatever became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bklog.supervise import processes
from tests.running_fleet import RunningFleet


@pytest.fixture
def new_home(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """`new_home("a")` is a folder of this test; nothing that runs in it is left behind."""
    homes: list[Path] = []

    def make(name: str) -> Path:
        homes.append(tmp_path / name)
        return homes[-1]

    yield make
    for home in homes:
        processes.end(processes.of_fleet(home), seconds=1)


@pytest.fixture
def home(new_home: Callable[[str], Path]) -> Path:
    return new_home("home")


@pytest.fixture(scope="package")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    """One real fleet of the full profile for the tests of this folder."""
    with RunningFleet(tmp_path_factory.mktemp("fleet")) as running:
        yield running
