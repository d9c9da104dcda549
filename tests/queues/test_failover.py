"""A message queue of several nodes loses one: what was accepted is done, and what is sent afterwards too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from redis import Redis

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


def client_of(broker: Broker) -> Redis:
    assert isinstance(broker.listens, int)
    return Redis(port=broker.listens, decode_responses=True)


@pytest.fixture
def parts() -> Iterator[tuple[Broker, Broker]]:
    """The master of a replica, and the sentinel over both."""
    with ExitStack() as stack:
        master = stack.enter_context(redis("--repl-diskless-sync-delay", "0"))
        stack.enter_context(redis("--replicaof", f"127.0.0.1 {master.listens}"))
        at_master = client_of(master)
        wait_until(lambda: "'state': 'online'" in str(at_master.info("replication")))
        watch = stack.enter_context(sentinel(master))  # which asks the master for replicas when it starts, then seldom
        at_watch = client_of(watch)
        wait_until(lambda: "'master-link-status': 'ok'" in str(at_watch.sentinel_slaves("mymaster")))
        yield master, watch


def test_the_replica_of_a_killed_redis_takes_over(parts: tuple[Broker, Broker], tmp_path: Path) -> None:
    master, watch = parts
    site = Site(tmp_path, watch.url)
    site.migrate()
    try:
        site.send_all([("probe.note", f"before-{number}") for number in range(5)])
        at_master = client_of(master)  # replication does not make the sender wait; this does, for all that came before
        at_master.set("after", "these")
        assert at_master.wait(1, 30_000) == 1
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
