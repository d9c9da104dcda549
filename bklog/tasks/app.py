"""`@task(name)`: a function → a Celery task with the queue and limits of the routing table.

What each run adds: the task's id in every log line; for a periodic run, its record: started, ended, how; a run that is done
already (its message came twice) is left out. A task that finds the database away, or loses a deadlock, runs again later.
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
from collections.abc import Callable
from typing import Any, Final

from celery import Task
from django.db import Error as DatabaseError
from django.utils import timezone

from bklog.queues.app import app
from bklog.queues.models import PeriodicRun
from bklog.queues.routing import BY_TASK
from bklog.supervise.database import as_unavailable
from bklog.telemetry.logs import in_task

_LONGEST_PAUSE_SECONDS: Final = 60
_DATABASE_RETRIES: Final = 60  # about an hour: a longer absence is left to what looks for work that was not done
PERIODIC_RUN: Final = "bklog_periodic_run"  # header: the primary key of the PeriodicRun
logger = logging.getLogger("bklog.tasks")
Function = Callable[..., Any]


class RecordedTask(Task):  # type: ignore[type-arg]
    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with in_task(str(self.request.id), str(self.name)):
            try:
                return self._run_once(*args, **kwargs)
            except DatabaseError as problem:
                if as_unavailable(problem) is None:
                    raise
                pause = min(2**self.request.retries, _LONGEST_PAUSE_SECONDS)
                raise self.retry(exc=problem, countdown=pause, max_retries=_DATABASE_RETRIES) from problem

    def _run_once(self, *args: Any, **kwargs: Any) -> Any:
        run_id = (self.request.headers or {}).get(PERIODIC_RUN)
        if run_id is None:
            return self.run(*args, **kwargs)
        return self._run_periodic(int(run_id), *args, **kwargs)

    def _run_periodic(self, run_id: int, *args: Any, **kwargs: Any) -> Any:
        run = PeriodicRun.objects.filter(pk=run_id).exclude(state=PeriodicRun.State.DONE)
        if not run.update(state=PeriodicRun.State.RUNNING, started_at=timezone.now()):
            logger.info("a periodic run that is done came again", extra={"periodic_run": run_id})
            return None
        try:
            result = self.run(*args, **kwargs)
        except Exception as problem:
            ended = {"state": PeriodicRun.State.FAILED, "error": f"{type(problem).__name__}: {problem}"[:500]}
            run.update(finished_at=timezone.now(), **ended)
            raise
        run.update(state=PeriodicRun.State.DONE, finished_at=timezone.now(), error="")
        return result


def task(name: str) -> Callable[[Function], Function]:
    """Raises KeyError where the routing table has no such task. The function takes ids, and may run twice."""
    route = BY_TASK[name]
    return app.task(name=route.task, base=RecordedTask, soft_time_limit=route.soft_seconds, time_limit=route.hard_seconds)


def load_tasks() -> None:
    """Import every area, so that its tasks are known. The folder is the registry."""
    package = importlib.import_module("bklog.tasks")
    for module in pkgutil.iter_modules(package.__path__):
        if module.name not in _PROGRAMS:
            importlib.import_module(f"bklog.tasks.{module.name}")


_PROGRAMS: Final = frozenset({"__main__", "app", "beat", "schedule", "worker"})
