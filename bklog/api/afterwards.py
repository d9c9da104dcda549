"""What nobody has to wait for: a request's lines and counts, its place in a history. Done once its answer has been sent.

view ─ afterwards(job) ─▶ answer ─▶ server sends it ─▶ Django's request_finished ─▶ jobs, in their order, in the same thread
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from contextvars import ContextVar
from typing import Final

from django.core.signals import request_finished

Job = Callable[[], None]
_JOBS: Final[ContextVar[tuple[Job, ...]]] = ContextVar("jobs", default=())


def afterwards(job: Job) -> None:
    _JOBS.set((*_JOBS.get(), job))


def _do_jobs(**_of_the_signal: object) -> None:
    """One that fails keeps none of the others from being done."""
    with ExitStack() as stack:
        for job in reversed(_JOBS.get()):
            stack.callback(job)
        _JOBS.set(())


request_finished.connect(_do_jobs, dispatch_uid="bklog.api.afterwards")
