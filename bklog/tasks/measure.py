"""Celery's signals → TaskStarted, TaskSucceeded, TaskFailed, TaskRetried. Imported with the tasks, by every worker.

In a child process, which runs one task at a time: prerun ─▶ (retry | failure) ─▶ postrun. A child that was killed, by the
hard time limit or from outside, tells nothing; its parent's lines do.
"""

from __future__ import annotations

import time
from typing import Any, Final

from celery import states
from celery.signals import task_failure, task_postrun, task_prerun, task_retry

from bklog.telemetry import TaskFailed, TaskRetried, TaskStarted, TaskSucceeded

_REASON_CHARACTERS: Final = 500
_began: dict[str, float] = {}


@task_prerun.connect
def _starts(task_id: str, task: Any, **_: Any) -> None:
    _began[task_id] = time.monotonic()
    TaskStarted(task.name, task_id).emit()


@task_failure.connect
def _fails(task_id: str, exception: BaseException, sender: Any, **_: Any) -> None:
    TaskFailed(sender.name, task_id, seconds=_seconds(task_id), reason=_words(exception)).emit()


@task_retry.connect
def _is_retried(request: Any, sender: Any, reason: BaseException | None = None, **_: Any) -> None:
    """Without a reason: its worker lost the broker, and the message comes again."""
    said = _words(reason) if reason else "the connection to the message queue was lost"
    TaskRetried(sender.name, str(request.id), reason=said).emit()


@task_postrun.connect
def _ends(task_id: str, task: Any, state: str | None, **_: Any) -> None:
    if state == states.SUCCESS:
        TaskSucceeded(task.name, task_id, seconds=_seconds(task_id)).emit()
    _began.pop(task_id, None)


def _seconds(task_id: str) -> float:
    now = time.monotonic()
    return round(now - _began.get(task_id, now), 6)


def _words(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {problem}"[:_REASON_CHARACTERS]
