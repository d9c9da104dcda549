"""A fleet of its own for the benchmark: another home, a free port, the real programs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import urllib3

UP_SECONDS: Final = 180
ROOT: Final = Path(__file__).parents[2]


class BenchFleet:
    """Up on entering, down on leaving. `api` and `send` raise RuntimeError for an answer that is no success."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.url = f"http://127.0.0.1:{_free_port()}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("BKLOG_", "BK_ENV", "BKPAAS_"))}
        self._environ = {**kept, "BKLOG_HOME": str(home), "BKLOG_PORT": self.url.rsplit(":", 1)[1]}
        self._http = urllib3.PoolManager(maxsize=16)

    def __enter__(self) -> BenchFleet:
        self.bklog("up")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.bklog("down")

    def bklog(self, *words: str) -> str:
        """Run a command of the fleet; returns what it prints."""
        command = [sys.executable, "-m", "bklog.cli", *words]
        done = subprocess.run(
            command, cwd=ROOT, env=self._environ, capture_output=True, text=True, timeout=UP_SECONDS, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    @property
    def settings(self) -> dict[str, Any]:
        shown = json.loads(self.bklog("config", "show", "--json"))["settings"]
        return {name: setting["value"] for name, setting in shown.items()}

    def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        token = (self.home / "secrets" / "api-token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        answer = self._http.request(method, self.url + path, body=json.dumps(body or {}), headers=headers, timeout=120)
        return _success(answer)

    def send(self, path: str, body: bytes, *, token: str, key: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
        return _success(self._http.request("POST", self.url + path, body=body, headers=headers, timeout=300))


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
