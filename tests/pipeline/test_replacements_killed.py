"""A table is replaced while a sender sends and everything else is killed at every step: each line is there once."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import pytest

from bklog.collect.sender import Batch, Source, open_sender
from bklog.collect.upload import deliver
from tests.pipeline.killing import Stage, stage
from tests.store.conftest import StoreServer, end, free_port, start, wait_for

pytestmark = pytest.mark.fleet

STEPS: Final = ["begin", "fill", "swap"]
RULE: Final = {"kind": "json", "types": {"number": "int"}, "time_field": "ts"}
MAKE: Final = """
from bklog.collect.actions import create_collector
from bklog.collect.drafts import Draft
from bklog.collect.ingest_tokens import create_ingest_token
from bklog.tasks.wiring.store import the_store
create_ingest_token(create_collector(Draft("shop", 30), store=the_store()), made_by="tests")[1]
"""
LEFT: Final = """
from bklog.collect.models import Collector, Replacement
from bklog.tasks.wiring.replacements import put_in_order
from bklog.tasks.wiring.store import the_store
put_in_order()
shop = Collector.objects.get()
tables = {name: sorted(t for t in place.expiry_days() if "shop" in t) for name, place in the_store().places().items()}
[shop.table, shop.store, shop.clean_rule["kind"], shop.log_table.known_as, Replacement.objects.count(), tables]
"""


class Sending:
    """One sender, which sends a batch after the other for as long as it takes, and knows what was acknowledged."""

    def __init__(self, url: str, token: str) -> None:
        self.acknowledged: list[int] = []
        self.longest_seconds = 0.0
        self._sender, self._token = open_sender(url, parallel=1), token
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def batch(self, number: int) -> Batch:
        lines = (f'{{"ts": "2026-11-2{number % 5}T10:00:00Z", "number": {number * 10 + n}}}' for n in range(10))
        return Batch("\n".join(lines).encode(), f"batch-{number}", "lines", self._token, Source("h", "/var/log/shop.log"))

    def send(self, number: int) -> int:
        """Returns how many lines were duplicates."""
        began = time.monotonic()
        receipt = deliver(self._sender, self.batch(number), retry_seconds=120, stopped=threading.Event())
        self.longest_seconds = max(self.longest_seconds, time.monotonic() - began)
        assert receipt.stored + receipt.duplicate == 10
        return receipt.duplicate

    def _run(self) -> None:
        number = 0
        while not self._stopped.is_set():
            self.send(number)
            self.acknowledged += range(number * 10, number * 10 + 10)
            number += 1
            time.sleep(0.02)

    def __enter__(self) -> Sending:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    server = start(tmp_path_factory.mktemp("far") / "data")
    yield server
    end(server)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, far: StoreServer) -> Iterator[Stage]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("BKLOG_STORES", f"far=clickhouse://127.0.0.1:{far.port}/bklog")
        patched.setenv("BKLOG_REPLACED_KEEP_SECONDS", "0")
        with stage(tmp_path_factory.mktemp("replaced")) as running:
            yield running


@pytest.fixture(scope="module")
def token(made: Stage) -> str:
    return str(made.call(MAKE))


@pytest.fixture
def sending(made: Stage, token: str) -> Sending:
    port = free_port()
    made.site.start("-m", "bklog.supervise.serve", "bklog.api.ingest_asgi:application", "--port", str(port), log="ingest.log")
    url = f"http://127.0.0.1:{port}"
    wait_for(lambda: "isten" in made.site.log("ingest.log"), what="ingest to listen", seconds=60)
    return Sending(url, token)


def numbers(server: StoreServer, table: str) -> Counter[int]:
    text = server.run(f"SELECT JSONExtractInt(log, 'number') AS n, count() AS times FROM bklog.{table} GROUP BY n FORMAT JSON")
    return Counter({int(row["n"]): int(row["times"]) for row in json.loads(text)["data"]})


def run_killed(made: Stage, pipeline: str, wanted: dict[str, Any]) -> dict[str, Any]:
    context = {"collector_id": 1, "name": "shop", "wanted": wanted}
    run_id = made.begin(pipeline, "collector:shop", context, urgent=False)
    killed = made.survive(run_id)
    shown = made.shown(run_id)
    assert (shown["state"], [step["name"] for step in shown["steps"]]) == ("done", STEPS), shown
    assert {step for step, _ in killed} == set(STEPS)
    assert made.ended_steps(run_id) == dict.fromkeys(STEPS, 1)
    return shown


def test_lines_are_cleaned_anew_and_moved_while_a_sender_goes_on(made: Stage, far: StoreServer, sending: Sending) -> None:
    with sending:
        wait_for(lambda: len(sending.acknowledged) > 50, what="the first lines", seconds=60)
        run_killed(made, "collector_reclean", {"clean_rule": RULE, "index": "bloom", "store": "main"})
        assert made.call(LEFT)[:5] == ["c1g2_shop", "main", "json", "c1_shop", 0]
        so_far = len(sending.acknowledged)
        wait_for(lambda: len(sending.acknowledged) > so_far + 50, what="lines after the swap", seconds=60)

        run_killed(made, "collector_move", {"clean_rule": RULE, "index": "bloom", "store": "far"})
        so_far = len(sending.acknowledged)
        wait_for(lambda: len(sending.acknowledged) > so_far + 50, what="lines after the move", seconds=60)

    table, store, _, account, left, tables = made.call(LEFT)
    assert (table, store, account, left) == ("c1g3_shop", "far", "c1_shop", 0)
    assert tables == {"main": [], "far": ["c1g3_shop"]}
    assert numbers(far, table) == Counter(dict.fromkeys(sending.acknowledged, 1))
    assert far.run(f"SELECT uniqExact(toDate(time)), countIf(parse_error != '') FROM bklog.{table}") == "5\t0\n"
    assert sending.send(3) == 10, "what was sent before both is known after them"
    ledger = made.store.run("SELECT sum(stored) FROM bklog.ledger WHERE table = 'c1_shop'")
    assert int(ledger) == len(sending.acknowledged), "the ledger counts under one name all the time"
    assert sending.longest_seconds < 60, "it goes on before its own patience ends"
