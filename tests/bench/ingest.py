"""Rows a second through HTTP, token, clean rule and acknowledgement, against the engine's own INSERT of the same bodies.

The baseline is a process of its own with the same table, the same clean SELECT, the same sizes of batches and as many
connections at once: what remains of the difference is the platform.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.bench.figure import Figure, at_least
from tests.bench.rows import sample_lines
from tests.running_fleet import ROOT, RunningFleet

BODY_BYTES: Final = 8 << 20
PARALLEL: Final = 4
BASELINE_SECONDS: Final = 900
TYPES: Final = {"status": "int", "latency": "float"}


@dataclass(frozen=True, slots=True)
class Load:
    """One kind of lines: what a collector of them is, where they are sent, and which share of the engine's rate is asked."""

    name: str
    collector: str
    path: str
    clean_rule: dict[str, Any]
    ratio: float


LOADS: Final = (
    Load("ingest_json", "bench_json", "/ingest/v1/jsonl", {"kind": "json", "types": TYPES, "time_field": "time"}, 0.6),
    Load("ingest_lines", "bench_lines", "/ingest/v1/lines", {"kind": "text"}, 0.7),
)
NAMES: Final = tuple(load.name for load in LOADS)


def measure(what: Load, rows: int, fleet: RunningFleet) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="bklog-bodies-") as folder:
        bodies = write_bodies(what, rows, Path(folder))
        baseline = rows / _engine_seconds(what, Path(folder))
        ours = rows / load(what, rows, bodies, fleet)
    yield at_least(what.name, "rows/s", ours=ours, baseline=baseline, ratio=what.ratio)


def write_bodies(load: Load, rows: int, folder: Path) -> list[Path]:
    """Files of about BODY_BYTES, whole lines each."""
    return [_write(folder / f"{number:05d}", body) for number, body in enumerate(bodies_of(lines_of(load, rows)))]


def bodies_of(lines: Iterable[str]) -> Iterator[str]:
    """Lines with their ends, about BODY_BYTES of them together."""
    taken, size = [], 0
    for line in lines:
        taken.append(line)
        size += len(line)
        if size >= BODY_BYTES:
            yield "".join(taken)
            taken, size = [], 0
    if taken:
        yield "".join(taken)


def _write(file: Path, body: str) -> Path:
    file.write_text(body)
    return file


def lines_of(load: Load, rows: int) -> Iterator[str]:
    numbers = random.Random(1)
    samples = sample_lines()
    began = time.time() - 3600
    for number in range(rows):
        system, line = samples[numbers.randrange(len(samples))]
        text = f"{line} {numbers.getrandbits(32):08x}"
        yield text + "\n" if load.name == "ingest_lines" else _record(number, rows, began, system, text)


def _record(number: int, rows: int, began: float, system: str, text: str) -> str:
    record = {
        "time": began + 3600 * number / rows,
        "level": ("info", "info", "warn", "error")[number % 4],
        "service": system,
        "status": (200, 200, 200, 404, 500)[number % 5],
        "latency": number % 1000 / 7,
        "message": text,
    }
    return json.dumps(record) + "\n"


def _engine_seconds(load: Load, folder: Path) -> float:
    command = [sys.executable, "-m", "tests.bench.engine_insert", str(folder), str(PARALLEL), json.dumps(load.clean_rule)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=BASELINE_SECONDS, check=True)
    return float(done.stdout)


def load(what: Load, rows: int, bodies: list[Path], fleet: RunningFleet) -> float:
    """Makes the collector and sends the bodies; returns the seconds. Raises RuntimeError where lines are missing."""
    made = fleet.api("POST", "/api/v1/databus/collectors/", {"name": what.collector, "clean_rule": what.clean_rule})

    def send(body: Path) -> int:
        answer = fleet.send(what.path, body.read_bytes(), token=made["ingest_token"], key=body.name)
        stored: int = answer["stored"]
        return stored

    with ThreadPoolExecutor(PARALLEL) as senders:
        started = time.perf_counter()
        stored = sum(senders.map(send, bodies))
        seconds = time.perf_counter() - started
    if stored != rows:
        raise RuntimeError(f"{stored} lines stored of {rows}")
    return seconds
