"""Fixtures that run the real store as a process of its own, on a free loopback port, in a temporary folder."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client

from bklog.records import StoreAddress
from bklog.store.clickhouse import ClickHouseStore

START_SECONDS = 30


@dataclass
class Reply:
    """An HTTP answer, read whole: `rest` is what broke it off, if anything did."""

    status: int
    headers: dict[str, str]
    body: bytes
    broken: bool = False

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def code(self) -> int:
        return int(self.headers.get("x-clickhouse-exception-code", "0"))


@dataclass
class StoreServer:
    process: subprocess.Popen[str]
    path: Path
    port: int
    options: dict[str, Any]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self.process.pid

    def client(self, **options: Any) -> Client:
        return clickhouse_connect.get_client(host="127.0.0.1", port=self.port, **options)

    def send(
        self, body: bytes | str = b"", *, method: str = "POST", headers: dict[str, str] | None = None, **params: Any
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            data = body.encode() if isinstance(body, str) else body
            connection.request(method, f"/?{urlencode(params)}", data, headers or {})
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            try:
                return Reply(response.status, fields, response.read())
            except http.client.IncompleteRead as error:
                return Reply(response.status, fields, error.partial, broken=True)
        finally:
            connection.close()

    def run(self, sql: bytes | str, **params: Any) -> str:
        """The text of an answer that has to be 200."""
        reply = self.send(sql, **params)
        assert reply.status == 200, reply.text
        assert not reply.broken
        return reply.text

    def open(self, sql: str, **params: Any) -> socket.socket:
        """Sends a statement and leaves the answer unread."""
        opened = socket.create_connection(("127.0.0.1", self.port))
        head = f"POST /?{urlencode(params)} HTTP/1.1\r\nHost: store\r\nContent-Length: {len(sql.encode())}\r\n\r\n"
        opened.sendall(head.encode() + sql.encode())
        return opened

    def running(self, mark: str) -> int:
        """How many statements with a text run."""
        sql = (
            "SELECT count() FROM system.processes WHERE position(query, {mark:String}) > 0 AND position(query, 'processes') = 0"
        )
        return int(self.run(sql, param_mark=mark))

    def wait_until_running(self, mark: str, *, count: int = 1) -> None:
        wait_for(lambda: self.running(mark) == count, what=f"{count} of {mark} to run")

    def resident_bytes(self) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def log(self) -> list[dict[str, Any]]:
        lines = (self.path.parent / f"{self.path.name}.log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


def wait_for(condition: Callable[[], bool], *, what: str, seconds: float = 15) -> float:
    since = time.monotonic()
    while not condition():
        if time.monotonic() - since > seconds:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.02)
    return time.monotonic() - since


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def launch(path: Path, **options: Any) -> subprocess.Popen[str]:
    """Starts without waiting; standard error can be read from the process."""
    with (path.parent / f"{path.name}.log").open("a") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.store.launch", json.dumps({"path": str(path), **options})],
            stdout=log,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )


def start(path: Path, **options: Any) -> StoreServer:
    options.setdefault("port", free_port())
    server = StoreServer(launch(path, **options), path, options["port"], options)
    wait_for(lambda: _answers(server), what="the store to answer", seconds=START_SECONDS)
    return server


def _answers(server: StoreServer) -> bool:
    if server.process.poll() is not None:
        raise AssertionError(server.process.stderr.read() if server.process.stderr else "")
    try:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        connection.request("GET", "/ping")
        return connection.getresponse().read() == b"Ok.\n"
    except OSError:
        return False
    finally:
        connection.close()


def end(server: StoreServer) -> None:
    if server.process.poll() is None:
        server.kill()
    if server.process.stderr:
        server.process.stderr.close()


@pytest.fixture(scope="module")
def store_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    server = start(tmp_path_factory.mktemp("store") / "data")
    yield server
    end(server)


@pytest.fixture
def start_store(tmp_path: Path) -> Iterator[Callable[..., StoreServer]]:
    """Starts stores with other settings; all are ended with the test."""
    started: list[StoreServer] = []

    def begin(path: Path | None = None, **options: Any) -> StoreServer:
        started.append(start(path or tmp_path / "data", **options))
        return started[-1]

    yield begin
    for server in started:
        end(server)


@contextmanager
def own_database(server: StoreServer, *, folder: Path | None = None) -> Iterator[ClickHouseStore]:
    name = f"of_{uuid4().hex[:8]}"
    made = ClickHouseStore(StoreAddress("127.0.0.1", server.port, database=name, folder=folder))
    made.migrate()
    yield made
    server.run(f"DROP DATABASE {name} SYNC")


@pytest.fixture
def store(store_server: StoreServer) -> Iterator[ClickHouseStore]:
    """A database of its own in the store of this module."""
    with own_database(store_server) as made:
        yield made
