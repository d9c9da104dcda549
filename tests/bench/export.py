"""Rows a second of an export, from the request to the file, against the engine writing the same file itself.

The fleet exports first; then it is stopped, and a process of its own opens the folder, runs the same statement into a file, and
compares the two: the rows, a hash of them, and of what is sorted and not packed each byte.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import psutil

from bklog.query import UNMASKED, TableFields, parse, plan_extract, render
from bklog.query.plan import Order
from bklog.records import Compression, Form, TimeRange, file_suffix
from bklog.store.schema import Layout
from tests.bench import ingest, search
from tests.bench.figure import Figure, at_least
from tests.running_fleet import ROOT, RunningFleet

EXPORT_SECONDS: Final = 600
ENGINE_SECONDS: Final = 1200
RATIO: Final = 0.6
WORKER_MB: Final = 300.0
LOAD: Final = ingest.LOADS[0]


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    form: str
    compression: str
    order: str


@dataclass(frozen=True, slots=True)
class Exported:
    """What the fleet did, and the statement that the engine does after it."""

    case: Case
    seconds: float
    rows: int
    job: dict[str, Any]


CASES: Final = (
    Case("export_csv", "csv", "none", "newest"),
    Case("export_csv_quick", "csv", "none", "unsorted"),
    Case("export_jsonl_zstd", "jsonl", "zstd", "newest"),
    Case("export_parquet", "parquet", "zstd", "newest"),
)
MEMORY: Final = "export_worker_memory"
NAMES: Final = (*(case.name for case in CASES), MEMORY)


def export(wanted: Sequence[str], rows: int, fleet: RunningFleet) -> tuple[list[Exported], list[Figure]]:
    """Fills the collector where no other benchmark has."""
    cases = [case for case in CASES if case.name in wanted or MEMORY in wanted]
    if not cases:
        return [], []
    if not fleet.api("GET", f"/api/v1/databus/collectors/?name={LOAD.collector}")["items"]:
        with tempfile.TemporaryDirectory(prefix="bklog-bodies-") as folder:
            ingest.load(LOAD, rows, ingest.write_bodies(LOAD, rows, Path(folder)), fleet)
    search.wait_for_merges(fleet)
    done = [_export(case, rows, fleet) for case in cases]
    peak = _peak_megabytes(fleet.pid("async_export"))
    memory = Figure(MEMORY, "MB", peak, WORKER_MB, peak / WORKER_MB, f"under {WORKER_MB:g} MB", peak < WORKER_MB)
    return done, [memory] if MEMORY in wanted else []


def _export(case: Case, rows: int, fleet: RunningFleet) -> Exported:
    sets = {one["name"]: one["id"] for one in fleet.api("GET", "/api/v1/search/index_set/")["items"]}
    end = int(time.time() * 1000)
    body = {"start": end - 86_400_000, "end": end, "format": case.form, "compression": case.compression, "order": case.order}
    started = time.perf_counter()
    asked = fleet.api("POST", f"/api/v1/search/index_set/{sets[LOAD.collector]}/export/", {**body, "limit": rows})
    while asked["state"] not in ("success", "failed"):
        time.sleep(0.05)
        asked = fleet.api("GET", f"/api/v1/search/export/{asked['id']}/")
        if time.perf_counter() - started > EXPORT_SECONDS:
            raise RuntimeError(f"not done in time: {asked}")
    seconds = time.perf_counter() - started
    if (asked["state"], asked["rows"]) != ("success", rows):
        raise RuntimeError(f"{rows} rows were to be exported: {asked}")
    (file,) = fleet.home.glob(f"export/export-{asked['id']}-*/*.{file_suffix(Form(case.form), Compression(case.compression))}")
    return Exported(case, seconds, rows, _job(case, asked, file, fleet))


def _job(case: Case, asked: dict[str, Any], file: Path, fleet: RunningFleet) -> dict[str, Any]:
    table = fleet.api("GET", f"/api/v1/databus/collectors/?name={LOAD.collector}")["items"][0]["table"]
    known = TableFields(Layout().table(table), ingest.TYPES)
    span = TimeRange(*(datetime.fromisoformat(asked[name]) for name in ("start", "end")))
    order, is_nested = Order(case.order), case.form == "jsonl"
    plan = plan_extract(
        parse(""), tables=[known], time_range=span, fields=None, order=order, nested=is_nested, masking=UNMASKED
    )
    statement = render(plan)
    named = {"form": case.form, "compression": case.compression, "file": str(file), "sha256": asked["sha256"]}
    return {"text": statement.text, "params": dict(statement.params), **named}


def _peak_megabytes(pid: int) -> float:
    """Of the largest process of the worker, since it began."""
    worker = psutil.Process(pid)
    return max(_peak(one.pid) for one in (worker, *worker.children(recursive=True)))


def _peak(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def compare(done: Sequence[Exported], home: Path) -> Iterator[Figure]:
    if not done:
        return
    command = [sys.executable, "-m", "tests.bench.engine_export", str(home / "store")]
    given = json.dumps([one.job for one in done])
    told = subprocess.run(command, cwd=ROOT, input=given, stdout=subprocess.PIPE, text=True, timeout=ENGINE_SECONDS, check=True)
    for one, engine in zip(done, json.loads(told.stdout), strict=True):
        is_sorted_text = one.case.order != "unsorted" and (one.case.form, one.case.compression) == ("csv", "none")
        if engine["ours"] != engine["engine"] or (is_sorted_text and not engine["same_bytes"]):
            raise RuntimeError(f"{one.case.name}: the file is not the one that the engine writes: {engine}")
        rates = one.rows / one.seconds, one.rows / engine["seconds"]
        yield at_least(one.case.name, "rows/s", ours=rates[0], baseline=rates[1], ratio=RATIO)
