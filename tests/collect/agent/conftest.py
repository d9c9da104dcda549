from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.endpoint import TOKEN, Endpoint, serve

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Bench:
    """A folder of logs, an endpoint, and the agent as the process that it is outside of tests."""

    home: Path
    endpoint: Endpoint
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def config(self) -> Path:
        return self.home / "agent" / "agent.json"

    @property
    def said(self) -> str:
        return (self.home / "agent.out").read_text()

    def configure(self, *, item: dict[str, Any] | None = None, **options: Any) -> None:
        source = {"name": "test", "paths": [str(self.logs / "*.log")], "collector": "test", **(item or {})}
        quick = {"linger_seconds": 0.05, "poll_seconds": 0.05, "partial_seconds": 0.3}
        self.config.write_text(json.dumps({"endpoint": self.endpoint.url, "inputs": [source], **quick, **options}))

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "BKLOG_HOME": str(self.home), "BKLOG_LOG_FORMAT": "text"}
        with (self.home / "agent.out").open("ab") as out:
            command = [sys.executable, "-m", "bklog.cli", "agent", *arguments]
            process = subprocess.Popen(command, env=environ, cwd=ROOT, stdout=out, stderr=out)
        self.running.append(process)
        return process

    def stop(self, process: subprocess.Popen[bytes]) -> int:
        process.send_signal(signal.SIGTERM)
        return process.wait(timeout=30)

    def run_once(self) -> int:
        return self.start("--once").wait(timeout=60)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    for name in ("logs", "agent", "secrets/tokens"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "secrets" / "tokens" / "test").write_text(TOKEN)
    with serve() as endpoint:
        bench = Bench(tmp_path, endpoint)
        bench.configure()
        yield bench
        for process in bench.running:
            if process.poll() is None:
                process.kill()
                process.wait()
