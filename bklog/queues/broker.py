"""What waits at the broker: one QueueState a queue, asked of Redis or RabbitMQ in the same words."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bklog.errors import Unavailable
from bklog.queues import nodes
from bklog.queues.app import SENT_AT, app, broker_errors, is_amqp


@dataclass(frozen=True, slots=True)
class QueueState:
    """`length` are the messages that wait; `oldest_seconds` the age of the first of them; `workers` consume the queue."""

    name: str
    length: int
    oldest_seconds: float
    workers: int


def queue_states(names: Sequence[str]) -> list[QueueState]:
    """Raises Unavailable where the broker does not answer."""
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1)
            return _rabbit_states(connection, names) if is_amqp() else _redis_states(connection, names)
    except broker_errors() as problem:
        raise Unavailable(f"the message queue does not answer: {problem}", hint="see `bklog healthz`") from problem


def _redis_states(connection: Any, names: Sequence[str]) -> list[QueueState]:
    workers = Counter(queue for node in nodes.alive() for queue in node.queues)
    with connection.channel() as channel, channel.client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.llen(name)
            pipe.lindex(name, -1)  # they enter at the left
        answers = pipe.execute()
    pairs = zip(answers[::2], answers[1::2], strict=True)
    return [
        QueueState(name, length, _age(json.loads(oldest)["headers"]) if oldest else 0.0, workers[name])
        for name, (length, oldest) in zip(names, pairs, strict=True)
    ]


def _rabbit_states(connection: Any, names: Sequence[str]) -> list[QueueState]:
    return [_rabbit_state(connection, name) for name in names]


def _rabbit_state(connection: Any, name: str) -> QueueState:
    """The first message is looked at and given back, which leaves it where it was."""
    with connection.channel() as channel:  # a queue that is missing closes it
        try:
            declared = channel.queue_declare(name, passive=True)
        except connection.channel_errors:
            return QueueState(name, 0, 0.0, 0)  # nothing was sent to it and nobody consumes it
        message = channel.basic_get(name) if declared.message_count else None
        age = _age(message.headers) if message else 0.0
        if message:
            channel.basic_reject(message.delivery_tag, requeue=True)
        return QueueState(name, declared.message_count, age, declared.consumer_count)


def _age(headers: dict[str, Any]) -> float:
    """0 for a message that is not ours and says no time."""
    sent_at: float = headers.get(SENT_AT, time.time())
    return max(0.0, time.time() - sent_at)
