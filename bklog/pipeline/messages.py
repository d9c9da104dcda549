"""PipelineRun → a message to the program whose turn it is. One that the broker does not take is left to the sweep."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final, Protocol

from bklog.errors import Unavailable
from bklog.pipeline.models import PipelineRun

LOST_AFTER: Final = timedelta(seconds=60)  # beyond the moment at which its message should have been worked on
logger = logging.getLogger("bklog.pipeline")


class Send(Protocol):
    """`bklog.queues.send.send`."""

    def __call__(self, task: str, *ids: int | str, countdown_seconds: float = 0) -> None: ...


def dispatch(run: PipelineRun, send: Send, *, countdown_seconds: float = 0) -> None:
    """Not within a transaction: the run must be found as it is when the message comes."""
    try:
        send(task_of(run), run.pk, run.position, countdown_seconds=countdown_seconds)
    except Unavailable as error:
        logger.warning("a pipeline's message waits for the sweep", extra={"run_id": run.pk, "reason": error.message})


def task_of(run: PipelineRun) -> str:
    name = "pipeline.poll" if run.state == PipelineRun.State.WAITING else "pipeline.step"
    return f"{name}_priority" if run.urgent else name
