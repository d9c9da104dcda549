"""`python -m tests.queues.probe worker NAME` or `beat`: programs of a fleet with tasks whose traces a test can count.

Each line of $PROBE_FILE is one step of one task: `<what> <text> <pid>`.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Final

import django

from bklog.queues import routing

_ROUTES: Final = (
    routing.Route("probe.note", "celery", 60, 90),
    routing.Route("probe.slow", "default", 60, 90),
    routing.Route("probe.overdue", "default", 1, 2),
    routing.Route("probe.periodic", "celery", 60, 90),
)
# One for each worker program: `probe.slow_NAME`.
_OF_PROGRAMS: Final = tuple(
    routing.Route(f"probe.slow_{worker.name}", worker.queues[-1], 60, 90)  # type: ignore[arg-type]
    for worker in routing.WORKERS
)


def add_routes() -> None:
    routing.BY_TASK.update({route.task: route for route in (*_ROUTES, *_OF_PROGRAMS)})


def trace(what: str, text: str) -> None:
    with Path(os.environ["PROBE_FILE"]).open("a") as file:
        file.write(f"{what} {text} {os.getpid()}\n")


def _add_tasks() -> None:
    from bklog.queues.app import app
    from bklog.queues.models import PeriodicRun
    from bklog.tasks.app import PERIODIC_RUN, task

    @task("probe.periodic")
    def periodic() -> None:
        assert app.current_task
        run = PeriodicRun.objects.get(pk=(app.current_task.request.headers or {})[PERIODIC_RUN])
        trace("periodic", run.due_at.isoformat())

    @task("probe.note")
    def note(text: str) -> None:
        trace("done", text)

    def slow(text: str, seconds: float) -> None:
        trace("began", text)
        time.sleep(seconds)
        trace("done", text)

    for route in _OF_PROGRAMS:
        task(route.task)(slow)
    task("probe.slow")(slow)

    @task("probe.overdue")
    def overdue(text: str) -> None:
        trace("began", text)
        while True:
            try:
                time.sleep(60)
            except Exception as problem:  # noqa: BLE001 what a task must not do: the hard limit is for those that do
                trace("told", type(problem).__name__)


def _trace_acknowledgements() -> None:
    """A task is done before the broker is told so: who kills the broker in between has the task done twice."""
    from celery.worker.request import Request

    acknowledge = Request.acknowledge

    def traced(request: Request) -> None:
        acknowledge(request)
        trace("acknowledged", str(next(iter(request.args), "-")))

    setattr(Request, "acknowledge", traced)  # noqa: B010 a method of the library


def main() -> None:
    django.setup()
    add_routes()
    from bklog.tasks import beat, worker  # their modules need Django's models
    from bklog.tasks.schedule import Periodic

    if sys.argv[1] == "beat":
        entries = (Periodic("probe.periodic", int(os.environ["PROBE_EVERY_SECONDS"])),)
        setattr(beat, "SCHEDULE", entries)  # noqa: B010 what it imported
        beat.main()
    _add_tasks()
    _trace_acknowledgements()
    worker.main(sys.argv[2])


if __name__ == "__main__":
    main()
