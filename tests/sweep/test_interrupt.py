"""^C in a command that searches stops the search at the platform too: over HTTP, with a search that takes its time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIServer, make_server

import pytest
from django.db import connections

from bklog.api import analyses as analyses_api
from bklog.api import search as search_api
from bklog.api.wsgi import application
from bklog.search.asking import ASKING
from bklog.store.clickhouse import ClickHouseStore
from config.environ import ROOT
from tests.loki.test_clients import Quiet
from tests.saved.site import Person

LONGEST_SECONDS = 60


class Waiting:
    """The real store, whose rows come only once their search was cancelled."""

    def __init__(self, store: ClickHouseStore, begun: threading.Event) -> None:
        self._store = store
        self._begun = begun

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def of(self, _: object) -> Waiting:
        return self

    def select(self, *given: Any) -> Any:
        self._begun.set()
        ASKING.get().cancelled.wait(LONGEST_SECONDS)
        return self._store.select(*given)


class Threaded(ThreadingMixIn, WSGIServer):
    def process_request_thread(self, *given: Any) -> None:
        try:
            super().process_request_thread(*given)
        finally:
            connections.close_all()


@contextmanager
def served() -> Iterator[str]:
    with make_server("127.0.0.1", 0, application, server_class=Threaded, handler_class=Quiet) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


@pytest.mark.django_db(transaction=True)  # the threads that answer have connections of their own
@pytest.mark.parametrize("words", [["search"], ["search", "* | stats count()"]], ids=" ".join)
def test_an_interrupted_search_is_cancelled(
    ann: Person, store: ClickHouseStore, shop: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: list[str]
) -> None:
    begun = threading.Event()
    for module in (search_api, analyses_api):
        monkeypatch.setattr(module, "the_store", lambda: Waiting(store, begun))
    token = ann.headers["Authorization"].removeprefix("Bearer ")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("BKLOG_", "BKPAAS_", "BK_"))}
    with served() as url:
        asked = {"PYTHONPATH": str(ROOT), "BKLOG_HOME": str(tmp_path), "BKLOG_API_URL": url, "BKLOG_API_TOKEN": token}
        command = ["env", "--default-signal=INT", sys.executable, "-m", "bklog.cli", *words, "--index-set", "shop"]
        with subprocess.Popen(command, env={**kept, **asked}, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
            try:
                assert begun.wait(LONGEST_SECONDS)
                running.send_signal(signal.SIGINT)
                out, said = running.communicate(timeout=LONGEST_SECONDS)
            finally:
                running.kill()
    assert (running.returncode, out, said.strip()) == (130, b"", b"interrupted: the search is cancelled")
