"""GET /metrics: what all processes have counted, and what programs, queues, store and ledger say at the moment.

PROMETHEUS_MULTIPROC_DIR ─┐
supervisor, broker, store ┴▶ exposition ─▶ text      a source that does not answer is left out: bklog_scrape_ok says so
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from bklog import __version__
from bklog.api.requests import by_method
from bklog.api.wiring import the_store
from bklog.collect.models import Collector
from bklog.errors import BklogError
from bklog.supervise import status
from bklog.supervise.asking import start
from bklog.supervise.backlog import read_queues
from bklog.supervise.programs import fleet_of
from bklog.telemetry.exposition import render
from config.environ import load

LEDGER: Final = timedelta(hours=1)
SOURCE_SECONDS: Final = 5.0  # Prometheus gives up after ten
Source = Callable[[], list[Metric]]


def show_metrics(request: HttpRequest) -> HttpResponse:
    names = {name: one.name for one in Collector.objects.all() for name in (one.table, one.log_table.known_as)}
    sources: Mapping[str, Source] = {
        "programs": _programs,
        "queues": _queues,
        "store": lambda: _store(names),
        "ledger": lambda: _ledger(names),
    }
    return HttpResponse(render(_ask(sources)), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _ask(sources: Mapping[str, Source]) -> Iterator[Metric]:
    """All at once; one that fails or hangs takes its figures with it and nothing else."""
    ok = GaugeMetricFamily("bklog_scrape_ok", "Whether a source of this page has answered", labels=["source"])
    answers = {name: start(("metrics", name), source) for name, source in sources.items()}
    for name, answer in answers.items():
        try:
            yield from answer.result(SOURCE_SECONDS)
            ok.add_metric([name], 1)
        except (BklogError, TimeoutError):
            ok.add_metric([name], 0)
    yield ok
    yield InfoMetricFamily("bklog_build", "What runs here", value={"version": __version__})


def _programs() -> list[Metric]:
    up = GaugeMetricFamily("bklog_program_up", "Whether a program runs", labels=["program"])
    restarts = CounterMetricFamily("bklog_program_restarts", "Starts after the first, by program", labels=["program"])
    crashes = GaugeMetricFamily("bklog_program_crashes", "Crashes of the last ten minutes, by program", labels=["program"])
    rss = GaugeMetricFamily("bklog_program_rss_bytes", "Resident memory of a program and its children", labels=["program"])
    cpu = CounterMetricFamily("bklog_program_cpu_seconds", "Time on a processor, since its start", labels=["program"])
    for row in status.read(fleet_of(load())).programs:
        up.add_metric([row.name], int(row.state == "RUNNING"))
        restarts.add_metric([row.name], row.restarts)
        crashes.add_metric([row.name], row.crashes)
        rss.add_metric([row.name], row.rss_bytes)
        cpu.add_metric([row.name], row.cpu_seconds)
    return [up, restarts, crashes, rss, cpu]


def _queues() -> list[Metric]:
    length = GaugeMetricFamily("bklog_queue_length", "Messages that wait", labels=["queue"])
    oldest = GaugeMetricFamily("bklog_queue_oldest_seconds", "Age of the message that waits longest", labels=["queue"])
    workers = GaugeMetricFamily("bklog_queue_workers", "Workers that consume a queue", labels=["queue"])
    for state in read_queues(fleet_of(load()).programs).values():
        length.add_metric([state.name], state.length)
        oldest.add_metric([state.name], state.oldest_seconds)
        workers.add_metric([state.name], state.workers)
    return [length, oldest, workers]


def _store(names: Mapping[str, str]) -> list[Metric]:
    up = GaugeMetricFamily("bklog_store_up", "Whether the store answers")
    parts = GaugeMetricFamily("bklog_store_parts", "Parts of a table, which merges keep few", labels=["table"])
    rows = GaugeMetricFamily("bklog_store_rows", "Rows of a table", labels=["table"])
    size = GaugeMetricFamily("bklog_store_bytes", "Bytes of a table on the disk", labels=["table"])
    try:
        found = the_store().usage()
    except BklogError:
        up.add_metric([], 0)
        return [up]
    up.add_metric([], 1)
    for one in found:
        table = [names.get(one.table, one.table)]
        parts.add_metric(table, one.parts)
        rows.add_metric(table, one.rows)
        size.add_metric(table, one.size_bytes)
    return [up, parts, rows, size]


def _ledger(names: Mapping[str, str]) -> list[Metric]:
    lines = GaugeMetricFamily(
        "bklog_ledger_lines",
        "Lines of the last hour by what became of them, as the ledger says",
        labels=["collector", "outcome"],
    )
    size = GaugeMetricFamily("bklog_ledger_bytes", "Bytes of the last hour, as the ledger says", labels=["collector"])
    for one in the_store().ledgers(since=datetime.now(UTC) - LEDGER):
        name = names.get(one["table"], one["table"])
        for outcome in ("stored", "duplicate", "rejected"):
            lines.add_metric([name, outcome], one[outcome])
        size.add_metric([name], one["size_bytes"])
    return [lines, size]


metrics = by_method(GET=show_metrics)
