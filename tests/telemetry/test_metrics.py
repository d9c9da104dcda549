"""An event moves the metrics that its class declares; the page adds up the processes, living and dead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from prometheus_client import REGISTRY as LIBRARY
from prometheus_client.parser import text_string_to_metric_families

from bklog.records import Stored
from bklog.telemetry import (
    BatchInserted,
    ExportEnded,
    IngestFailed,
    LinesStored,
    RequestAnswered,
    SearchAnswered,
    SearchFailed,
    TaskFailed,
    TaskStarted,
    exposition,
    metrics,
)
from config.environ import ROOT


def value(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def samples(page: bytes) -> dict[str, float]:
    families = text_string_to_metric_families(page.decode())
    return {
        sample.name + json.dumps(sample.labels, sort_keys=True): sample.value
        for family in families
        for sample in family.samples
    }


def count_in_a_process(folder: Path, *, requests: int = 1, then: str = "") -> subprocess.Popen[bytes]:
    code = (
        "import sys; from bklog.telemetry import RequestAnswered; from bklog.telemetry.metrics import INGEST_PENDING_BYTES\n"
        f"for _ in range({requests}): RequestAnswered('GET', '/x', '/x', 200, seconds=0.02).emit()\n"
        f"INGEST_PENDING_BYTES.set(7)\n{then}\nprint('done', flush=True); sys.stdin.read()"
    )
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", code], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"done\n"
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


COUNTED = 'bklog_http_requests_total{"method": "GET", "route": "/x", "status": "200"}'
PENDING = "bklog_ingest_pending_bytes{}"


def test_an_answered_ingest_request_moves_lines_bytes_and_reasons() -> None:
    names = ("stored", "duplicate", "rejected")
    before = [value("bklog_ingest_lines_total", outcome=name) for name in names]
    reason, size = value("bklog_ingest_rejected_lines_total", reason="line_too_long"), value("bklog_ingest_bytes_total")
    outcome = Stored(stored=5, duplicate=2, rejected={"line_too_long": 3, "bad_encoding": 1}, marked={})
    LinesStored.of("shop", outcome, size_bytes=1000, quiet=False).emit()
    after = [value("bklog_ingest_lines_total", outcome=name) for name in names]
    assert [new - old for new, old in zip(after, before, strict=True)] == [5, 2, 4]
    assert value("bklog_ingest_rejected_lines_total", reason="line_too_long") == reason + 3
    assert value("bklog_ingest_bytes_total") == size + 1000


@pytest.mark.parametrize(
    ("event", "name", "labels", "amount"),
    [
        (IngestFailed("/p", 401, "token_wrong", "r"), "bklog_ingest_requests_total", {"code": "token_wrong"}, 1),
        (BatchInserted("t", 3, 10, 0.2), "bklog_ingest_inserts_total", {}, 1),
        (BatchInserted("t", 3, 10, 0.2), "bklog_ingest_insert_seconds_sum", {}, 0.2),
        (BatchInserted("t", 3, 10, 0.2), "bklog_ingest_insert_seconds_bucket", {"le": "0.25"}, 1),
        (BatchInserted("t", 3, 10, 0.2), "bklog_ingest_insert_seconds_bucket", {"le": "0.1"}, 0),
        (RequestAnswered("GET", "/a", "/a", 404, 0.1), "bklog_http_request_seconds_count", {"method": "GET", "route": "/a"}, 1),
        (SearchAnswered(1, "page", 70, 9, 0.1), "bklog_search_rows_read_total", {}, 70),
        (SearchAnswered(1, "page", 70, 9, 0.1), "bklog_search_seconds_count", {"kind": "page"}, 1),
        (SearchFailed(1, "query_syntax", "r"), "bklog_searches_total", {"code": "query_syntax"}, 1),
        (TaskStarted("a.b", "id"), "bklog_tasks_total", {"task": "a.b", "outcome": "started"}, 1),
        (TaskFailed("a.b", "id", 2.0, "r"), "bklog_task_seconds_sum", {"task": "a.b"}, 2.0),
        (ExportEnded(1, "failed", 10, 99, 1.0), "bklog_export_rows_total", {}, 10),
        (ExportEnded(1, "failed", 10, 99, 1.0), "bklog_exports_total", {"outcome": "failed"}, 1),
    ],
)
def test_an_event_moves_its_metric(event: RequestAnswered, name: str, labels: dict[str, str], amount: float) -> None:
    before = value(name, **labels)
    event.emit()
    assert value(name, **labels) == pytest.approx(before + amount)


def test_the_page_adds_up_the_processes_and_remembers_the_dead(tmp_path: Path) -> None:
    first, second = count_in_a_process(tmp_path, requests=3), count_in_a_process(tmp_path, requests=4)
    found = samples(exposition.render(folder=tmp_path))
    assert (found[COUNTED], found[PENDING]) == (7, 14)
    end(first)
    for _ in range(2):
        found = samples(exposition.render(folder=tmp_path))
        assert (found[COUNTED], found[PENDING]) == (7, 7), "what it counted stays, what it held is gone"
    assert not [file for file in tmp_path.glob("*.db") if file.stem.endswith(f"_{first.pid}")]
    end(second)
    found = samples(exposition.render(folder=tmp_path))
    assert found[COUNTED] == 7
    assert found['bklog_http_request_seconds_bucket{"le": "0.025", "method": "GET", "route": "/x"}'] == 7
    assert found['bklog_http_request_seconds_bucket{"le": "0.01", "method": "GET", "route": "/x"}'] == 0
    assert sorted(file.name for file in tmp_path.glob("*.db")) == ["counter_0.db", "histogram_0.db"]


def test_a_child_counts_for_itself_after_a_fork(tmp_path: Path) -> None:
    fork = (
        "import os\nif os.fork() == 0:\n"
        "    RequestAnswered('GET', '/x', '/x', 200, seconds=0.02).emit(); os._exit(0)\nos.wait()"
    )
    parent = count_in_a_process(tmp_path, requests=2, then=fork)
    assert samples(exposition.render(folder=tmp_path))[COUNTED] == 3
    end(parent)


def test_a_metric_that_has_not_moved_is_on_the_page_by_its_name(tmp_path: Path) -> None:
    page = exposition.render(folder=tmp_path).decode()
    for declared in metrics.REGISTRY.collect():
        assert f"# HELP {declared.name}" in page


def test_the_files_of_a_process_that_is_just_starting_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / f"counter_{os.getpid()}.db").touch()
    exposition.render(folder=tmp_path)
    assert (tmp_path / f"counter_{os.getpid()}.db").exists()


def test_a_move_costs_microseconds(tmp_path: Path) -> None:
    """In files, as in a fleet. Ingest emits two events a request, which takes milliseconds."""
    code = (
        "import time, logging; logging.disable(logging.CRITICAL)\n"
        "from bklog.records import Stored; from bklog.telemetry import LinesStored\n"
        "event = LinesStored.of('shop', Stored(5, 2, {'a': 1}, {}), size_bytes=1000, quiet=True); event.emit()\n"
        "began = time.perf_counter()\nfor _ in range(2000): event.emit()\nprint((time.perf_counter() - began) / 2000 * 1e6)"
    )
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    best = min(float(subprocess.check_output([sys.executable, "-c", code], env=environ)) for _ in range(3))
    assert best < 200, f"{best:.1f} microseconds"


def test_the_librarys_own_registry_is_not_used() -> None:
    assert not [metric for metric in LIBRARY.collect() if metric.name.startswith("bklog")]


def test_a_page_of_many_dead_processes_is_quick(tmp_path: Path) -> None:
    process = count_in_a_process(tmp_path)
    end(process)
    for file in list(tmp_path.glob("*.db")):
        for number in range(100):
            kind = file.stem.rpartition("_")[0]
            (tmp_path / f"{kind}_{2**22 + number}.db").write_bytes(file.read_bytes())  # above the greatest number of a process
    began = time.monotonic()
    assert samples(exposition.render(folder=tmp_path))[COUNTED] == 101
    assert time.monotonic() - began < 10
    assert len(list(tmp_path.glob("*.db"))) == 2
