"""Settings → the Celery application: JSON only, acknowledged late, every task in the queue that `routing` gives it.

Over Redis each worker keeps what it has not acknowledged under keys of its own name (see `nodes`), so that the next start of
the same worker gives them back at once; RabbitMQ does that by itself when the connection ends.
"""

from __future__ import annotations

import os
import time
from typing import Any, Final

from celery import Celery
from celery.signals import before_task_publish
from django.conf import settings
from kombu import Exchange, Queue
from kombu.exceptions import OperationalError

from bklog.queues.routing import BY_TASK, all_queues, queue_of

SENT_AT: Final = "bklog_sent_at"  # header: seconds since 1970, from which the age of a message is known
_NEVER_SECONDS: Final = 10 * 365 * 86400
_DEFAULT: Final = "celery"

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")


def configuration() -> dict[str, Any]:
    queue = settings.MESSAGE_QUEUE
    return {
        "broker_url": queue.url,
        "broker_transport_options": _transport_options(),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_connection_timeout": 4,
        "broker_pool_limit": 4,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_prefetch_multiplier": 1,
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_max_tasks_per_child": 500,
        "worker_detect_quorum_queues": True,
        "control_queue_ttl": 60,
        "task_default_queue": _DEFAULT,
        "task_queues": [_queue(name) for name in _names()],
        "task_routes": (_route,),
        "task_create_missing_queues": False,
        "task_publish_retry_policy": {"max_retries": 2, "interval_start": 0.1, "interval_step": 0.3, "interval_max": 0.5},
        "enable_utc": True,
        "timezone": "UTC",
    }


def is_amqp() -> bool:
    url: str = settings.MESSAGE_QUEUE.url
    return url.startswith(("amqp://", "amqps://"))


def broker_errors() -> tuple[type[BaseException], ...]:
    """What is raised while the broker is away: kombu's own error, the kernel's, and those of the client library."""
    connection = app.connection_for_write()
    return (OperationalError, OSError, *connection.connection_errors)


def _transport_options() -> dict[str, Any]:
    options = dict(settings.MESSAGE_QUEUE.transport_options)
    if is_amqp():
        return options | {"confirm_publish": True}
    # Nothing comes back by time alone: a worker that is only slow would have its task run twice. See `nodes`.
    return options | {"visibility_timeout": _NEVER_SECONDS, "queue_order_strategy": "priority", "socket_keepalive": True}


def _names() -> tuple[str, ...]:
    high: str = settings.BKLOG_HIGH_PRIORITY_QUEUE
    return all_queues() if high in all_queues() else (*all_queues(), high)


def _queue(name: str) -> Queue:
    exchange = Exchange(name, type="direct", durable=True)
    arguments = {"x-queue-type": "quorum"} if is_amqp() else None
    return Queue(name, exchange, routing_key=name, durable=True, queue_arguments=arguments)


def _route(name: str, *_: Any, **__: Any) -> dict[str, str] | None:
    if name not in BY_TASK:
        return None  # Celery's own
    return {"queue": queue_of(name, high_priority_queue=settings.BKLOG_HIGH_PRIORITY_QUEUE)}


@before_task_publish.connect
def _stamp(headers: dict[str, Any] | None = None, **_: Any) -> None:
    if headers is not None:
        headers.setdefault(SENT_AT, time.time())


app = Celery("bklog", set_as_current=True)
app.add_defaults(configuration)
