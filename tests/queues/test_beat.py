"""Any number of beats, one leader: nothing is sent twice, nothing is left out, a killed leader is followed."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bklog.tasks.schedule import Periodic
from tests.brokers import Broker
from tests.queues.workers import Site, kill, wait_until

LEASE_SECONDS = 10


@pytest.mark.parametrize(
    ("every_seconds", "offset_seconds", "at", "due"),
    [
        (60, 0, "2026-01-02T03:04:05", "2026-01-02T03:04:00"),
        (60, 0, "2026-01-02T03:04:00", "2026-01-02T03:04:00"),
        (86400, 3 * 3600, "2026-01-02T02:59:59", "2026-01-01T03:00:00"),
        (86400, 3 * 3600, "2026-01-02T03:00:00", "2026-01-02T03:00:00"),
    ],
)
def test_due_times_are_the_same_for_all(every_seconds: int, offset_seconds: int, at: str, due: str) -> None:
    entry = Periodic("queues.clean", every_seconds, offset_seconds)
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)

    assert entry.last_due(moment) == datetime.fromisoformat(due).replace(tzinfo=UTC)


@pytest.fixture
def sites(broker: Broker, tmp_path: Path) -> Iterator[tuple[Site, Site]]:
    """Two fleets, each with a home of its own, on one database and one broker."""
    homes = [tmp_path / name for name in ("a", "b")]
    for home in homes:
        home.mkdir()
    database = f"sqlite:///{tmp_path}/shared.sqlite3"
    first, second = (Site(home, broker.url, database) for home in homes)
    for site in (first, second):
        site.environ["PROBE_EVERY_SECONDS"] = "1"
    first.migrate()
    yield first, second
    first.stop()
    second.stop()


@pytest.mark.fleet
def test_two_fleets_have_one_leader_and_a_killed_one_is_followed(sites: tuple[Site, Site]) -> None:
    first = sites[0]
    beats = [site.start("-m", "tests.queues.probe", "beat", log="beat.log") for site in sites]
    worker_of_each = [site.worker() for site in sites]
    wait_until(lambda: any(_leads(site) for site in sites))
    time.sleep(5)
    leader, other = (0, 1) if _leads(first) else (1, 0)
    assert not _leads(sites[other])

    kill(beats[leader])
    # On one machine a dead holder is seen at once; the lease is the bound for another one.
    wait_until(lambda: _leads(sites[other]), seconds=LEASE_SECONDS + 3)
    time.sleep(5)
    for beat in beats:
        beat.terminate()
        beat.wait(15)

    runs = json.loads(first.python("-c", RUNS))
    wait_until(lambda: set(_made(sites)) == {due for due, _ in runs})
    assert len(runs) == len({due for due, _ in runs}) > 8
    assert set(Counter(_made(sites)).values()) == {1}
    assert _gaps(runs) == []
    assert {node for _, node in runs} == {_node(site) for site in sites}
    assert all(worker.poll() is None for worker in worker_of_each)


def _leads(site: Site) -> bool:
    return "this beat leads" in site.log("beat.log")


def _made(sites: tuple[Site, Site]) -> list[str]:
    lines = [line.split() for site in sites for line in site.probe_file.read_text().splitlines()]
    return [text for what, text, _ in lines if what == "periodic"]


def _gaps(runs: list[tuple[str, str]]) -> list[tuple[datetime, datetime]]:
    times = sorted(datetime.fromisoformat(due) for due, _ in runs)
    return [(a, b) for a, b in itertools.pairwise(times) if b - a != timedelta(seconds=1)]


def _node(site: Site) -> str:
    return site.python(
        "-c", "import django; django.setup(); from bklog.queues import nodes; print(nodes.node_name('beat'))"
    ).strip()


NODE = """
import django; django.setup()
from bklog.queues import nodes
print(nodes.node_name("beat"))
"""
RUNS = """
import django; django.setup()
import json
from bklog.queues.models import PeriodicRun
runs = PeriodicRun.objects.filter(name="probe.periodic")
print(json.dumps([(run.due_at.isoformat(), run.sent_by) for run in runs]))
"""
