"""A SELECT of plain columns, asked of the embedded store over a connection that is kept.

statement, settings ─▶ one packet ─▶ JSONCompact ─▶ Rows       a refusal ─▶ DatabaseError with the engine's code
                          ├─ a kept connection was closed meanwhile ─▶ once more, over a new one
                          └─ it is no page ─▶ nothing: ClickHouse's client asks

A page is asked for far more often than all else. docs/adr/0012-pages-over-kept-connections.md has what this saves.
"""

from __future__ import annotations

import socket
import weakref
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import orjson
from clickhouse_connect.driver.binding import format_bind_value
from clickhouse_connect.driver.exceptions import DatabaseError

from bklog.records import Rows, Statement, StoreAddress
from bklog.store.packet import ANSWER_HEAD, MAGIC, MOST_ASKED_BYTES, Head, Kind, ask

CONNECT_SECONDS: Final = 5


class KeptConnections:
    """Safe to share between threads: each takes a connection that nobody uses, or makes one; `most` are kept."""

    def __init__(self, address: StoreAddress, *, seconds: float, most: int) -> None:
        """`seconds` is the longest time without a byte of the answer."""
        self._address = address
        self._seconds = seconds
        self._most = most
        self._free: deque[socket.socket] = deque()
        weakref.finalize(self, _close_all, self._free)

    def select(self, statement: Statement, settings: Mapping[str, Any]) -> Rows | None:
        """Nothing where it has to be asked for over HTTP. Raises DatabaseError, with code 0 where the store does not answer."""
        packet = self._packet(statement, settings)
        if packet is None:
            return None
        try:
            head, body = self._ask(packet)
        except OSError as error:
            raise DatabaseError(f"the store at {self._address.url} does not answer: {error!r}", code=0) from error
        if head.magic != MAGIC or head.kind == Kind.OTHERWISE:  # a store of another release speaks only HTTP
            return None
        if head.kind == Kind.REFUSED:
            raise DatabaseError(body.decode("utf-8", "replace"), code=head.code)
        found = orjson.loads(body)
        return Rows(
            columns=tuple(column["name"] for column in found["meta"]),
            rows=[tuple(row) for row in found["data"]],
            rows_read=head.rows_read,
            bytes_read=head.bytes_read,
            seconds=head.elapsed_ns / 1e9,
        )

    def _packet(self, statement: Statement, settings: Mapping[str, Any]) -> bytes | None:
        asked = {
            "sql": statement.text,
            "params": {name: format_bind_value(value) for name, value in statement.params.items()},
            "settings": {name: str(value) for name, value in settings.items()},
            "password": self._address.password,
        }
        try:
            document = orjson.dumps(asked)
        except orjson.JSONEncodeError:  # half a surrogate pair, which JSON cannot say
            return None
        return ask(document) if len(document) <= MOST_ASKED_BYTES else None

    def _ask(self, packet: bytes) -> tuple[Head, bytearray]:
        if kept := self._taken():
            with suppress(ConnectionError):  # closed since it was used, by a store that was started again
                return self._asked(kept, packet)
        return self._asked(self._connected(), packet)

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

    def _asked(self, connection: socket.socket, packet: bytes) -> tuple[Head, bytearray]:
        try:
            connection.sendall(packet)
            head = Head(*ANSWER_HEAD.unpack(_read(connection, ANSWER_HEAD.size)))
            body = _read(connection, head.body_bytes) if head.magic == MAGIC else bytearray()
        except BaseException:
            connection.close()
            raise
        if head.magic != MAGIC or len(self._free) >= self._most:
            connection.close()
        else:
            self._free.append(connection)
        return head, body


def _read(connection: socket.socket, size: int) -> bytearray:
    """Raises ConnectionResetError where the store closes the connection before."""
    read, at = bytearray(size), 0
    with memoryview(read) as view:
        while at < size:
            arrived = connection.recv_into(view[at:])
            if not arrived:
                raise ConnectionResetError("the connection was closed")
            at += arrived
    return read


def _close_all(kept: deque[socket.socket]) -> None:
    while kept:
        kept.pop().close()
