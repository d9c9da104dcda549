"""^C in a command that searches stops the search at the platform too: over HTTP, with a search that takes its time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from bklog.api import analyses as analyses_api
from bklog.api import search as search_api
from bklog.search.asking import ASKING
from bklog.store.clickhouse import ClickHouseStore
from config.environ import ROOT
from tests.saved.site import Person
from tests.served import served

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
