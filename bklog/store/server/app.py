"""The ASGI application: request -> authenticate -> read -> check -> run on a connection -> answer.

    /          statements          /ping, /replicas_status   "Ok."

A client that goes away cancels its statement; so does a shutdown, for SELECTs, after a grace (`running.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import asdict
from typing import Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bklog.errors import StoreError
from bklog.store.server.body import Budget, Disconnected, Share
from bklog.store.server.call import Call, authenticate, read_call
from bklog.store.server.config import ServerConfig
from bklog.store.server.engine import Engine, Lane
from bklog.store.server.errors import log_failure
from bklog.store.server.execute import Progress, Statement, literal_settings, pieces, statement_of
from bklog.store.server.respond import HOLD_BYTES, Answer, content_type
from bklog.store.server.running import Running, UnderWay
from bklog.store.server.statements import Kind
from bklog.store.server.worker import Worker

logger = logging.getLogger("bklog.store")
DISPLAY_NAME: Final = "bklog-store"
METHODS: Final = ["GET", "HEAD", "POST"]


class Interface:
    """The statements' endpoint."""

    def __init__(self, engine: Engine, config: ServerConfig, under_way: UnderWay) -> None:
        self._engine = engine
        self._config = config
        self._under_way = under_way
        self._budget = Budget(total_bytes=config.body_memory_bytes, body_bytes=config.max_body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if request.method in {"GET", "HEAD"} and "query" not in request.query_params:
            await PlainTextResponse("Ok.\n")(scope, receive, send)
            return
        try:
            authenticate(request, self._config.password)
            self._under_way.refuse_when_draining()
            with self._budget.share() as share:
                await self._answer(request, send, share)
        except (Disconnected, ClientDisconnect, TimeoutError):
            logger.info("client gone")
        except StoreError as error:
            log_failure(error, {"query_id": request.query_params.get("query_id", "")})
            headers = _headers(request.query_params)
            answer = Answer(send, headers, encoding="", idle_seconds=self._config.idle_seconds, spool=None)
            await answer.fail(error, version=self._engine.version)
        except Exception:
            logger.exception("request failed")
            raise

    async def _answer(self, request: Request, send: Send, share: Share) -> None:
        call = await read_call(request, share=share, idle_seconds=self._config.idle_seconds)
        try:
            self._under_way.refuse_when_draining()
            call = literal_settings(call, self._engine)
            statement = statement_of(call, self._engine)
            await self._run_while_connected(request.receive, call, statement, send)
        finally:
            if call.received.rows:
                call.received.rows.close()

    async def _run_while_connected(self, receive: Receive, call: Call, statement: Statement, send: Send) -> None:
        with self._under_way.run(is_select=statement.kind is Kind.SELECT) as running:
            running.task = task = asyncio.create_task(self._serve(call, statement, send, running))
            gone = asyncio.create_task(_disconnected(receive))
            try:
                await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
                if not task.done():
                    task.cancel()
                    await asyncio.wait({task})
                if task.cancelled():
                    raise Disconnected
                task.result()
            finally:
                gone.cancel()

    async def _serve(self, call: Call, statement: Statement, send: Send, running: Running) -> None:
        headers = _headers(call.settings, query_id=call.query_id, output_format=statement.format)
        spool = self._config.path / "tmp" if call.wait_end else None
        answer = Answer(
            send,
            headers,
            encoding=call.encoding,
            idle_seconds=self._config.idle_seconds,
            spool=spool,
            hold_bytes=0 if call.append else HOLD_BYTES,
        )
        progress = Progress()
        try:
            async with self._lane(statement).lease() as worker:
                await self._copy(call, statement, worker, answer, progress)
        except StoreError as error:
            log_failure(error, {"query_id": call.query_id, "milliseconds": progress.elapsed_ns // 1_000_000})
            await answer.fail(error, version=self._engine.version)
        except asyncio.CancelledError:
            if running.refused is None:
                raise
            await answer.fail(running.refused, version=self._engine.version)
        finally:
            answer.close()

    async def _copy(self, call: Call, statement: Statement, worker: Worker, answer: Answer, progress: Progress) -> None:
        async with aclosing(pieces(call, statement, self._engine, worker, progress)) as produced:
            async for piece in produced:
                await answer.write(piece)
        await answer.end(asdict(progress))

    def _lane(self, statement: Statement) -> Lane:
        if statement.kind is Kind.KILL:
            return self._engine.kills
        return self._engine.selects if statement.kind is Kind.SELECT else self._engine.writes


def application(interface: Interface) -> ASGIApp:
    async def ok(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("Ok.\n")

    paths = Starlette(
        routes=[
            Route("/ping", ok, methods=METHODS),
            Route("/replicas_status", ok, methods=METHODS),
            Route("/", interface, methods=METHODS),
        ]
    )

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        """A statement needs nothing of what stands around paths, which takes a tenth of the time that it spends here."""
        is_statement = scope["type"] == "http" and scope["path"] == "/" and scope["method"] in METHODS
        await (interface if is_statement else paths)(scope, receive, send)

    return answer


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _headers(settings: Mapping[str, str], *, query_id: str = "", output_format: str = "") -> dict[str, str]:
    headers = {
        "x-clickhouse-server-display-name": DISPLAY_NAME,
        "x-clickhouse-timezone": settings.get("session_timezone") or "UTC",
        "content-type": content_type(output_format),
    }
    given = query_id or settings.get("query_id", "")
    if given:
        headers["x-clickhouse-query-id"] = given
    if output_format:
        headers["x-clickhouse-format"] = output_format
    return headers
