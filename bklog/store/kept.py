"""A SELECT of plain columns, asked of the embedded store over a connection that is kept.

statement, settings ─▶ one packet ─▶ JSONCompact ─▶ Rows       a refusal ─▶ DatabaseError with the engine's code
                          └─ a kept connection was closed meanwhile ─▶ once more, over a new one

A page is asked for far more often than all else. docs/adr/0012-pages-over-kept-connections.md has what this saves.
"""

from __future__ import annotations

import socket
import weakref
from collections import deque
from collections.abc import Mapping
from contextlib import closing, suppress
from http.client import HTTPException, HTTPResponse
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from clickhouse_connect.driver.binding import format_bind_value
from clickhouse_connect.driver.exceptions import DatabaseError

from bklog.records import Rows, Statement, StoreAddress

CONNECT_SECONDS: Final = 5
CODE_HEADER: Final = "X-ClickHouse-Exception-Code"
SUMMARY_HEADER: Final = "X-ClickHouse-Summary"


class KeptConnections:
    """Safe to share between threads: each takes a connection that nobody uses, or makes one; `most` are kept."""

    def __init__(self, address: StoreAddress, *, seconds: float, most: int) -> None:
        """`seconds` is the longest time without a byte of the answer."""
        self._address = address
        self._seconds = seconds
        self._most = most
        self._free: deque[socket.socket] = deque()
        weakref.finalize(self, _close_all, self._free)
        key = {"X-ClickHouse-User": address.user, "X-ClickHouse-Key": address.password} if address.password else {}
        self._head = "".join(f"\r\n{name}: {value}" for name, value in {"Host": address.host, **key}.items())

    def select(self, statement: Statement, settings: Mapping[str, Any]) -> Rows:
        """Raises DatabaseError, with code 0 where the store does not answer."""
        try:
            answer, body = self._ask(self._request(statement, settings))
        except (OSError, HTTPException) as error:
            raise DatabaseError(f"the store at {self._address.url} does not answer: {error!r}", code=0) from error
        if answer.status != 200:
            raise DatabaseError(body.decode("utf-8", "replace"), code=int(answer.headers.get(CODE_HEADER, "0")))
        found, summary = orjson.loads(body), orjson.loads(answer.headers.get(SUMMARY_HEADER, "{}"))
        return Rows(
            columns=tuple(column["name"] for column in found["meta"]),
            rows=[tuple(row) for row in found["data"]],
            rows_read=int(summary.get("read_rows", 0)),
            bytes_read=int(summary.get("read_bytes", 0)),
            seconds=int(summary.get("elapsed_ns", 0)) / 1e9,
        )

    def _request(self, statement: Statement, settings: Mapping[str, Any]) -> bytes:
        """Head and body together: the store is woken once."""
        bound = {f"param_{name}": format_bind_value(value) for name, value in statement.params.items()}
        target = urlencode({"default_format": "JSONCompact", **settings, **bound}, errors="surrogateescape")
        text = statement.text.encode()
        return f"POST /?{target} HTTP/1.1\r\nContent-Length: {len(text)}{self._head}\r\n\r\n".encode() + text

    def _ask(self, request: bytes) -> tuple[HTTPResponse, bytes]:
        while kept := self._taken():
            with suppress(ConnectionError):  # closed since it was used, by a store that was started again or had long rested
                return self._asked(kept, request)
        return self._asked(self._connected(), request)

    def _taken(self) -> socket.socket | None:
        try:
            return self._free.pop()
        except IndexError:
            return None

    def _connected(self) -> socket.socket:
        connection = socket.create_connection((self._address.host, self._address.port), CONNECT_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(self._seconds)
        return connection

    def _asked(self, connection: socket.socket, request: bytes) -> tuple[HTTPResponse, bytes]:
        try:
            connection.sendall(request)
            answer = HTTPResponse(connection, method="POST")
            with closing(answer):
                answer.begin()
                body = answer.read()
        except BaseException:
            connection.close()
            raise
        if answer.will_close or len(self._free) >= self._most:
            connection.close()
        else:
            self._free.append(connection)
        return answer, body


def _close_all(kept: deque[socket.socket]) -> None:
    while kept:
        kept.pop().close()
