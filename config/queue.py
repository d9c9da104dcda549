"""Loaded → MessageQueue: the URL, or its parts, as kombu and Celery take it; the embedded one where none is configured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from bklog.errors import ConfigError
from config.environ import Loaded
from config.sockets import socket_path

_SCHEMES: Final = ("redis", "rediss", "redis+socket", "sentinel", "amqp", "amqps")
_CONNECT_SECONDS: Final = 3


@dataclass(frozen=True, slots=True)
class MessageQueue:
    """`url` may hold several nodes, separated by `;`, of which one that answers is taken.

    `socket` is that of the embedded broker; without it the queue is somebody else's.
    """

    url: str
    transport_options: Mapping[str, Any]
    socket: Path | None = None


def message_queue(loaded: Loaded) -> MessageQueue:
    url: str = loaded.BKLOG_MQ_URL or _from_parts(loaded)
    if not url:
        return _embedded(loaded)
    schemes = {urlsplit(node).scheme for node in url.split(";")}
    if len(schemes) > 1 or not schemes <= set(_SCHEMES):
        raise ConfigError(
            f"the nodes of BKLOG_MQ_URL begin with {', '.join(sorted(schemes)) or 'nothing'}",
            hint=f"all begin with the same one of {', '.join(f'{scheme}://' for scheme in _SCHEMES)}",
        )
    return MessageQueue(url, _transport_options(schemes.pop(), master=loaded.BKLOG_MQ_SENTINEL_MASTER))


def _embedded(loaded: Loaded) -> MessageQueue:
    """A socket in the home, which nobody but its owner may enter: a port would be open to every user of the machine."""
    socket = socket_path(loaded.home, "broker")
    return MessageQueue(f"redis+socket://{quote(str(socket))}", {}, socket)


def _transport_options(scheme: str, *, master: str) -> Mapping[str, Any]:
    if scheme.startswith("amqp"):
        return {"connect_timeout": _CONNECT_SECONDS}
    options = {"socket_connect_timeout": _CONNECT_SECONDS, "socket_timeout": _CONNECT_SECONDS}
    return options | {"master_name": master} if scheme == "sentinel" else options


def _from_parts(loaded: Loaded) -> str:
    hosts = [host.strip() for host in loaded.BKLOG_MQ_HOST.split(";") if host.strip()]
    credentials = _credentials(loaded.BKLOG_MQ_USER, loaded.BKLOG_MQ_PASSWORD)
    port = f":{loaded.BKLOG_MQ_PORT}" if loaded.BKLOG_MQ_PORT else ""
    name = quote(loaded.BKLOG_MQ_NAME, safe="")
    return ";".join(f"{loaded.BKLOG_MQ_ENGINE}://{credentials}{host}{port}/{name}" for host in hosts)


def _credentials(user: str, password: str) -> str:
    if not user and not password:
        return ""
    return f"{quote(user, safe='')}:{quote(password, safe='')}@"
