"""An HTTP endpoint that keeps what it is sent and drops what comes again under a key, and that can be told to fail."""

from __future__ import annotations

import gzip
import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from backports import zstd

TOKEN = "token-of-the-test"


@dataclass
class Kept:
    key: str
    body: bytes
    path: str
    host: str
    stream: str
    protocol: str


@dataclass
class Endpoint:
    """`fail(request number)` may return a status, "drop" (close before storing), "forget" (store, close unanswered)."""

    url: str = ""
    kept: dict[str, Kept] = field(default_factory=dict)
    requests: int = 0
    repeated: int = 0
    changed: list[str] = field(default_factory=list)
    token: str = TOKEN
    limit_bytes: int = 64 << 20
    line_limit_bytes: int = 1 << 20
    delay_seconds: float = 0.0
    failures: dict[int, Any] = field(default_factory=dict)
    fail_always: Any = None
    flap: float = 0.0
    # Of this seed an answer is forgotten among the first four, and two requests fail one after the other.
    chance: random.Random = field(default_factory=lambda: random.Random(17))
    api: Callable[[str, str, dict[str, Any]], tuple[int, dict[str, Any]]] = lambda *_: (404, {})
    lock: threading.Lock = field(default_factory=threading.Lock)

    def lines(self, path: str | None = None) -> list[bytes]:
        with self.lock:
            bodies = [kept.body for kept in self.kept.values() if path in (None, kept.path)]
        return [line for body in bodies for line in body.removesuffix(b"\n").split(b"\n")]

    def wait_for(self, count: int, *, seconds: float = 20.0) -> list[bytes]:
        deadline = time.monotonic() + seconds
        while len(lines := self.lines()) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(lines) >= count, f"{len(lines)} of {count} lines arrived"
        return lines

    def choose_failure(self) -> Any:
        with self.lock:
            self.requests += 1
            planned = self.failures.pop(self.requests, None)
            if planned is None and self.flap and self.chance.random() < self.flap:
                return self.chance.choice([503, 429, 500, "drop", "forget"])
        return planned if planned is not None else self.fail_always

    def keep(self, headers: Mapping[str, str], body: bytes, protocol: str) -> dict[str, Any]:
        lines = body.removesuffix(b"\n").split(b"\n")
        long = sum(len(line) > self.line_limit_bytes for line in lines)
        with self.lock:
            before = self.kept.get(headers["Idempotency-Key"])
            if before:
                self.repeated += 1
                if before.body != body:
                    self.changed.append(before.key)
                return receipt(len(lines), duplicate=len(lines))
            source = {name: unquote(headers.get(f"X-Bklog-{name}", "")) for name in ("Path", "Host", "Stream")}
            key = headers["Idempotency-Key"]
            self.kept[key] = Kept(key, body, source["Path"], source["Host"], source["Stream"], protocol)
        return receipt(len(lines), rejected=long)


def receipt(received: int, *, duplicate: int = 0, rejected: int = 0) -> dict[str, Any]:
    return {
        "received": received,
        "stored": received - duplicate - rejected,
        "duplicate": duplicate,
        "rejected": rejected,
        "rejected_by_reason": {"line_too_long": rejected} if rejected else {},
        "marked": {},
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for the acknowledgement of its headers
    endpoint: Endpoint

    def do_GET(self) -> None:
        self.answer(*self.endpoint.api("GET", self.path, {}))

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path.startswith("/api/"):
            self.answer(*self.endpoint.api("POST", self.path, json.loads(raw or b"{}")))
            return
        endpoint = self.endpoint
        failure = endpoint.choose_failure()
        time.sleep(endpoint.delay_seconds)
        if failure == "drop":
            self.close_connection = True
            return
        if isinstance(failure, int):
            self.answer(failure, {"error": {"code": "told_to", "message": f"told to fail with {failure}", "hint": "wait"}})
            return
        if self.headers["Authorization"] != f"Bearer {endpoint.token}":
            self.answer(401, {"error": {"code": "token_wrong", "message": "no collector has this ingest token", "hint": ""}})
            return
        body = decode(raw, self.headers.get("Content-Encoding", ""))
        if len(body) > endpoint.limit_bytes:
            error = {"code": "body_too_large", "message": "too large", "limit_bytes": endpoint.limit_bytes}
            self.answer(413, {"error": error})
            return
        kept = endpoint.keep(dict(self.headers.items()), body, self.path.rsplit("/", 1)[-1])
        if failure == "forget":
            self.close_connection = True
            return
        self.answer(200, kept)

    def answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def decode(body: bytes, encoding: str) -> bytes:
    if encoding == "zstd":
        return zstd.decompress(body)
    return gzip.decompress(body) if encoding == "gzip" else body


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed in the middle is what these tests are about."""


@contextmanager
def serve(port: int = 0) -> Iterator[Endpoint]:
    endpoint = Endpoint()
    server = Server(("127.0.0.1", port), type("Bound", (Handler,), {"endpoint": endpoint}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    endpoint.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
