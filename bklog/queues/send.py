"""(task name, ids) → a message in the task's queue, once the transaction that made the ids visible is committed."""

from __future__ import annotations

import logging

from django.db import transaction

from bklog.errors import Unavailable
from bklog.queues.app import app, broker_errors
from bklog.queues.routing import BY_TASK

logger = logging.getLogger("bklog.queues")
Id = int | str


def send(task: str, *ids: Id, countdown_seconds: float = 0) -> None:
    """Raises KeyError for a task that the routing table does not name; Unavailable where the broker takes no message.

    Inside a transaction the failure comes after the commit: what was saved stays, and the sweep of its feature sends it again.
    """
    route = BY_TASK[task]
    transaction.on_commit(lambda: _publish(route.task, ids, countdown_seconds))


def _publish(task: str, ids: tuple[Id, ...], countdown_seconds: float) -> None:
    try:
        app.send_task(task, args=ids, countdown=countdown_seconds or None)
    except broker_errors() as problem:
        raise Unavailable(
            f"the message queue does not take {task}: {problem}", hint="see `bklog healthz`; it will be sent again"
        ) from problem
