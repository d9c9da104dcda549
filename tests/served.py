"""The web program's application at a port of its own, in threads of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.db import connections

from bklog.api.wsgi import application


class _Quiet(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        """Nobody reads it."""


class _Threaded(ThreadingMixIn, WSGIServer):
    """A thread a request, with connections to the database of its own."""

    def process_request_thread(self, *given: Any) -> None:
        try:
            super().process_request_thread(*given)
        finally:
            connections.close_all()


@contextmanager
def served() -> Iterator[str]:
    """Its address."""
    with make_server("127.0.0.1", 0, application, server_class=_Threaded, handler_class=_Quiet) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()
