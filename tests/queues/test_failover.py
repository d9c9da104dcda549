"""A message queue of several nodes loses one: what was accepted is done, and what is sent afterwards too."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.brokers import Broker, redis, running
from tests.queues.workers import Site
from tests.servers import folder, free_port, require
from tests.waiting import wait_until

pytestmark = pytest.mark.fleet


@contextmanager
def sentinel(master: Broker) -> Iterator[Broker]:
    with folder() as where:
        port = free_port()
        configuration = where / "sentinel.conf"
        configuration.write_text(
            f"port {port}\nbind 127.0.0.1\nsentinel monitor mymaster 127.0.0.1 {master.listens} 1\n"
            "sentinel down-after-milliseconds mymaster 1000\nsentinel failover-timeout mymaster 3000\n"
        )
        command = [require("redis-server"), str(configuration), "--sentinel"]
        with running(Broker(f"sentinel://127.0.0.1:{port}/0", command, where, port)) as broker:
            yield broker


@pytest.fixture
def parts() -> Iterator[tuple[Broker, Broker]]:
    """The master of a replica, and the sentinel over both."""
    with ExitStack() as stack:
        master = stack.enter_context(redis())
        stack.enter_context(redis("--replicaof", f"127.0.0.1 {master.listens}"))
        watch = stack.enter_context(sentinel(master))
        time.sleep(2)  # the replica follows, the sentinel knows it
        yield master, watch


def test_the_replica_of_a_killed_redis_takes_over(parts: tuple[Broker, Broker], tmp_path: Path) -> None:
    master, watch = parts
    site = Site(tmp_path, watch.url)
    site.migrate()
    try:
        site.send_all([("probe.note", f"before-{number}") for number in range(5)])
        time.sleep(1)  # replication of Redis does not make the sender wait
        master.kill()
        worker = site.worker()
        wait_until(lambda: all(site.traces("done", f"before-{number}") for number in range(5)), seconds=60)
        site.send("probe.note", "after")
        wait_until(lambda: site.traces("done", "after"), seconds=30)
        assert worker.poll() is None
    finally:
        site.stop()


def test_of_several_addresses_one_that_answers_is_taken(tmp_path: Path) -> None:
    with redis("--appendonly", "yes") as broker:
        site = Site(tmp_path, f"redis://127.0.0.1:{free_port()}/0;{broker.url}")
        site.migrate()
        try:
            site.worker()
            site.send("probe.note", "found")
            wait_until(lambda: site.traces("done", "found"))
        finally:
            site.stop()
