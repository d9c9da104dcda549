"""A fleet of its own for a test or the benchmark: another home, a free port, the real programs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import urllib3

from bklog.supervise.rpc import ProgramInfo, Supervisor
from config.sockets import socket_path
from tests.databases import fresh_variables

COMMAND_SECONDS: Final = 900
ROOT: Final = Path(__file__).parents[1]


class RunningFleet:
    """Up on entering, down on leaving. `api` and `send` raise RuntimeError for an answer that is no success."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.url = f"http://127.0.0.1:{_free_port()}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("BKLOG_", "BK_ENV", "BKPAAS_"))}
        own = {"BKLOG_HOME": str(home), "BKLOG_PORT": self.url.rsplit(":", 1)[1], "DJANGO_SETTINGS_MODULE": "settings"}
        self.environ = {**kept, **own, **fresh_variables(), **settings}
        self._http = urllib3.PoolManager(maxsize=16)

    def __enter__(self) -> RunningFleet:
        self.bklog("up")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.bklog("down")

    def bklog(self, *words: str) -> str:
        """Run a command of the fleet; returns what it prints."""
        done = self.try_bklog(*words)
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def try_bklog(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._run(self.command(*words))

    def try_python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the environment of the fleet's programs."""
        return self._run([sys.executable, *arguments])

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=ROOT,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "bklog.cli", *words]

    def program(self, name: str) -> ProgramInfo:
        """As the supervisor knows it: at once, where `bklog status` takes a second."""
        return Supervisor(socket_path(self.home, "supervisor")).program(name)

    def pid(self, program: str) -> int:
        """Of a program that is just being started again, that of its next life."""
        end = time.monotonic() + 30
        while not (found := self.program(program)).pid:
            assert time.monotonic() < end, found
            time.sleep(0.02)
        return found.pid

    @property
    def rss_bytes(self) -> int:
        """Of all its programs. Raises RuntimeError unless they run."""
        return int(json.loads(self.bklog("status", "--json"))["total_rss_bytes"])

    def count(self, query: str, index_set: str) -> int:
        return int(self.bklog("search", query, "--index-set", index_set, "--since", "30d", "--count"))

    @property
    def settings(self) -> dict[str, Any]:
        shown = json.loads(self.bklog("config", "show", "--json"))["settings"]
        return {name: setting["value"] for name, setting in shown.items()}

    def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = self._http.request(method, self.url + path, body=json.dumps(body or {}), headers=self.api_headers, timeout=120)
        return _success(answer)

    def send(self, path: str, body: bytes, *, token: str, key: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
        return _success(self._http.request("POST", self.url + path, body=body, headers=headers, timeout=300))

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Status and JSON of an answer, success or not."""
        answer = self._http.request("POST", self.url + path, body=body, headers=headers, timeout=120, retries=False)
        return answer.status, answer.json()

    @property
    def api_headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret('api-token')}"}

    def secret(self, name: str) -> str:
        """What `bklog up` wrote for who owns this machine."""
        return (self.home / "secrets" / name).read_text().strip()


def _success(answer: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    if answer.status >= 300:
        raise RuntimeError(f"HTTP {answer.status}: {answer.data.decode(errors='replace')}")
    parsed: dict[str, Any] = answer.json()
    return parsed


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
