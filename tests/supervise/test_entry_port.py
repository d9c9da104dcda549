"""support-files/uwsgi.ini: the one entry port serves the application, and passes /ingest/ through as it comes."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import psutil
import pytest
import urllib3

from config.environ import ROOT
from tests.servers import free_port
from tests.supervise.test_serve import APPLICATION, HTTP, environ, running, serve

WSGI = """
import json
print(json.dumps({"message": "a line of the application"}), flush=True)

def application(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("X-Answered-By", "web")])
    return [f"web {environ['PATH_INFO']} {len(body)}".encode()]
"""


@dataclass(frozen=True, slots=True)
class Entry:
    url: str
    port: int
    uwsgi: Popen[bytes]
    log: Path


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Entry]:
    """uWSGI with the project's own ini, in front of probes."""
    folder = tmp_path_factory.mktemp("entry")
    (folder / "probe_asgi.py").write_text(APPLICATION)
    (folder / "bklog" / "api").mkdir(parents=True)
    for package in (folder / "bklog", folder / "bklog" / "api"):
        (package / "__init__.py").touch()  # or the installed package of this name would win
    (folder / "bklog" / "api" / "wsgi.py").write_text(WSGI)
    port, behind = free_port(), free_port()
    fleet = {
        "FLEET_WEB_ADDRESS": f"127.0.0.1:{port}",
        "FLEET_ROOT": str(folder),
        "FLEET_INGEST_ADDRESS": f"127.0.0.1:{behind}",
        "PYTHONPATH": str(folder),
    }
    uwsgi = [str(Path(sys.executable).with_name("uwsgi")), "--ini", str(ROOT / "support-files" / "uwsgi.ini")]
    with (
        running(serve(behind), behind, environ(folder), folder / "ingest.log"),
        running(uwsgi, port, environ(folder, **fleet), folder / "web.log") as process,
    ):
        yield Entry(f"http://127.0.0.1:{port}", port, process, folder / "web.log")


def test_the_application_answers_where_the_path_is_not_ingest(entry: Entry) -> None:
    answer = HTTP.request("POST", f"{entry.url}/api/v1/ingest/", body=b"12345")
    assert (answer.status, answer.data, answer.headers["X-Answered-By"]) == (200, b"web /api/v1/ingest/ 5", "web")


@pytest.mark.parametrize("length", [0, 1, 4096, 100_000, 64 * 2**20])
def test_a_body_of_any_size_reaches_ingest_whole(entry: Entry, length: int) -> None:
    body = os.urandom(length)
    headers = {"Authorization": "Bearer t", "Idempotency-Key": "k1", "Content-Encoding": "zstd"}
    answer = HTTP.request("POST", f"{entry.url}/ingest/v1/lines?source=a%20b", body=body, headers=headers)
    found = json.loads(answer.data)
    assert (found["length"], found["sha256"], found["path"]) == (length, hashlib.sha256(body).hexdigest(), "/ingest/v1/lines")
    assert {name.lower(): value for name, value in headers.items()}.items() <= found["headers"].items()


def test_many_senders_at_once_are_all_answered(entry: Entry) -> None:
    wrong: list[str] = []

    def send(sender: int) -> None:
        for number in range(50):
            body = f"{sender} {number} ".encode() * 200
            answer = HTTP.request("POST", f"{entry.url}/ingest/v1/lines", body=body)
            if json.loads(answer.data)["sha256"] != hashlib.sha256(body).hexdigest():
                wrong.append(f"{sender} {number}")

    senders = [threading.Thread(target=send, args=(sender,)) for sender in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert wrong == []


def test_slow_uploads_hold_no_thread_of_the_application(entry: Entry) -> None:
    """There are 20 threads; 30 senders have sent their headers and half of their body."""
    head = b"POST /ingest/x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234"
    slow = [socket.create_connection(("127.0.0.1", entry.port)) for _ in range(30)]
    try:
        for connection in slow:
            connection.sendall(head)
        time.sleep(0.3)
        assert HTTP.request("GET", f"{entry.url}/page").status == 200  # within the time limit of HTTP
        for connection in slow:
            connection.sendall(b"56789")
            assert connection.recv(1000).startswith(b"HTTP/1.")
    finally:
        for connection in slow:
            connection.close()


def test_a_sender_that_asks_for_leave_gets_it_at_once(entry: Entry) -> None:
    head = b"POST /ingest/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection(("127.0.0.1", entry.port), timeout=5) as connection:
        connection.sendall(head)
        leave = b""
        while not leave.endswith(b"\r\n\r\n"):  # it is sent in two pieces
            leave += connection.recv(1)
        assert leave == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"12345")
        assert b" 200 OK" in connection.recv(1000)


def test_a_sender_that_chunks_is_told_that_a_length_is_needed(entry: Entry) -> None:
    head = b"POST /ingest/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", entry.port), timeout=5) as connection:
        connection.sendall(head)
        assert connection.recv(1000).startswith(b"HTTP/1.1 411 Length Required")


def test_every_line_of_its_log_is_json(entry: Entry) -> None:
    lines = [json.loads(line) for line in entry.log.read_text().splitlines() if line and not line.startswith("[")]
    assert {"message": "a line of the application"} in lines
    assert any(line.get("logger") == "uwsgi" and line["time"].startswith("20") for line in lines)


def test_a_killed_master_leaves_neither_worker_nor_port(entry: Entry) -> None:
    workers = psutil.Process(entry.uwsgi.pid).children()
    assert len(workers) == 1
    entry.uwsgi.send_signal(signal.SIGKILL)
    entry.uwsgi.wait(5)
    _, alive = psutil.wait_procs(workers, timeout=5)
    assert [worker for worker in alive if worker.status() != psutil.STATUS_ZOMBIE] == []
    with pytest.raises(urllib3.exceptions.HTTPError):
        HTTP.request("GET", f"{entry.url}/page")
