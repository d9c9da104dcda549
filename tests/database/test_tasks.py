"""Tasks that meet a database that is away: they run again when it is back, with all that their message carried."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers import BROKERS
from tests.databases import SERVERS, DatabaseServer
from tests.queues.workers import Site, wait_until

pytestmark = pytest.mark.fleet
SETUP = "import django; django.setup(); from bklog.queues.models import PeriodicRun; from django.utils.timezone import now\n"
RECORD = SETUP + "print(PeriodicRun.objects.create(name='queues.clean', due_at=now(), state='sent', sent_by='test').pk)"
SEND = SETUP + "from bklog.queues.app import app; app.send_task('queues.clean', headers={{'bklog_periodic_run': {pk}}})"
READ = SETUP + "run = PeriodicRun.objects.get(pk={pk}); print(run.state, run.error)"


@pytest.fixture(params=sorted(SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    with SERVERS[request.param]() as running:
        yield running


@pytest.fixture
def site(server: DatabaseServer, tmp_path: Path) -> Iterator[Site]:
    with BROKERS["valkey"]() as broker:
        made = Site(tmp_path, broker.url, server.url)
        made.migrate()
        yield made
        made.stop()


def test_a_task_runs_again_when_the_database_is_back(site: Site, server: DatabaseServer) -> None:
    site.worker()
    site.send("probe.note", "warm")
    wait_until(lambda: site.traces("done", "warm"))
    pk = int(site.python("-c", RECORD))

    server.stop()
    site.python("-c", SEND.format(pk=pk))
    wait_until(lambda: site.log("celery.log").count("retry: Retry in") >= 2)
    server.start()
    wait_until(lambda: site.python("-c", READ.format(pk=pk)).strip() == "done")
