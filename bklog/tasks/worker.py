"""`python -m bklog.tasks worker PROGRAM`: a worker program of the routing table → a Celery worker of its queues.

settings → own keys at the broker → what the former life held goes back → heartbeat → tasks, each in a child process
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, Final

from celery import signals
from django.conf import settings

from bklog.errors import ConfigError
from bklog.queues import nodes
from bklog.queues.app import app
from bklog.queues.routing import WorkerProgram, worker_programs
from bklog.supervise.tether import PR_SET_PDEATHSIG
from bklog.tasks.app import load_tasks

_MAX_CHILD_KIB: Final = 400 * 1024  # a child that grew beyond it is replaced after its task


def main(program: str) -> None:
    worker = _worker(program)
    node = nodes.node_name(worker.name)
    app.conf.broker_transport_options = {**app.conf.broker_transport_options, **nodes.own_keys(node)}
    load_tasks()
    logging.captureWarnings(capture=True)
    _connect_signals(worker, node)
    celery = app.Worker(
        hostname=node,
        queues=list(worker.queues),
        autoscale=(worker.processes, 1),
        max_memory_per_child=_MAX_CHILD_KIB,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        loglevel=settings.BKLOG_LOG_LEVEL,
        quiet=True,
    )
    celery.start()
    sys.exit(celery.exitcode)


def _worker(program: str) -> WorkerProgram:
    programs = worker_programs(settings.BKLOG_PROFILE, high_priority_queue=settings.BKLOG_HIGH_PRIORITY_QUEUE)
    for worker in programs:
        if worker.name == program:
            return worker
    names = ", ".join(worker.name for worker in programs)
    raise ConfigError(f"the profile {settings.BKLOG_PROFILE} has no worker {program!r}", hint=f"it has {names}")


def _connect_signals(worker: WorkerProgram, node: str) -> None:
    heartbeat = nodes.Heartbeat(node, worker.queues)

    def began(**_: Any) -> None:
        nodes.give_back(node)
        heartbeat.start()

    def ended(**_: Any) -> None:
        heartbeat.stop()

    # Weak references would let these functions go with this call.
    signals.celeryd_init.connect(began, weak=False)
    signals.worker_shutdown.connect(ended, weak=False)
    signals.worker_process_init.connect(_tie_to(os.getpid()), weak=False)
    signals.setup_logging.connect(_keep_logging, weak=False)


def _tie_to(parent: int) -> Callable[..., None]:
    """A child does not outlive a killed worker: its task goes to the next one, and two would do it."""

    def tie(**_: Any) -> None:
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:  # it died before the kernel was told
            os.kill(os.getpid(), signal.SIGKILL)

    return tie


def _keep_logging(**_: Any) -> None:
    """Django has configured the log lines: being connected to the signal keeps Celery from doing it again."""
