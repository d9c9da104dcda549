"""The part of a fleet that a tail goes through, without supervisor: store, ingest, the entry port, one database file."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3

from bklog.telemetry.exposition import render
from config.environ import ROOT
from tests.databases import fresh_variables
from tests.servers import accepts, free_port, wait_for
from tests.store.conftest import StoreServer

SET_UP = """
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from bklog.accounts.tokens import replace_api_token
from bklog.api.wiring import the_store
from bklog.clean import CleanRule
from bklog.collect.actions import create_collector
from bklog.collect.drafts import Draft
from bklog.collect.ingest_tokens import create_ingest_token
from bklog.collect.models import IndexSet
from bklog.records import Permission
import json
the_store().migrate()
made = create_collector(Draft("shop", 30, rule=CleanRule("json", types={"n": "int"}, level_field="level")), store=the_store())
print(json.dumps({
    "index_set": IndexSet.objects.get(name="shop").pk,
    "ingest": create_ingest_token(made, made_by="tests")[1],
    "reader": replace_api_token("reader"),
    "trusted": replace_api_token("trusted", [Permission.RAW_VALUES]),
}))
"""


class TailPlatform:
    def __init__(self, folder: Path, store: StoreServer, **settings: str) -> None:
        self.port, self.entry_port, self.folder = free_port(), free_port(), folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("BKLOG_", "BK_ENV", "BKPAAS_"))}
        self.environ = {
            **kept,
            **fresh_variables(),
            "DJANGO_SETTINGS_MODULE": "settings",
            "PYTHONPATH": str(ROOT),
            "BKLOG_HOME": str(folder / "home"),
            "PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics"),
            "BKLOG_STORE_URL": f"clickhouse://default@127.0.0.1:{store.port}/tail_{free_port()}",
            "FLEET_WEB_ADDRESS": f"127.0.0.1:{self.entry_port}",
            "FLEET_ROOT": str(ROOT),
            "FLEET_INGEST_ADDRESS": f"127.0.0.1:{self.port}",
            **settings,
        }
        self.processes: list[subprocess.Popen[Any]] = []
        self.made = json.loads(self.python(SET_UP))

    def python(self, code: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code], env=self.environ, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start_ingest(self) -> subprocess.Popen[bytes]:
        self.ingest = self._start_ingest(self.port)
        return self.ingest

    def start_second_ingest(self) -> tuple[int, subprocess.Popen[bytes]]:
        port = free_port()
        return port, self._start_ingest(port)

    def _start_ingest(self, port: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "bklog.supervise.serve", "bklog.api.ingest_asgi:application", "--port", str(port)]
        return self._start(command, port, "ingest.log")

    def start_entry(self) -> subprocess.Popen[bytes]:
        command = [str(Path(sys.executable).with_name("uwsgi")), "--ini", str(ROOT / "support-files" / "uwsgi.ini")]
        return self._start(command, self.entry_port, "web.log")

    def _start(self, command: list[str], port: int, log: str) -> subprocess.Popen[bytes]:
        with (self.folder / log).open("ab") as out:
            process = subprocess.Popen(command, env=self.environ, cwd=ROOT, stdout=out, stderr=out)
        self.processes.append(process)
        wait_for(lambda: accepts(port), process, self.folder / log)
        return process

    def send(self, body: bytes, *, key: str = "", port: int = 0, **headers: str) -> dict[str, Any]:
        given = {"Authorization": f"Bearer {self.made['ingest']}", **({"Idempotency-Key": key} if key else {}), **headers}
        url = f"http://127.0.0.1:{port or self.port}/ingest/v1/lines"
        answer = urllib3.request("POST", url, body=body, headers=given, retries=False, timeout=30)
        assert answer.status == 200, answer.data
        found: dict[str, Any] = answer.json()
        return found

    def follow(self, query: str = "*", *, token: str = "", last_id: str = "", port: int = 0, **asked: Any) -> Follower:
        headers = {"Authorization": f"Bearer {token or self.made['reader']}", **({"Last-Event-ID": last_id} if last_id else {})}
        url = f"http://127.0.0.1:{port or self.entry_port}/ingest/v1/tail/{self.made['index_set']}"
        return Follower("POST", url, headers, {"query": query, **asked})

    def get(self, **asked: str) -> Follower:
        """As a browser's EventSource asks."""
        url = f"http://127.0.0.1:{self.entry_port}/ingest/v1/tail/{self.made['index_set']}?{urlencode(asked)}"
        return Follower("GET", url, {"Authorization": f"Bearer {self.made['reader']}"}, {})

    def log(self) -> str:
        return (self.folder / "ingest.log").read_text()

    def viewers(self) -> int:
        """Who follows now, as the metrics of the ingest processes that live say."""
        page = render(folder=self.folder / "metrics").decode()
        return sum(int(float(line.split()[-1])) for line in page.splitlines() if line.startswith("bklog_tail_viewers"))

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


class Follower:
    """Reads events in a thread, as a browser does; `rows` are what came, `names` the events in their order."""

    def __init__(self, method: str, url: str, headers: dict[str, str], asked: dict[str, Any]) -> None:
        self.query = str(asked.get("query", ""))
        parts = urlsplit(url)
        self._connection = connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        connection.connect()
        self._socket = connection.sock
        connection.request(method, f"{parts.path}?{parts.query}", json.dumps(asked) if asked else None, headers)
        self._answer = connection.getresponse()
        self.status = self._answer.status
        self.headers = self._answer.headers
        self.events: list[tuple[str, Any]] = []
        self.came: list[float] = []
        self.last_id = ""
        self.is_over = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [row for name, rows in list(self.events) if name == "rows" for row in rows]

    @property
    def numbers(self) -> list[int]:
        return [row["fields"]["n"] for row in self.rows]

    def of(self, name: str) -> list[Any]:
        return [content for one, content in list(self.events) if one == name]

    def wait(self, holds: Callable[[Follower], object], *, seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while not holds(self):
            assert time.monotonic() < end, self.events
            time.sleep(0.01)

    def close(self) -> None:
        """As a browser that is closed: the reading thread sees the end."""
        with suppress(OSError):  # it was broken off already
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _read(self) -> None:
        pending = b""
        with suppress(OSError, http.client.HTTPException):  # broken off, as the tests do
            while chunk := self._answer.read1(1 << 16):
                pending += chunk
                *whole, pending = pending.split(b"\n\n")
                for one in whole:
                    self._take(one.decode())
        self._answer.close()
        self._connection.close()
        self._socket.close()
        self.is_over = True

    def _take(self, text: str) -> None:
        fields: dict[str, list[str]] = {}
        for line in text.split("\n"):
            name, _, value = line.partition(": ")
            fields.setdefault(name, []).append(value)
        if "data" in fields:
            (name,), data = fields["event"], fields["data"]
            self.events.append((name, [json.loads(one) for one in data] if name == "rows" else json.loads(data[0])))
            self.came.append(time.monotonic())
        if "id" in fields:
            self.last_id = fields["id"][0]


@contextmanager
def tail_platform(folder: Path, store: StoreServer, **settings: str) -> Iterator[TailPlatform]:
    made = TailPlatform(folder, store, **settings)
    try:
        made.start_ingest()
        yield made
    finally:
        made.stop()


def lines(*numbers: int, level: str = "info", more: str = "") -> bytes:
    return "".join(json.dumps({"n": n, "level": level, "message": f"order {n} {more}"}) + "\n" for n in numbers).encode()
