"""Database servers for tests: the real ones, each in a temporary folder on a free port, that a test may stop and start again.

    --database postgresql ─▶ one server for the whole run ─▶ Django's test database, and one for each fleet of a test

What was committed outlives `kill -9`, and need not outlive a power cut: nothing is synced to the disk.
The plugin of that option is `tests.database_option`; it sets which server `fresh_variables` takes.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import psycopg
import pymysql

from tests.servers import begin, end, folder, free_port, require, run, wait_for

POSTGRES: Final = Path("/usr/lib/postgresql/15/bin")
SHARED_SERVER: Final = "TEST_DATABASE_SERVER"  # variable: the URL of the server that the whole run shares
_POSTGRES_PASSWORD: Final = "p@ss/word"


@dataclass
class DatabaseServer:
    """`url` names a database that is there and empty, as BKLOG_DATABASE_URL takes it."""

    url: str
    command: Sequence[str | Path]
    where: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = begin(self.command, urlsplit(self.url).port or 0, where=self.where)
        if self.url.startswith("postgresql"):
            wait_for(self._takes_clients, self.process, self.where / "server.log")

    def _takes_clients(self) -> bool:
        """PostgreSQL listens some time before it lets anybody in."""
        port = urlsplit(self.url).port
        return subprocess.run([POSTGRES / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)], check=False).returncode == 0

    def stop(self) -> None:
        """As an operator does: running transactions are broken off, what was committed is on disk."""
        is_postgres = self.url.startswith("postgresql")
        self._end(signal.SIGINT if is_postgres else signal.SIGTERM)  # SIGTERM makes PostgreSQL wait for its clients

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def _end(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            end(self.process, number)


@contextmanager
def postgresql() -> Iterator[DatabaseServer]:
    initdb = require(POSTGRES / "initdb")
    with folder() as where:
        port, password, data = free_port(), where / "password", where / "data"
        password.write_text(_POSTGRES_PASSWORD)
        password.chmod(0o644)
        run(
            [initdb, "-D", data, "-U", "bklog", "--auth=scram-sha-256", f"--pwfile={password}", "-E", "UTF8", "--no-sync"],
            where=where,
        )
        address: list[str | Path] = ["-p", str(port), "-h", "127.0.0.1", "-k", where]
        command = [POSTGRES / "postgres", "-D", data, *address, "-F", "-c", "full_page_writes=off"]
        yield from _running(DatabaseServer(f"postgresql://bklog:p%40ss%2Fword@127.0.0.1:{port}/postgres", command, where))


@contextmanager
def mariadb() -> Iterator[DatabaseServer]:
    install, daemon = require("mariadb-install-db"), require("mariadbd")
    with folder() as where:
        port, data, start = free_port(), where / "data", where / "start.sql"
        run(
            [install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal", "--skip-test-db"],
            where=where,
        )
        # Made as most are: with the server's own collation, which ignores case.
        start.write_text(
            "CREATE DATABASE IF NOT EXISTS bklog CHARACTER SET utf8mb4;\n"
            "CREATE USER IF NOT EXISTS 'bklog'@'127.0.0.1' IDENTIFIED BY 'p@ss';\n"
            "GRANT ALL ON *.* TO 'bklog'@'127.0.0.1';\n"
        )
        start.chmod(0o644)
        command: list[str | Path] = [
            daemon,
            "--no-defaults",
            f"--datadir={data}",
            f"--socket={where / 's'}",
            f"--pid-file={where / 'pid'}",
            f"--port={port}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            f"--init-file={start}",
            "--innodb-buffer-pool-size=32M",
            "--innodb-flush-log-at-trx-commit=2",
            "--innodb-flush-method=nosync",
            "--innodb-doublewrite=0",
            "--sync-frm=0",
        ]
        yield from _running(DatabaseServer(f"mysql://bklog:p%40ss@127.0.0.1:{port}/bklog", command, where))


SERVERS: Final[Mapping[str, Callable[[], AbstractContextManager[DatabaseServer]]]] = {
    "postgresql": postgresql,
    "mysql": mariadb,
}


def new_database(server_url: str) -> str:
    """The URL of a database on this server that nobody else uses. It goes with the server."""
    name = f"of_{uuid4().hex[:12]}"
    _execute(server_url, f"CREATE DATABASE {name}")
    return f"{server_url.rpartition('/')[0]}/{name}"


def fresh_variables() -> dict[str, str]:
    """What a fleet of its own gets in its environment: a database on the server of this run, or its home's SQLite."""
    server_url = os.environ.get(SHARED_SERVER, "")
    return {"BKLOG_DATABASE_URL": new_database(server_url)} if server_url else {}


def _running(server: DatabaseServer) -> Iterator[DatabaseServer]:
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _execute(url: str, statement: str) -> None:
    if url.startswith("postgresql"):
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement.encode())
        return
    parts = urlsplit(url)
    with pymysql.connect(
        host=parts.hostname, port=parts.port or 0, user=parts.username, password=unquote(parts.password or "")
    ) as connection:
        connection.cursor().execute(statement)
