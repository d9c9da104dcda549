"""Whether the client of a request has gone, seen without reading a byte of what it sends.

uWSGI ─ the request's socket ─▶ has its other end been closed? (the kernel's POLLRDHUP)

Known where uWSGI itself holds the client's connection, or that of a proxy that closes it when its own client goes (nginx does).
A client that closes only its sending half after the request is taken for gone, as nginx takes it. Elsewhere nobody has gone.
"""

from __future__ import annotations

import importlib
import select
from collections.abc import Callable
from functools import lru_cache, partial
from types import ModuleType
from typing import Final

_CLOSED: Final = select.POLLRDHUP | select.POLLHUP | select.POLLERR | select.POLLNVAL


def client_watch() -> Callable[[], bool]:
    """For the request that this thread answers; it may be asked by any thread while the request is under way."""
    server = _uwsgi()
    return partial(is_closed, server.connection_fd()) if server else _stays


def is_closed(descriptor: int) -> bool:
    found = select.poll()
    found.register(descriptor, select.POLLRDHUP)
    return any(event & _CLOSED for _, event in found.poll(0))


@lru_cache(maxsize=1)
def _uwsgi() -> ModuleType | None:
    """Its module is there only inside of it."""
    try:
        return importlib.import_module("uwsgi")
    except ModuleNotFoundError:
        return None


def _stays() -> bool:
    return False
