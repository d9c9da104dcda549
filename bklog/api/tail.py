"""GET, POST /ingest/v1/tail/{index set}: what comes into an index set, as server-sent events. Part of the ingest program.

API token or session, question, Last-Event-ID ─▶ admit ─▶ Hub ─▶ events until the viewer leaves or is sent away
                                        └─ refused: a status and JSON, before any event
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from bklog.api.acting import acting, actor_of, masking_for
from bklog.api.admission import require_not_blocked
from bklog.api.credentials import FORWARDED, bearer_of_secret, forwarded_for, secret_of, token_in
from bklog.api.spaces import require_index_set, space_of
from bklog.api.wiring import search_limits, the_catalogue, the_store
from bklog.collect.searchable import get_searchable
from bklog.errors import BadRequest, BklogError, Forbidden, Unauthorised
from bklog.ingest.app import present_failure
from bklog.ingest.body import read_limited
from bklog.query import UNMASKED
from bklog.records import Bearer, Permission, Role
from bklog.search.tail.feed import Pace
from bklog.search.tail.hub import Following, Hub, HubLimits
from bklog.search.tail.messages import SERVER_SENT
from bklog.search.tail.position import read_position
from bklog.search.tail.reading import Reader, Source
from bklog.search.tail.request import TailRequest, parse_tail
from bklog.store import LogTable
from bklog.supervise.database import as_unavailable
from bklog.telemetry import SearchFailed

THREADS: Final = 4
MAX_BODY_BYTES: Final = 1 << 20
HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
KIND: Final = "tail"
LAST_SECONDS: Final = 3.0  # to take the last messages
logger = logging.getLogger("bklog.tail")


def make_hub() -> Hub:
    threads = ThreadPoolExecutor(THREADS, thread_name_prefix=KIND)

    async def in_thread(call: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(threads, partial(_answered, call, *args))

    limits = HubLimits(settings.BKLOG_TAIL_MAX_VIEWERS, settings.BKLOG_TAIL_MAX_QUERIES, settings.BKLOG_TAIL_SECONDS)
    return Hub(in_thread, limits=limits, pace=Pace(settings.BKLOG_TAIL_ROWS_PER_SECOND))


def _answered(call: Callable[..., Any], *args: Any) -> Any:
    """A database that is away is a failure that passes."""
    close_old_connections()
    try:
        return call(*args)
    except DatabaseError as error:
        known = as_unavailable(error)
        if known is None:
            raise
        raise known from error


class PlatformAsking:
    """An Asking over database and store."""

    wording = SERVER_SENT

    def __init__(self, request: TailRequest) -> None:
        self._request = request
        self._source: Source | None = None

    def open(self) -> Reader:
        found = get_searchable(self._request.index_set_id)
        self._source = Source(found.tables, found.masking if self._request.masked else UNMASKED)
        return Reader(self._request, self._source, store=the_store(), catalogue=the_catalogue(), limits=search_limits())

    def require_readers(self, tokens: frozenset[str]) -> dict[str, BklogError]:
        index_set = get_searchable(self._request.index_set_id)
        needs_raw, space = not self._request.masked and bool(index_set.masking), space_of(index_set)
        return {token: refused for token in tokens if (refused := refusal(token, needs_raw=needs_raw, space=space))}

    def longest_insert(self) -> float:
        return longest_insert(self._source.tables if self._source else ())


def longest_insert(tables: Iterable[LogTable]) -> float:
    return max((the_store().copying(table).longest_insert(table) for table in tables), default=0.0)


def refusal(secret: str, *, needs_raw: bool, space: str) -> BklogError | None:
    """A token may have been deleted, a session ended, a permission or role taken, since it came in."""
    try:
        bearer = bearer_of_secret(secret)
        bearer.require_role(Role.VIEWER, space)
        if needs_raw:
            bearer.require(Permission.RAW_VALUES, "reading what the index set masks")
    except (Unauthorised, Forbidden) as error:
        return error
    return None


def _admit(secret: str, request: TailRequest, address: str) -> Bearer:
    """Raises Unauthorised, NotFound, Forbidden; raw values leave their line in the audit log."""
    bearer = bearer_of_secret(secret)
    require_index_set(bearer, Role.VIEWER, request.index_set_id)
    index_set = get_searchable(request.index_set_id)
    require_not_blocked(bearer, index_set.pk, request.query)
    with acting(actor_of(bearer, address)):
        masking_for(
            bearer,
            index_set.masking,
            index_set_id=request.index_set_id,
            masked=request.masked,
            kind=KIND,
            query=request.query,
        )
    return bearer


def tail_route(hub: Hub) -> Route:
    async def tail(http: Request) -> Response:
        index_set_id: int = http.path_params["index_set_id"]
        try:
            return await _follow(http, index_set_id, hub)
        except BklogError as error:
            SearchFailed(index_set_id, error.stable_code, error.message).emit()
            return present_failure(error)

    return Route("/ingest/v1/tail/{index_set_id:int}", tail, methods=["GET", "POST"])


async def _follow(http: Request, index_set_id: int, hub: Hub) -> Response:
    secret = require_secret(http, http.cookies)  # a tail changes nothing, and another site's page cannot read it
    request = parse_tail(index_set_id, await _asked(http))
    given = http.headers.get("last-event-id", "")
    position = read_position(given) if given else None
    bearer: Bearer = await hub.in_thread(_admit, secret, request, _address(http))
    following = await hub.follow(request, PlatformAsking(request), secret, position)
    return Events(following, reader=bearer.name)


class Events(StreamingResponse):
    """However it ends, the viewer has left."""

    def __init__(self, following: Following, *, reader: str) -> None:
        super().__init__(following.messages(), headers=HEADERS, media_type="text/event-stream")
        self._following = following
        self._reader = reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One that is sent away but does not read is cut off: a stop waits for every answer."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as limit:
                self._following.when_ended(lambda: limit.reschedule(loop.time() + LAST_SECONDS))
                await super().__call__(scope, receive, send)
        except TimeoutError:
            logger.warning("a viewer of a tail was cut off", extra={"reader": self._reader})
        finally:
            self._following.leave(self._reader)


def require_secret(http: HTTPConnection, cookies: Mapping[str, str] | None = None) -> str:
    """A token, or of `cookies` a session. Raises Unauthorised."""
    secret = secret_of(token_in(http.headers.get("authorization", "")), cookies or {})
    if not secret:
        hint = "send an API token, not an ingest token: Authorization: Bearer TOKEN"
        raise Unauthorised("the request carries no API token", hint=hint, code="token_missing")
    return secret


def _address(http: Request) -> str:
    """The web program passes tails on, and says for whom."""
    there = http.client.host if http.client else ""
    return forwarded_for(http.headers.get(FORWARDED, ""), there, trusted=settings.BKLOG_TRUSTED_PROXIES + 1)


async def _asked(http: Request) -> Mapping[str, Any]:
    """Of a POST the body; of a GET the query, in which `fields` are separated by commas and `addition` is JSON."""
    if http.method == "POST":
        return _object(await read_limited(http.stream(), MAX_BODY_BYTES) or b"{}")
    asked: dict[str, Any] = dict(http.query_params)
    if "fields" in asked:
        asked["fields"] = [name.strip() for name in asked["fields"].split(",") if name.strip()]
    if "addition" in asked:
        asked["addition"] = _json(asked["addition"], "addition")
    if "masking" in asked:
        asked["masking"] = {"true": True, "false": False}.get(asked["masking"], asked["masking"])
    return asked


def _object(body: bytes) -> Mapping[str, Any]:
    found = _json(body, "the body")
    if not isinstance(found, dict):
        raise BadRequest("the body is JSON but no object", hint='send {"query": "level:error"}', code="no_json")
    return found


def _json(text: str | bytes, what: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"{what} is no JSON: {error}", hint='send {"query": "level:error"}', code="no_json") from error
