"""The process that serves ingest: one process, which ends running requests before it stops and leaves no port behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import urllib3

from config.environ import ROOT
from tests.servers import free_port

APPLICATION = """
import asyncio, hashlib, json

async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            event = (await receive())["type"]
            await send({"type": event + ".complete"})
            if event == "lifespan.shutdown":
                print(json.dumps({"message": "lifespan ended"}), flush=True)
                return
    digest, more, length = hashlib.sha256(), True, 0
    while more:
        message = await receive()
        digest.update(message.get("body", b""))
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    if scope["path"] == "/ingest/slow":
        await asyncio.sleep(1.5)
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    body = json.dumps({"sha256": digest.hexdigest(), "length": length, "headers": headers, "path": scope["path"]}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})
"""
HTTP = urllib3.PoolManager(retries=False, timeout=30)


def environ(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("BKLOG_")}
    paths = os.pathsep.join((str(ROOT), str(folder)))
    return {**kept, "PYTHONPATH": paths, "PYTHONUNBUFFERED": "1", "BKLOG_HOME": str(folder / "home"), **more}


@contextmanager
def running(arguments: list[str], port: int, variables: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output, subprocess.Popen(arguments, env=variables, stdout=output, stderr=output) as process:
        try:
            wait_until_it_answers(port, log)
            yield process
        finally:
            process.kill()


def wait_until_it_answers(port: int, log: Path) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            HTTP.request("GET", f"http://127.0.0.1:{port}/ready")
        except urllib3.exceptions.HTTPError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"nothing answers: {log.read_text()}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "probe_asgi.py").write_text(APPLICATION)
    return tmp_path


def serve(port: int) -> list[str]:
    return [sys.executable, "-m", "bklog.supervise.serve", "probe_asgi:application", "--port", str(port)]


def test_sigterm_lets_a_running_request_end(folder: Path) -> None:
    port, log, answers = free_port(), folder / "log", list[int]()
    with running(serve(port), port, environ(folder), log) as process:
        url = f"http://127.0.0.1:{port}/ingest/slow"
        request = threading.Thread(target=lambda: answers.append(HTTP.request("POST", url, body=b"x").status))
        request.start()
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        request.join(10)
        assert process.wait(10) == 0
    assert answers == [200]
    assert '"lifespan ended"' in log.read_text()


def test_a_killed_server_leaves_neither_process_nor_port(folder: Path) -> None:
    port = free_port()
    for _ in range(2):
        with running(serve(port), port, environ(folder), folder / "log") as process:
            family = [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]
            assert len(family) == 1
            process.kill()
            process.wait(5)


def test_its_own_lines_are_json(folder: Path) -> None:
    port = free_port()
    with running(serve(port), port, environ(folder, SUPERVISOR_PROCESS_NAME="ingest"), folder / "log"):
        lines = [json.loads(line) for line in (folder / "log").read_text().splitlines() if line.startswith("{")]
    assert any(line["program"] == "ingest" and "Listening" in line["message"] for line in lines)
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
