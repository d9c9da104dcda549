"""Every metric that an event moves: its name, meaning, labels and buckets. `docs/metrics.md` lists them; a test compares.

Many processes, one page: in a fleet each process keeps its values in files of PROMETHEUS_MULTIPROC_DIR, mapped into memory,
so that moving one costs microseconds and no call of the kernel; `exposition` adds them up.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

FOLDER: Final = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]) if os.environ.get("PROMETHEUS_MULTIPROC_DIR") else None
if FOLDER:  # a process that starts while somebody tidies up must not fail for its metrics
    FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)

REGISTRY: Final = CollectorRegistry()
_REQUEST_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_TASK_SECONDS: Final = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 1800)

HTTP_REQUESTS: Final = Counter(
    "bklog_http_requests_total", "Requests that web answered", ("method", "route", "status"), registry=REGISTRY
)
HTTP_SECONDS: Final = Histogram(
    "bklog_http_request_seconds",
    "Time that web took for a request",
    ("method", "route"),
    buckets=_REQUEST_SECONDS,
    registry=REGISTRY,
)
INGEST_REQUESTS: Final = Counter(
    "bklog_ingest_requests_total", "Requests of senders, by outcome: ok or the code of the error", ("code",), registry=REGISTRY
)
INGEST_LINES: Final = Counter(
    "bklog_ingest_lines_total", "Lines of answered requests: stored, duplicate, rejected", ("outcome",), registry=REGISTRY
)
INGEST_REJECTED: Final = Counter(
    "bklog_ingest_rejected_lines_total", "Lines that were rejected, by reason", ("reason",), registry=REGISTRY
)
INGEST_BYTES: Final = Counter("bklog_ingest_bytes_total", "Bytes of answered requests, after decompression", registry=REGISTRY)
INGEST_INSERTS: Final = Counter("bklog_ingest_inserts_total", "Batches that were inserted into the store", registry=REGISTRY)
INGEST_INSERT_SECONDS: Final = Histogram(
    "bklog_ingest_insert_seconds",
    "Time of an insert of a batch into the store",
    buckets=_REQUEST_SECONDS,
    registry=REGISTRY,
)
INGEST_PENDING_BYTES: Final = Gauge(
    "bklog_ingest_pending_bytes",
    "Bytes of requests that wait to be stored",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
SEARCHES: Final = Counter(
    "bklog_searches_total", "Searches, by outcome: ok or the code of the error", ("code",), registry=REGISTRY
)
SEARCH_SECONDS: Final = Histogram(
    "bklog_search_seconds", "Time of a search, by what was asked for", ("kind",), buckets=_REQUEST_SECONDS, registry=REGISTRY
)
SEARCH_ROWS_READ: Final = Counter("bklog_search_rows_read_total", "Rows that the engine read for searches", registry=REGISTRY)
SEARCH_BYTES_READ: Final = Counter(
    "bklog_search_bytes_read_total", "Bytes that the engine read for searches", registry=REGISTRY
)
TAILS: Final = Counter(
    "bklog_tails_total", "Viewers of a live tail that left or were ended, by why", ("code",), registry=REGISTRY
)
TAIL_VIEWERS: Final = Gauge(
    "bklog_tail_viewers", "Viewers that follow a live tail", multiprocess_mode="livesum", registry=REGISTRY
)
TAIL_ROWS: Final = Counter(
    "bklog_tail_rows_total",
    "Rows of live tails: shown and dropped for their rate, once for all viewers; missed by a viewer that was too slow",
    ("outcome",),
    registry=REGISTRY,
)
TAIL_DELAY_SECONDS: Final = Histogram(
    "bklog_tail_delay_seconds",
    "Time from the arrival of the oldest rows of a live tail's event to their sending",
    buckets=_REQUEST_SECONDS,
    registry=REGISTRY,
)
TASKS: Final = Counter(
    "bklog_tasks_total",
    "Tasks, by name and what became of them: started, succeeded, failed, retried",
    ("task", "outcome"),
    registry=REGISTRY,
)
TASK_SECONDS: Final = Histogram(
    "bklog_task_seconds", "Time of a task that ended, by name", ("task",), buckets=_TASK_SECONDS, registry=REGISTRY
)
EXPORTS: Final = Counter(
    "bklog_exports_total", "Exports that ended, by outcome: succeeded, failed, cancelled", ("outcome",), registry=REGISTRY
)
EXPORT_ROWS: Final = Counter("bklog_export_rows_total", "Rows of exports that ended", registry=REGISTRY)
EXPORT_BYTES: Final = Counter("bklog_export_bytes_total", "Bytes of the files of exports that ended", registry=REGISTRY)
EXPORT_SECONDS: Final = Histogram(
    "bklog_export_seconds", "Time of an export that ended", buckets=_TASK_SECONDS, registry=REGISTRY
)
PIPELINES: Final = Counter(
    "bklog_pipelines_total",
    "Runs of pipelines, by what became of them: started, done, failed, cancelled",
    ("pipeline", "outcome"),
    registry=REGISTRY,
)
PIPELINE_STEPS: Final = Counter(
    "bklog_pipeline_steps_total",
    "Steps of pipelines that ended: done, skipped, failed",
    ("pipeline", "step", "outcome"),
    registry=REGISTRY,
)
PIPELINE_STEP_SECONDS: Final = Histogram(
    "bklog_pipeline_step_seconds",
    "Time of a step from its first begin to its end, its waits included",
    ("pipeline", "step"),
    buckets=_TASK_SECONDS,
    registry=REGISTRY,
)
