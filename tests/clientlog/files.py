"""An HTTP server of ours that has files, fails when told to, names tasks, and takes reports."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit


class FileServer:
    """`files` by path; `failures` are statuses that a path answers before its file; `cut_short` ones send half of it."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.failures: dict[str, list[int]] = {}
        self.cut_short: set[str] = set()
        self.asked: list[str] = []
        self.pages: list[Any] = []
        self.reports: list[dict[str, Any]] = []
        self.report_status = 200
        self.tokens: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> FileServer:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def put(self, path: str, body: bytes) -> str:
        self.files[path] = body
        return self.url + path

    def page(self, cursor: str) -> Any:
        """The pages are numbered: a page's cursor is the number of the next one."""
        number = int(cursor or 0)
        if number >= len(self.pages):
            return {"tasks": [], "cursor": cursor, "more": False}
        return {"tasks": self.pages[number], "cursor": str(number + 1), "more": number + 1 < len(self.pages)}

    def answer(self, target: str, token: str) -> tuple[int, bytes, str]:
        """Status, body, and where a redirect leads."""
        parts = urlsplit(target)
        self.asked.append(target)
        if parts.path == "/tasks":
            self.tokens.add(token)
            return 200, json.dumps(self.page(parse_qs(parts.query).get("cursor", [""])[0])).encode(), ""
        if self.failures.get(parts.path):
            return self.failures[parts.path].pop(0), b"not now", ""
        if parts.path in self.redirects:
            return 302, b"", self.redirects[parts.path]
        return (200, self.files[parts.path], "") if parts.path in self.files else (404, b"no such file", "")

    def take_report(self, body: bytes) -> int:
        if self.report_status == 200:
            self.reports.append(json.loads(body))
        return self.report_status

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        files = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body, location = files.answer(self.path, self.headers.get("Authorization", ""))
                self._send(status, body, location=location, cut=urlsplit(self.path).path in files.cut_short)

            def do_POST(self) -> None:
                self._send(files.take_report(self.rfile.read(int(self.headers["Content-Length"]))), b"{}")

            def _send(self, status: int, body: bytes, *, location: str = "", cut: bool = False) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                if location:
                    self.send_header("Location", location)
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if cut else body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the library's name
                """Not to the tests' output."""

        return Handler
