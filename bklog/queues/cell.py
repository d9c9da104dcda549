"""Cell: a short text at the broker that all processes share, and marks of what is under way. Redis and Valkey only.

read ─▶ (text, the broker's time) ─▶ what it should be ─ swap, if nobody was faster ─▶ done, or read again

A text that nobody changes for KEEP_SECONDS is forgotten. The time is the broker's, so that the clocks of hosts do not matter.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from bklog.errors import Unavailable
from bklog.queues.app import app, broker_errors, is_amqp

KEEP_SECONDS: Final = 3_600
ANSWER_SECONDS: Final = 0.5  # a broker that is slower than this is as one that is away
CONNECTIONS: Final = 64
_READ: Final = "local t = redis.call('TIME') return {redis.call('GET', KEYS[1]) or '', t[1], t[2]}"
_SWAP: Final = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""
_SHOW: Final = """
if redis.call('GET', KEYS[1]) == 'called off' then return 1 end
redis.call('SET', KEYS[1], 'under way', 'EX', ARGV[1])
return 0
"""
_CALL_OFF: Final = "return redis.call('SET', KEYS[1], 'called off', 'XX', 'KEEPTTL') and 1 or 0"


def has_cells() -> bool:
    """RabbitMQ keeps messages, and nothing else."""
    return not is_amqp()


class Cell:
    """Raises Unavailable where the broker does not answer at once."""

    def __init__(self, name: str) -> None:
        self._key = f"bklog:cell:{name}"

    def read(self) -> tuple[str, float]:
        text, seconds, microseconds = _run(_READ, self._key)
        return text.decode(), int(seconds) + int(microseconds) / 1e6

    def swap(self, before: str, after: str) -> bool:
        """False where it is no longer `before`."""
        return bool(_run(_SWAP, self._key, before, after, KEEP_SECONDS))


class UnderWay:
    """Marks of what is under way, so that any process can call it off. One not shown again for `seconds` is forgotten."""

    def __init__(self, kind: str, *, seconds: int) -> None:
        self._prefix = f"bklog:{kind}:"
        self._seconds = seconds

    def show(self, mark: str) -> bool:
        """That it is under way; returns whether it was called off."""
        return bool(_run(_SHOW, self._prefix + mark, self._seconds))

    def call_off(self, mark: str) -> bool:
        """Whether there was one."""
        return bool(_run(_CALL_OFF, self._prefix + mark))

    def end(self, mark: str) -> None:
        _call("DEL", self._prefix + mark)


def _run(script: str, key: str, *values: str | int) -> Any:
    return _call("EVAL", script, 1, key, *values)


def _call(*command: str | int) -> Any:
    try:
        return _client().execute_command(*command)
    except _away() as problem:
        _client.cache_clear()  # the next one is of whichever node answers then
        raise Unavailable(f"the message queue does not answer: {problem}", hint="see `bklog healthz`") from problem


def _away() -> tuple[type[BaseException], ...]:
    from redis.exceptions import RedisError  # noqa: PLC0415 memory of processes in which nothing is long yet

    return (RedisError, *broker_errors())


@lru_cache(maxsize=1)
def _client() -> Any:
    """One of the process, safe between threads; made when first used: after the web server has forked."""
    options = {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": ANSWER_SECONDS, "max_connections": CONNECTIONS}
    connection = app.connection_for_write(transport_options={**app.conf.broker_transport_options, **options})
    connection.ensure_connection(max_retries=max(0, len(connection.alt) - 1))  # each node once, without a pause
    channel: Any = connection.channel()
    return channel.client
