"""The periodic tasks in a real fleet: each does its work when its message comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.running_fleet import RunningFleet

pytestmark = pytest.mark.fleet
SETUP = "import django; django.setup()\n"
SEND = SETUP + "from bklog.queues.app import app\nfor name in {names!r}: app.send_task(name)"
LEDGER_OF_LONG_AGO = """
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from bklog.tasks.wiring.store import the_store
from bklog.collect.models import Collector
from bklog.store import LogTable
shop = Collector.objects.get(name="shop")
the_store().set_expiry(LogTable(shop.table, 4))
counts = dict(received=5, stored=4, duplicate=1, rejected={}, marked={}, bytes=9)
moment = datetime.now(UTC) - timedelta(days=20)
rows = [dict(time=f"{moment:%Y-%m-%d %H:%M:%S}", table=shop.table, batch=str(uuid4()), host="h", **counts)]
the_store().insert_rows("ledger", rows * 50, token=uuid4().hex)
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    with RunningFleet(tmp_path_factory.mktemp("fleet"), BKLOG_PROFILE="small") as running:
        yield running


def run(fleet: RunningFleet, folder: Path, code: str) -> str:
    file = folder / "code.py"
    file.write_text(code)
    done = fleet.try_python(str(file))
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def wait_until(holds: Callable[[], object], *, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.5)


def test_each_task_does_its_work(fleet: RunningFleet, tmp_path: Path) -> None:
    shop = fleet.api("POST", "/api/v1/databus/collectors/", {"name": "shop", "retention_days": 30})
    run(fleet, tmp_path, SETUP + LEDGER_OF_LONG_AGO)
    ledger = f"/api/v1/databus/collectors/{shop['id']}/ledger/?hours=9000"
    before = fleet.api("GET", ledger)
    assert before["requests"] == 50

    run(fleet, tmp_path, SEND.format(names=["health.record", "storage.sample", "retention.check", "ledger.roll_up"]))
    wait_until(lambda: fleet.api("GET", "/api/v1/health/history/")["items"])
    periods = fleet.api("GET", "/api/v1/health/history/")["items"]
    assert {"database", "store", "mq"} <= {one["part"] for one in periods}
    wait_until(lambda: fleet.count("RetentionRepaired AND shop", "bklog-platform"))
    wait_until(lambda: fleet.count("LedgerRolledUp", "bklog-platform"))
    assert fleet.api("GET", ledger) == before
    count = SETUP + "from bklog.collect.models import StorageSample; print(StorageSample.objects.count())"
    wait_until(lambda: run(fleet, tmp_path, count) == "4")
    shown = fleet.bklog("storage")
    assert all(name in shown for name in ("shop", "bklog-platform", "bklog-rejects"))
    assert "cannot be told yet" in shown
