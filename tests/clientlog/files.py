"""An HTTP server of ours that has files, fails when told to, names tasks, and takes reports."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit


class FileServer:
    """`files` by path; `failures` are statuses that a path answers before its file; `hung` paths send half and then wait."""

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

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        files = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802 the library's name
                parts = urlsplit(self.path)
                files.asked.append(self.path)
                if parts.path == "/tasks":
                    files.tokens.add(self.headers.get("Authorization", ""))
                    self._answer(200, json.dumps(files.page(parse_qs(parts.query).get("cursor", [""])[0])).encode())
                elif files.failures.get(parts.path):
                    self._answer(files.failures[parts.path].pop(0), b"not now")
                elif parts.path in files.redirects:
                    self._answer(302, b"", location=files.redirects[parts.path])
                elif parts.path in files.files:
                    self._answer(200, files.files[parts.path], cut=parts.path in files.cut_short)
                else:
                    self._answer(404, b"no such file")

            def do_POST(self) -> None:  # noqa: N802 the library's name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if files.report_status == 200:
                    files.reports.append(json.loads(body))
                self._answer(files.report_status, b"{}")

            def _answer(self, status: int, body: bytes, *, location: str = "", cut: bool = False) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                if location:
                    self.send_header("Location", location)
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if cut else body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the library's name
                """Not to the tests' output."""

        return Handler
