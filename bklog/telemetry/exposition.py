"""The files of all processes and what is asked at the moment → one page in Prometheus' text format.

counter_812.db, histogram_812.db, … of the living ─┐
those of the dead, added up in …_0.db ─────────────┴─▶ sums ─▶ page
"""

from __future__ import annotations

import fcntl
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from bklog.telemetry.metrics import FOLDER, REGISTRY

_DEAD: Final = 0  # no process has this number
_SUMMED: Final = ("counter", "histogram")  # of a dead process a gauge says nothing


class _Page(Collector):
    """Also a metric that has not moved yet is on the page, by its name and meaning."""

    def __init__(self, moved: Iterable[Metric], asked: Iterable[Metric]) -> None:
        self._found = {metric.name: metric for metric in (*moved, *asked)}

    def collect(self) -> Iterator[Metric]:
        yield from self._found.values()
        for declared in REGISTRY.collect():
            if declared.name not in self._found:
                yield Metric(declared.name, declared.documentation, declared.type)


def render(asked: Iterable[Metric] = (), *, folder: Path | None = FOLDER) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Page(_moved(folder), asked))
    return generate_latest(registry)


def _moved(folder: Path | None) -> list[Metric]:
    if folder is None:
        return list(REGISTRY.collect())
    with _locked(folder):
        fold_dead(folder)
        return list(MultiProcessCollector.merge([str(file) for file in _files(folder)]))  # type: ignore[no-untyped-call]


def _files(folder: Path) -> list[Path]:
    """A file that was made a moment ago is empty until its process has written its head."""
    return [file for file in folder.glob("*.db") if file.stat().st_size]


def fold_dead(folder: Path) -> None:
    """Workers come and go: the values of those that are gone go into one file of each kind, or there would be thousands."""
    dead: dict[str, list[Path]] = defaultdict(list)
    for file in _files(folder):
        kind, pid = file.stem.split("_")[0], int(file.stem.rpartition("_")[2])
        if pid != _DEAD and not psutil.pid_exists(pid):
            dead[kind].append(file)
    for kind, files in dead.items():
        if kind in _SUMMED:
            _add_up(folder / f"{kind}_{_DEAD}.db", files)
        for file in files:
            file.unlink(missing_ok=True)


def _add_up(sums: Path, files: list[Path]) -> None:
    """In a draft that takes the place of the sums: a process that ends in the middle leaves them whole."""
    values: dict[str, float] = defaultdict(float)
    for file in (*((sums,) if sums.exists() else ()), *files):
        for key, value, _, _ in MmapedDict.read_all_values_from_file(str(file)):  # type: ignore[no-untyped-call]
            values[key] += value
    draft = sums.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    written = MmapedDict(str(draft))  # type: ignore[no-untyped-call]
    for key, value in values.items():
        written.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    written.close()  # type: ignore[no-untyped-call]
    draft.replace(sums)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One reader at a time: between the sums and the end of the summed files, values would be counted twice."""
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
