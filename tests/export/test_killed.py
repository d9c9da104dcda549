"""Workers that are killed while they write: the next one goes on, and the file is the one that nobody interrupted."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import BROKERS
from tests.queues.workers import Site, kill
from tests.store.conftest import StoreServer

pytestmark = pytest.mark.fleet
ROWS = 24_000
SLICE_ROWS = 400
KILLS = 3
SECONDS = 60
SETUP = "import django; django.setup()\n"
FILL = f"""{SETUP}
from pathlib import Path
from bklog.tasks.wiring.store import the_store
from tests.export.site import ExportSite, log_rows
the_store().migrate()
site = ExportSite(the_store(), Path("."))
site.index_set("shop", site.collector("shop", log_rows({ROWS})))
"""
ASK = f"""{SETUP}
from bklog.collect.models import IndexSet
from bklog.export import actions
from bklog.queues.send import send
from tests.export.site import ANN, ask
from datetime import timedelta
from tests.export.site import BEGIN
shop = IndexSet.objects.get()
for asked in {{asked!r}}:
    request = ask(ANN, end=BEGIN + timedelta(days=30), **asked)
    print(actions.create(request, bearer=ANN, index_set=(shop.pk, shop.name), target="local").pk)
actions.promote("ann", slots=3, send=send)
"""
SHOW = f"""{SETUP}
import json
from bklog.export.models import Export
print(json.dumps(list(Export.objects.order_by("pk").values("pk", "state", "rows", "sha256", "reason", "attempts", "ends"))))
"""


@pytest.fixture
def site(store_server: StoreServer, tmp_path: Path) -> Iterator[Site]:
    with BROKERS["valkey"]() as broker:
        made = Site(tmp_path, broker.url)
        made.environ["BKLOG_STORE_URL"] = f"clickhouse://127.0.0.1:{store_server.port}/killed"
        made.environ["BKLOG_EXPORT_SLICE_ROWS"] = str(SLICE_ROWS)
        made.migrate()
        made.python("-c", FILL)
        yield made
        made.stop()


def ask(site: Site, *asked: dict[str, str]) -> list[int]:
    return [int(line) for line in site.python("-c", ASK.format(asked=asked)).split()]


def shown(site: Site) -> dict[int, dict[str, Any]]:
    return {one["pk"]: one for one in json.loads(site.python("-c", SHOW))}


def wait_for_files(site: Site, pks: list[int], sizes: dict[int, int]) -> None:
    """Until each file is longer than it was."""
    until = time.monotonic() + SECONDS
    while not all(size_of(site, pk) > sizes.get(pk, 0) for pk in pks):
        assert time.monotonic() < until, (site.log("async_export.log")[-3000:], shown(site))
        time.sleep(0.01)


def size_of(site: Site, pk: int) -> int:
    return sum(file.stat().st_size for file in site.home.glob(f"export/export-{pk}-*/shop-*"))


def wait_until_ended(site: Site, pks: list[int]) -> dict[int, dict[str, Any]]:
    until = time.monotonic() + SECONDS
    while True:
        found = shown(site)
        if all(found[pk]["state"] not in ("pending", "running", "storing") for pk in pks):
            return found
        assert time.monotonic() < until, (site.log("async_export.log")[-3000:], found)
        time.sleep(0.3)


def test_killed_again_and_again_the_files_are_as_if_nothing_had_happened(site: Site) -> None:
    kinds = [{"format": "jsonl", "compression": "zstd", "order": "oldest"}, {"format": "parquet", "order": "newest"}]
    interrupted = ask(site, *kinds)
    sizes: dict[int, int] = {}
    for _ in range(KILLS):
        worker = site.worker("async_export")
        wait_for_files(site, interrupted, sizes)
        kill(worker)
        sizes = {pk: size_of(site, pk) for pk in interrupted}
    between = shown(site)
    assert all(0 < between[pk]["rows"] < ROWS for pk in interrupted), "killed in the middle"
    site.worker("async_export")
    whole = ask(site, *kinds)
    ended = wait_until_ended(site, [*interrupted, *whole])
    for one, other in zip(interrupted, whole, strict=True):
        assert (ended[one]["state"], ended[one]["rows"]) == (ended[other]["state"], ended[other]["rows"]) == ("success", ROWS)
        assert ended[one]["sha256"] == ended[other]["sha256"]
        assert len(ended[one]["ends"]) > KILLS
    left = {file.name for folder in site.home.glob("export/*") for file in folder.iterdir()}
    names = [(pk, suffix) for pair in (interrupted, whole) for pk, suffix in zip(pair, ("jsonl.zst", "parquet"), strict=True)]
    assert left == {f"shop-{pk}.{suffix}" for pk, suffix in names}
