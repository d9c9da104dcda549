"""Which workers live, and what happens to the messages of those that do not. Only Redis needs this: RabbitMQ knows both.

worker start → its own unacknowledged messages go back to their queues → a key that expires, renewed each BEAT_SECONDS
`queues.clean` (periodic) → the messages of nodes whose key expired go back too

The key is at the broker and not in the database, because a worker forks: SQLite's locks do not survive that.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings

from bklog.queues.app import app, broker_errors, is_amqp

BEAT_SECONDS: Final = 10
GONE_SECONDS: Final = 45
_HELD: Final = "bklog:held:"
_HELD_INDEX: Final = "bklog:held-index:"
_HELD_MUTEX: Final = "bklog:held-mutex:"
_NODE: Final = "bklog:node:"
logger = logging.getLogger("bklog.queues")


@dataclass(frozen=True, slots=True)
class Node:
    name: str
    host: str
    pid: int
    queues: tuple[str, ...]


def node_name(program: str) -> str:
    """The same at each start of the same program of the same fleet, and another for every other fleet of the host."""
    home = hashlib.sha256(str(settings.BKLOG_HOME).encode()).hexdigest()[:8]
    return f"{program}@{socket.gethostname()}-{home}"


def own_keys(node: str) -> dict[str, str]:
    """Transport options that keep what this node has not acknowledged apart from that of the others."""
    if is_amqp():
        return {}
    return {
        "unacked_key": _HELD + node,
        "unacked_index_key": _HELD_INDEX + node,
        "unacked_mutex_key": _HELD_MUTEX + node,
    }


def give_back(node: str) -> int:
    """What the node held goes to the front of its queues again; returns how many messages. Not for a node that lives."""
    if is_amqp():
        return 0
    with _channel(own_keys(node)) as channel:
        tags = channel.client.hkeys(_HELD + node)
        for tag in tags:
            channel.qos.restore_by_tag(tag.decode(), leftmost=True)
    if tags:
        logger.warning("a worker ended with messages in hand; they are back", extra={"node": node, "messages": len(tags)})
    return len(tags)


def give_back_of_the_gone() -> int:
    """Returns how many messages were given back."""
    if is_amqp():
        return 0
    with _channel() as channel:
        holders = {key.decode().removeprefix(_HELD) for key in channel.client.scan_iter(match=_HELD + "*", count=1000)}
    return sum(give_back(node) for node in sorted(holders - {node.name for node in alive()}))


def alive() -> list[Node]:
    """The workers that renewed their key; over RabbitMQ, which has none, nothing: ask for a queue's consumers instead."""
    if is_amqp():
        return []
    with _channel() as channel:
        keys = sorted(channel.client.scan_iter(match=_NODE + "*", count=1000))
        found = channel.client.mget(keys) if keys else []
    return [_node(text) for text in found if text]


def _node(text: bytes) -> Node:
    fields = json.loads(text)
    return Node(fields["name"], fields["host"], fields["pid"], tuple(fields["queues"]))


@contextmanager
def _channel(options: dict[str, str] | None = None) -> Iterator[Any]:
    transport_options = {**app.conf.broker_transport_options, **(options or {})}
    with app.connection_for_write(transport_options=transport_options) as connection, connection.channel() as channel:
        yield channel


class Heartbeat:
    """Renews the node's key in a thread of its own until `stop`. Over RabbitMQ there is nothing to renew."""

    def __init__(self, node: str, queues: Sequence[str]) -> None:
        self._key = _NODE + node
        row = {"name": node, "host": socket.gethostname(), "pid": os.getpid(), "queues": list(queues)}
        self._value = json.dumps(row)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        if not is_amqp():
            self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._stop.set()
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._renew(GONE_SECONDS)
            self._stop.wait(BEAT_SECONDS)
        self._renew(1)  # an orderly end: it is gone now, and no message is in its hands

    def _renew(self, seconds: int) -> None:
        try:
            with _channel() as channel:
                channel.client.set(self._key, self._value, ex=seconds)
        except broker_errors() as problem:
            logger.warning("the heartbeat could not be written", extra={"reason": str(problem)})
