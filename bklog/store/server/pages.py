"""Pages: packets (`store/packet.py`) on the port of HTTP, told apart by the first bytes of a connection.

packet ─▶ Call ─▶ a worker's thread runs it and writes the answer ─▶ the worker is free again
             ├─ refused ─▶ the engine's code and text
             └─ no page, or larger than one ─▶ `OTHERWISE`

One at a time of each connection. A client that goes away cancels its statement, as over HTTP.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bklog.errors import StoreError
from bklog.store.packet import ASK_HEAD, MAGIC, MOST_ASKED_BYTES, Kind, answer
from bklog.store.server.body import Received, scan_whole
from bklog.store.server.call import Call, check_password
from bklog.store.server.config import ServerConfig
from bklog.store.server.engine import Engine
from bklog.store.server.errors import Code, engine_failure, log_failure, refusal
from bklog.store.server.execute import Progress, Statement, is_page, page, statement_of
from bklog.store.server.running import UnderWay
from bklog.store.server.worker import DEFAULT_DATABASE, Worker

logger = logging.getLogger("bklog.store")
FORMAT: Final = "JSONCompact"
Send = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """The document of a packet."""

    sql: bytes
    params: Mapping[str, str]
    settings: Mapping[str, str]
    password: str


@dataclass(frozen=True, slots=True)
class Pages:
    """What answers them, for all connections."""

    engine: Engine
    config: ServerConfig
    under_way: UnderWay

    async def answer(self, document: bytes, send: Send, interrupt: Callable[[], None]) -> bool:
        """True where `send` was called, from a worker's thread; False: it is no page, or a large one.

        `interrupt` ends a `send` that takes long. Raises StoreError, and what `send` raises.
        """
        asked = _read(document)
        if self.config.password:
            check_password("default", asked.password, self.config.password)
        self.under_way.refuse_when_draining()
        call = _call(asked)
        statement = statement_of(call, self.engine)
        if not is_page(call, statement):
            return False
        with self.under_way.run(is_select=True, task=asyncio.current_task()) as running:
            running.interrupt = interrupt
            try:
                async with self.engine.selects.lease() as worker:
                    return await self.engine.run(worker, partial(_run, worker, call, statement, send))
            except RuntimeError as error:
                raise engine_failure(error) from error
            except asyncio.CancelledError:
                if running.refused is None:
                    raise
                raise running.refused from None


class Connection(HttpToolsProtocol):
    """HTTP, or pages where its first bytes are those of a packet."""

    def __init__(self, *args: Any, pages: Pages, **options: Any) -> None:
        super().__init__(*args, **options)
        self._pages = pages
        self._talk: Talk | None = None

    def data_received(self, data: bytes) -> None:
        if self._talk is None and self.cycle is None and data.startswith(MAGIC):
            self._talk = Talk(self.transport, self._pages)
        if self._talk is None:
            super().data_received(data)
        else:
            self._talk.arrived(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._talk is not None:
            self._talk.lost()
        super().connection_lost(exc)


class Talk:
    """The packets of one connection, one after the other. What a thread does not write, the loop does."""

    def __init__(self, transport: asyncio.Transport, pages: Pages) -> None:
        self._transport = transport
        self._pages = pages
        # A descriptor of its own: the loop closes its own when the client goes, while a thread may be writing.
        self._socket = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
        self._socket.settimeout(pages.config.idle_seconds)
        self._arrived = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._answer_of = threading.Lock()  # who has it answers: a thread, or the loop
        self._is_ours = False  # the loop has it
        self._patience: asyncio.TimerHandle | None = None
        self._is_lost = False

    def arrived(self, data: bytes) -> None:
        self._arrived += data
        if len(self._arrived) > ASK_HEAD.size + MOST_ASKED_BYTES:
            self._break_off("no packet")
        elif self._task is None:
            self._begin()

    def lost(self) -> None:
        self._is_lost = True
        self._be_patient(None)
        if self._task is None:
            self._socket.close()
        else:
            self._interrupt()
            self._task.cancel()

    def _begin(self) -> None:
        """The next packet, where all of it is there; else it is waited for, but not for ever."""
        whole = self._taken()
        if whole is None:
            self._be_patient(self._pages.config.idle_seconds)
        elif self._transport.get_write_buffer_size():
            self._break_off("client does not read")
        else:
            self._be_patient(None)
            self._answer_of, self._is_ours = threading.Lock(), False
            self._task = asyncio.get_running_loop().create_task(self._answer(whole))
            self._task.add_done_callback(self._ended)

    def _taken(self) -> bytes | None:
        if len(self._arrived) < ASK_HEAD.size:
            return None
        magic, length = ASK_HEAD.unpack_from(self._arrived)
        if magic != MAGIC or length > MOST_ASKED_BYTES:
            self._break_off("no packet")
            return None
        end = ASK_HEAD.size + length
        if len(self._arrived) < end:
            return None
        document = bytes(self._arrived[ASK_HEAD.size : end])
        del self._arrived[:end]
        return document

    def _be_patient(self, seconds: float | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._patience = asyncio.get_running_loop().call_later(seconds, self._transport.abort) if seconds else None

    def _break_off(self, why: str) -> None:
        logger.warning("connection broken off", extra={"reason": why})
        self._arrived.clear()
        self._transport.abort()

    async def _answer(self, document: bytes) -> None:
        otherwise = answer(Kind.OTHERWISE)
        try:
            if await self._pages.answer(document, partial(self._send, self._answer_of), self._interrupt):
                return
        except StoreError as error:
            log_failure(error, {})
            text = f"{error.message} (version {self._pages.engine.version})"
            otherwise = answer(Kind.REFUSED, text.encode("utf-8", "replace"), code=error.engine_code)
        if self._take_over():  # else a shutdown came while a thread was writing
            self._transport.write(otherwise)

    def _take_over(self) -> bool:
        """False where a thread answers already."""
        self._is_ours = self._is_ours or self._answer_of.acquire(blocking=False)
        return self._is_ours

    def _send(self, answer_of: threading.Lock, packet: bytes) -> None:
        if not answer_of.acquire(blocking=False):
            raise ConnectionAbortedError("it was refused meanwhile")
        with memoryview(packet) as left:
            sent = 0
            while sent < len(packet):  # not `sendall`, whose time is that of the whole
                sent += self._socket.send(left[sent:])

    def _interrupt(self) -> None:
        """A thread that waits for its client to read comes to its end, and one that would begin to write does not."""
        if not self._take_over():
            with suppress(OSError):  # the client has closed it already
                self._socket.shutdown(socket.SHUT_RDWR)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        error = None if task.cancelled() else task.exception()
        if isinstance(error, OSError):
            logger.info("client gone")
        elif error is not None:
            logger.error("request failed", exc_info=error)
        if self._is_lost:
            self._socket.close()
        elif task.cancelled() or error is not None:
            self._transport.abort()
        else:
            self._begin()


def _read(document: bytes) -> Asked:
    try:
        given = orjson.loads(document)
        return Asked(given["sql"].encode(), given["params"], given["settings"], str(given["password"]))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise refusal(Code.BAD_ARGUMENTS, f"the packet asks for no page: {error!r}") from error


def _call(asked: Asked) -> Call:
    return Call(
        received=Received(asked.sql, scan_whole(asked.sql), None),
        params=asked.params,
        settings=asked.settings,
        database=DEFAULT_DATABASE,
        format=FORMAT,
        query_id=str(uuid.uuid4()),
        wait_end=True,
        encoding="",
        read_only=False,
    )


def _run(worker: Worker, call: Call, statement: Statement, send: Send) -> bool:
    """On the worker's thread. False where the answer is larger than a page: nothing is sent."""
    progress, since = Progress(), time.monotonic_ns()
    body = page(worker, call, statement, progress)
    if body is None:
        return False
    counts = {"rows_read": progress.read_rows, "bytes_read": progress.read_bytes}
    send(answer(Kind.ROWS, body, elapsed_ns=time.monotonic_ns() - since, **counts))
    return True
