"""GET /loki/api/v1/tail: what comes in, as a websocket, for Grafana's live mode and `logcli query --tail`. Part of ingest.

API token, LogQL, X-Scope-OrgID ─▶ admit ─▶ Hub ─▶ {"streams":[…]} until the viewer leaves or is sent away
                                     └─ refused: a status and plain text, before the websocket is one
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from bklog.api.credentials import bearer_of_secret
from bklog.api.loki_sets import NO_INDEX_SET, SPACE_HEADER, blocked, index_sets_of, named, spaces_in, told
from bklog.api.tail import LAST_SECONDS, longest_insert, refusal, require_secret
from bklog.api.wiring import search_limits, the_catalogue, the_store
from bklog.errors import BadRequest, BklogError
from bklog.loki.tail import LOKI_WORDING, LokiReader, LokiTail, opening_message, read_tail
from bklog.loki.times import Parameters, one
from bklog.records import EVERY_SPACE, Bearer
from bklog.search.tail.hub import STOPPING, Following, Hub
from bklog.search.tail.position import Position, settled
from bklog.search.tail.viewer import Ended
from bklog.store import LogTable
from bklog.telemetry import SearchFailed

PATH: Final = "/loki/api/v1/tail"
TRY_AGAIN_LATER: Final = 1013  # close codes of websockets
POLICY_VIOLATION: Final = 1008
MAX_REASON_BYTES: Final = 123
logger = logging.getLogger("bklog.tail")


def loki_tail_routes(hub: Hub) -> list[BaseRoute]:
    async def tail(socket: WebSocket) -> None:
        try:
            talk = await _begin(socket, hub)
        except BklogError as error:
            SearchFailed(NO_INDEX_SET, error.stable_code, error.message).emit()
            await socket.send_denial_response(_refused(error))
        else:
            await talk.run()

    async def no_websocket(request: Request) -> Response:
        del request
        hint = "ask with a websocket: logcli query --tail, Grafana's live mode"
        return _refused(BadRequest("the client is not using the websocket protocol", hint=hint, code="loki_tail"))

    return [WebSocketRoute(PATH, tail), Route(PATH, no_websocket, methods=["GET"])]


def _refused(error: BklogError) -> Response:
    return PlainTextResponse(told(error), error.status, headers={"Connection": "close", **error.headers})


async def _begin(socket: WebSocket, hub: Hub) -> Talk:
    """By a token, which sees every space: no page of another site opens it with somebody's cookie.

    The viewer joins where all that came before can be searched for: so it is told everything, and nothing twice.
    """
    token, parameters = require_secret(socket), _parameters(socket.query_params)
    expression, opening = read_tail(parameters, now=datetime.now(UTC))
    spaces = spaces_in(socket.headers.get(SPACE_HEADER, ""))
    bearer, without = await hub.in_thread(_admit, token, spaces, one(parameters, "query"))
    question = LokiTail(str(expression), spaces, without)
    asking = LokiAsking(question)
    reader, arrived_by = await hub.in_thread(asking.begin)
    following = await hub.follow(question, asking, token, Position(arrived_by))
    try:
        found = await hub.in_thread(reader.history, opening, arrived_by)
    except BaseException:
        following.leave(bearer.name)
        raise
    return Talk(socket, following, opening_message(found), bearer.name)


def _parameters(given: QueryParams) -> Parameters:
    return {name: given.getlist(name) for name in given}


def _admit(token: str, spaces: tuple[str, ...], query: str) -> tuple[Bearer, frozenset[int]]:
    """Raises Unauthorised, Forbidden."""
    bearer = bearer_of_secret(token)
    return bearer, blocked(bearer, index_sets_of(spaces), query)


class LokiAsking:
    """An Asking over database and store. Masked values are never shown raw: Loki's clients have no word to ask for them."""

    wording = LOKI_WORDING

    def __init__(self, question: LokiTail) -> None:
        self._question = question
        self._tables: tuple[LogTable, ...] = ()

    def begin(self) -> tuple[LokiReader, int]:
        """And up to when all that arrived is seen now, in microseconds since 1970."""
        reader, now = self.open(), time.time_ns() // 1_000
        return reader, settled(now, self.longest_insert())

    def open(self) -> LokiReader:
        found = [one for one in index_sets_of(self._question.spaces) if one.pk not in self._question.without]
        reader = LokiReader(
            self._question.query,
            [named(one, one.masking) for one in found],
            store=the_store(),
            catalogue=the_catalogue(),
            limits=search_limits(),
        )
        self._tables = reader.source.tables
        return reader

    def require_readers(self, tokens: frozenset[str]) -> dict[str, BklogError]:
        return {token: refused for token in tokens if (refused := refusal(token, needs_raw=False, space=EVERY_SPACE))}

    def longest_insert(self) -> float:
        return longest_insert(self._tables)


class Talk:
    """A websocket of a viewer that has joined. However it ends, the viewer has left."""

    def __init__(self, socket: WebSocket, following: Following, opening: bytes, reader: str) -> None:
        self._socket = socket
        self._following = following
        self._opening = opening
        self._reader = reader

    async def run(self) -> None:
        try:
            await self._socket.accept()
            hearing, sending = asyncio.ensure_future(self._hear()), asyncio.ensure_future(self._send())
            hearing.add_done_callback(lambda _: sending.cancel())
            await self._talk(hearing, sending)
        finally:
            self._following.leave(self._reader)

    async def _talk(self, hearing: asyncio.Task[None], sending: asyncio.Task[None]) -> None:
        """Until the viewer leaves or is sent away. The server cancels its websockets when it stops."""
        try:
            await sending
            hearing.cancel()  # what is being heard cannot be closed
            await asyncio.gather(hearing, return_exceptions=True)
            async with asyncio.timeout(LAST_SECONDS):
                await self._close(self._following.ended)
        except asyncio.CancelledError:
            return
        except (TimeoutError, WebSocketDisconnect):
            logger.warning("a viewer of a tail was cut off", extra={"reader": self._reader})
        finally:
            hearing.cancel()
            sending.cancel()

    async def _send(self) -> None:
        """One that is sent away but does not read is cut off: a stop waits for every answer."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as limit:
            self._following.when_ended(lambda: limit.reschedule(loop.time() + LAST_SECONDS))
            async for message in self._messages():
                await self._socket.send_text(message.decode(errors="replace"))

    async def _messages(self) -> AsyncIterator[bytes]:
        if self._opening:
            yield self._opening
        async for message in self._following.messages():
            yield message

    async def _close(self, ended: Ended | None) -> None:
        """At a stop the connection breaks off with the server: only then logcli and Grafana connect again."""
        if ended and ended.code != STOPPING:
            reason = f"{ended.code}: {ended.sentence}".encode()[:MAX_REASON_BYTES].decode(errors="ignore")
            await self._socket.close(TRY_AGAIN_LATER if ended.may_return else POLICY_VIOLATION, reason)
        else:
            await asyncio.sleep(LAST_SECONDS)

    async def _hear(self) -> None:
        """Whatever a viewer says means nothing, but that it leaves."""
        while (await self._socket.receive())["type"] != "websocket.disconnect":
            pass
