"""The engine alone, beside the platform: a process that holds a copy of the store's folder, to be asked in turn with the API.

store/ ─▶ hard links, as no file of a part is ever changed ─▶ python -m tests.bench.engine_select ◀─▶ statement, milliseconds

A machine that shares its cores with others changes their speed within seconds. What is measured of both sides minutes apart
compares these; so both are asked in blocks that follow each other, and of several pairs the middle one counts.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import urllib3

from tests.running_fleet import ROOT, RunningFleet

PAIRS: Final = 5
ENGINE_SECONDS: Final = 1800
OWNED: Final = shutil.ignore_patterns("owner.lock", "status", "tmp")  # they tell whose a folder is


@dataclass(frozen=True, slots=True)
class Pair:
    """Median milliseconds of two blocks, one after the other."""

    ours: float
    baseline: float


@dataclass(frozen=True, slots=True)
class Engine:
    asked: IO[str]
    answers: IO[str]

    def milliseconds(self, statement: Mapping[str, Any]) -> float:
        """The median of a block."""
        print(json.dumps(statement), file=self.asked, flush=True)
        return float(self.answers.readline())

    def beside(self, ours: Callable[[], float], statement: Mapping[str, Any], *, ratio: float) -> Pair:
        """Of several pairs the one in the middle, by what `ratio` leaves of ours. `ours` asks the API for a block."""
        pairs = [self._pair(ours, statement, ours_first=number % 2 == 0) for number in range(PAIRS)]
        return sorted(pairs, key=lambda pair: pair.ours - ratio * pair.baseline)[PAIRS // 2]

    def _pair(self, ours: Callable[[], float], statement: Mapping[str, Any], *, ours_first: bool) -> Pair:
        if ours_first:
            return Pair(ours(), self.milliseconds(statement))
        baseline = self.milliseconds(statement)
        return Pair(ours(), baseline)


@contextmanager
def engine_beside(fleet: RunningFleet, runs: int) -> Iterator[Engine]:
    """`runs` is the length of a block. What is written to the store later is not in the copy."""
    with tempfile.TemporaryDirectory(prefix="bklog-beside-", dir=fleet.home.parent) as folder:
        copy = Path(folder) / "store"
        _link(fleet, copy)
        command = [sys.executable, "-m", "tests.bench.engine_select", str(copy), str(runs)]
        with subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("the engine has no pipes")
            limit = threading.Timer(ENGINE_SECONDS, process.kill)
            limit.start()
            try:
                yield Engine(process.stdin, process.stdout)
            finally:
                limit.cancel()
                process.stdin.close()  # it ends


def _link(fleet: RunningFleet, copy: Path) -> None:
    """The platform's own tables are written to all the time: they are there, and empty."""
    store = fleet.home / "store"
    sql = "SELECT arrayJoin(data_paths) FROM system.tables WHERE database = 'bklog' AND name NOT LIKE '%\\_bench\\_%'"
    answer = urllib3.request("POST", f"http://127.0.0.1:{fleet.settings['BKLOG_STORE_PORT']}/", body=sql)
    if answer.status != 200:
        raise RuntimeError(answer.data.decode())
    others = {Path(one) for one in answer.data.decode().split()}

    def ignored(folder: str, names: list[str]) -> set[str]:
        return set(names) if Path(folder) in others else OWNED(folder, names)

    shutil.copytree(store, copy, symlinks=True, ignore=ignored, copy_function=_hard_link)


def _hard_link(file: str, link: str) -> None:
    Path(link).hardlink_to(file)
