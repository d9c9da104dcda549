"""Worker and beat processes of a home of their own, with what a test does to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

from config.environ import ROOT
from tests.databases import fresh_variables

FILE: Final = "sqlite:///"
MIGRATE: Final = ("-m", "django", "migrate", "--verbosity=0")


class Site:
    """A home with a database, and the processes that a test starts in it."""

    def __init__(self, home: Path, mq_url: str, database_url: str = "") -> None:
        self.home = home
        self.probe_file = home / "probe"
        self.probe_file.touch()
        self.environ = {
            **os.environ,
            "BKLOG_HOME": str(home),
            "BKLOG_MQ_URL": mq_url,
            "BKLOG_DATABASE_URL": f"sqlite:///{home}/db.sqlite3",
            **({"BKLOG_DATABASE_URL": database_url} if database_url else fresh_variables()),
            "DJANGO_SETTINGS_MODULE": "settings",
            "PYTHONPATH": str(ROOT),
            "PROBE_FILE": str(self.probe_file),
        }
        self._started: list[subprocess.Popen[bytes]] = []

    def migrate(self) -> None:
        """A file of SQLite is a copy of one that was migrated for all sites of these tests."""
        url = self.environ["BKLOG_DATABASE_URL"]
        if url.startswith(FILE):
            Path(url.removeprefix(FILE)).write_bytes(_migrated_file())
        else:
            self.python(*MIGRATE)

    def python(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], env=self.environ, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def worker(self, name: str = "celery") -> subprocess.Popen[bytes]:
        return self.start("-m", "tests.queues.probe", "worker", name, log=f"{name}.log")

    def beat(self) -> subprocess.Popen[bytes]:
        return self.start("-m", "bklog.tasks", "beat", log="beat.log")

    def start(self, *arguments: str, log: str) -> subprocess.Popen[bytes]:
        with (self.home / log).open("ab") as file:
            process = subprocess.Popen([sys.executable, *arguments], env=self.environ, cwd=ROOT, stdout=file, stderr=file)
        self._started.append(process)
        return process

    def send(self, task: str, *arguments: str | float) -> None:
        self.send_all([(task, *arguments)])

    def send_all(self, messages: Sequence[tuple[str | float, ...]]) -> None:
        """Each a task and its arguments."""
        lines = (
            "import django; django.setup()",
            "from tests.queues.probe import add_routes; add_routes()",
            "from bklog.queues.send import send",
            f"for message in {messages!r}: send(*message)",
        )
        self.python("-c", "\n".join(lines))

    def traces(self, what: str, text: str) -> list[int]:
        """The processes that left this trace, in order."""
        lines = [line.split() for line in self.probe_file.read_text().splitlines()]
        return [int(pid) for kind, said, pid in lines if (kind, said) == (what, text)]

    def log(self, name: str) -> str:
        file = self.home / name
        return file.read_text(errors="replace") if file.exists() else ""

    def stop(self) -> None:
        running = [process for process in self._started if process.poll() is None]
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@cache
def _migrated_file() -> bytes:
    with tempfile.TemporaryDirectory(prefix="bklog-") as name:
        Site(Path(name), "", f"{FILE}{name}/db.sqlite3").python(*MIGRATE)
        return Path(name, "db.sqlite3").read_bytes()


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
