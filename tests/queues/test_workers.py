"""Tasks through a real broker and real workers: done once whatever is killed, limited in time, JSON only."""

from __future__ import annotations

import os
import signal
import time

import pytest

from bklog.queues.routing import WORKERS
from tests.brokers import Broker
from tests.queues.workers import Site, kill
from tests.waiting import wait_until

pytestmark = pytest.mark.fleet


def test_a_task_runs_and_each_of_its_log_lines_has_its_id(site: Site) -> None:
    site.worker()
    site.send("fleet.echo", "hello-42")

    wait_until(lambda: '"echo": "hello-42"' in site.log("celery.log"))
    line = next(line for line in site.log("celery.log").splitlines() if '"echo": "hello-42"' in line)
    assert '"task_id": "' in line
    assert '"task": "fleet.echo"' in line


def test_a_task_whose_worker_is_killed_is_done_by_the_next_one_and_only_once(site: Site) -> None:
    worker = site.worker()
    site.send("probe.slow", "killed", 3.0)
    wait_until(lambda: site.traces("began", "killed"))
    kill(worker)

    site.worker()
    wait_until(lambda: site.traces("done", "killed"))
    time.sleep(4)  # a child of the first worker that lived on would be done by now
    first, second = site.traces("began", "killed")
    assert site.traces("done", "killed") == [second]
    assert first != second


def test_each_worker_program_does_the_task_it_held_when_it_was_killed_once(site: Site) -> None:
    programs = [worker.name for worker in WORKERS]
    killed = [site.worker(name) for name in programs]
    wait_until(lambda: all(" ready." in site.log(f"{name}.log") for name in programs), seconds=60)
    site.send_all([(f"probe.slow_{name}", name, 5.0) for name in programs])
    wait_until(lambda: all(site.traces("began", name) for name in programs), seconds=60)
    for process in killed:
        kill(process)
    assert not any(site.traces("done", name) for name in programs)

    for name in programs:
        site.worker(name)
    wait_until(lambda: all(site.traces("done", name) for name in programs), seconds=60)
    time.sleep(1)
    for name in programs:
        first, second = site.traces("began", name)
        assert site.traces("done", name) == [second]
        assert first != second


def test_a_task_whose_process_is_killed_is_done_by_another_process_of_the_worker(site: Site) -> None:
    site.worker()
    site.send("probe.slow", "orphan", 2.0)
    wait_until(lambda: site.traces("began", "orphan"))
    os.kill(site.traces("began", "orphan")[0], signal.SIGKILL)

    wait_until(lambda: site.traces("done", "orphan"))
    assert len(site.traces("began", "orphan")) == 2


def test_a_task_beyond_its_limits_is_told_then_ended_and_does_not_come_back(site: Site) -> None:
    site.worker()
    site.send("probe.overdue", "late")
    site.send("probe.note", "after")

    wait_until(lambda: site.traces("told", "SoftTimeLimitExceeded"))
    wait_until(lambda: "Hard time limit" in site.log("celery.log"))
    wait_until(lambda: site.traces("done", "after"))
    time.sleep(2)
    assert len(site.traces("began", "late")) == 1


def test_messages_survive_a_killed_broker_and_the_worker_finds_it_again(site: Site, broker: Broker) -> None:
    site.send_all([("probe.note", f"before-{number}") for number in range(5)])
    broker.kill()
    worker = site.worker()
    time.sleep(1)
    broker.start()

    wait_until(lambda: all(site.traces("acknowledged", f"before-{number}") for number in range(5)), seconds=60)
    broker.kill()  # of a worker that holds nothing: one that does would end with it
    broker.start()
    site.send("probe.note", "again")
    wait_until(lambda: site.traces("done", "again"), seconds=60)
    assert worker.poll() is None
    assert all(len(site.traces("done", f"before-{number}")) == 1 for number in range(5))


def test_a_stop_lets_a_running_task_end(site: Site) -> None:
    worker = site.worker()
    site.send("probe.slow", "graceful", 2.0)
    wait_until(lambda: site.traces("began", "graceful"))
    worker.terminate()

    assert worker.wait(20) == 0
    assert len(site.traces("done", "graceful")) == 1


def test_a_pickled_message_is_refused(site: Site) -> None:
    site.worker()
    site.python("-c", PICKLED.format(file=site.probe_file))
    site.send("probe.note", "next")

    wait_until(lambda: site.traces("done", "next"))
    assert "evil" not in site.probe_file.read_text()
    assert "pickle" in site.log("celery.log")


PICKLED = """
import django; django.setup()
from kombu.serialization import enable_insecure_serializers
enable_insecure_serializers(["pickle"])
from bklog.queues.app import app

class Evil:
    def __reduce__(self):
        return (eval, ("open({file!r}, 'a').write('evil evil 1')",))

app.send_task("fleet.echo", args=[Evil()], serializer="pickle")
"""
