"""The ingest service: HTTP requests -> raw lines -> stored. ASGI, stateless, any number of instances.

POST /ingest/v1/{protocol} ─▶ token ─▶ body (limited, decompressed) ─▶ protocol.lines ─▶ Committer ─▶ counts
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from bklog.errors import BadRequest, BklogError, Forbidden, NotFound, Unauthorised, Unavailable
from bklog.ingest.attached import attached
from bklog.ingest.body import decompress, read_limited, require_known_encoding, too_large
from bklog.ingest.commit import CommitLimits, Committer, Request, count_lines
from bklog.ingest.destination import Catalogue, Destination
from bklog.ingest.ledger import Ledger
from bklog.ingest.protocol import Protocol
from bklog.records import Stored
from bklog.registry import Registry
from bklog.store import LineBatch, Source, Taking
from bklog.telemetry import IngestFailed, LinesStored

PROTOCOLS: Final = Registry("bklog.ingest.protocols", "PROTOCOL", Protocol)
MAX_KEY_CHARACTERS: Final = 200
MAX_SOURCE_CHARACTERS: Final = 1024
DISCARD_BYTES: Final = 1 << 30
SMALL_BODY_BYTES: Final = 64 << 10  # decompressing less than this is quicker than handing it to a thread


@dataclass(frozen=True, slots=True)
class Service:
    """What a request handler needs; made once at the start."""

    catalogue: Catalogue
    committer: Committer
    max_body_bytes: int


def make_app(
    store: Taking,
    catalogue: Catalogue,
    *,
    limits: CommitLimits,
    max_body_bytes: int,
    routes: Sequence[BaseRoute] = (),
    stored: Callable[[str], None] = lambda _: None,
) -> Starlette:
    """`routes` are answered beside the protocols; `stored` is told the name of a table whenever rows came into it."""
    threads = ThreadPoolExecutor(limits.parallel_inserts + 1, thread_name_prefix="store")

    async def in_thread(call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(threads, partial(call, *args, **options))

    async def insert_rows(rows: Any, token: str) -> None:
        await in_thread(store.insert_rows, "ledger", rows, token=token)

    async def insert_lines(batch: LineBatch) -> list[Stored]:
        outcomes: list[Stored] = await in_thread(store.insert_lines, batch)
        stored(batch.table.name)
        return outcomes

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        committer = Committer(insert_lines, Ledger(insert_rows), limits)
        app.state.service = Service(catalogue, committer, max_body_bytes)
        yield
        threads.shutdown()

    return Starlette(
        routes=[
            *routes,
            Route("/ingest/v1/{protocol}", _ingest, methods=["POST"]),
            Route("/healthz", _alive, methods=["GET"]),
        ],
        exception_handlers={BklogError: _refuse},
        lifespan=lifespan,
    )


async def _ingest(http: HttpRequest) -> JSONResponse:
    service: Service = http.app.state.service
    protocol = _protocol(http.path_params["protocol"])
    destination = await _authenticate(http, service.catalogue)
    body = protocol.lines(await _body(http, service.max_body_bytes))
    if not body:
        raise BadRequest("the body is empty: nothing was stored", hint="send at least one line", code="empty_body")
    key = _key(http)
    request = Request(
        destination=destination,
        rule=protocol.rule(destination.rule),
        source=_source(http),
        body=body,
        lines=count_lines(body),
        key=key,
        attached=attached(http.headers, keyed=bool(key)),
    )
    try:
        outcome = await service.committer.submit(request)
    except Unavailable as error:
        if error.stable_code == "table_closed":
            service.catalogue.doubt(destination)
        raise
    # Asked again: of a collector that was closed meanwhile the table may be gone, and what went with it was not stored.
    await _authenticate(http, service.catalogue)
    LinesStored.of(destination.collector, outcome, size_bytes=len(body), quiet=destination.quiet).emit()
    return JSONResponse(present(request.lines, outcome))


def present(lines: int, outcome: Stored) -> dict[str, Any]:
    """The answer's body: received = stored + duplicate + rejected; marked lines are stored, and say why they are marked."""
    return {
        "received": lines,
        "stored": outcome.stored,
        "duplicate": outcome.duplicate,
        "rejected": sum(outcome.rejected.values()),
        "rejected_by_reason": outcome.rejected,
        "marked": outcome.marked,
    }


def _protocol(name: str) -> Protocol:
    try:
        return PROTOCOLS[name]
    except KeyError:
        known = ", ".join(name for name, _ in PROTOCOLS.items())
        raise NotFound(f"there is no ingest protocol {name!r}", hint=f"known: {known}", code="unknown_protocol") from None


async def _authenticate(http: HttpRequest, catalogue: Catalogue) -> Destination:
    scheme, _, token = http.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        hint = "send the collector's ingest token: Authorization: Bearer TOKEN"
        raise Unauthorised("the request carries no ingest token", hint=hint, code="token_missing")
    destination = await catalogue.find(token.strip())
    if destination is None:
        hint = "where it was right it has been revoked; another one: `bklog collector token make NAME`, or the collector's page"
        raise Unauthorised("no collector has this ingest token", hint=hint, code="token_wrong")
    if destination.deleting:
        hint = "stop sending to it, or send to another collector with the token of that one"
        message = f"the collector {destination.collector} is being deleted and takes no more lines"
        raise Forbidden(message, hint=hint, code="collector_deleting")
    return destination


async def _body(http: HttpRequest, limit_bytes: int) -> bytes:
    encoding = require_known_encoding(http.headers.get("content-encoding", ""))
    if int(http.headers.get("content-length", "0")) > limit_bytes:
        await _discard(http)
        raise too_large(limit_bytes)
    body = await read_limited(http.stream(), limit_bytes)
    if not encoding or not body:
        return body
    if len(body) < SMALL_BODY_BYTES:
        return decompress(body, encoding, limit_bytes)
    return await asyncio.to_thread(decompress, body, encoding, limit_bytes)


async def _discard(http: HttpRequest) -> None:
    """Take what the sender is sending, within reason: one that is cut off while it sends would not read the answer."""
    left = DISCARD_BYTES
    async for chunk in http.stream():
        left -= len(chunk)
        if left < 0:
            return


def _source(http: HttpRequest) -> Source:
    """Headers X-Bklog-Host, -Path and -Stream (percent-encoded), or query parameters of the same meaning."""
    parts = {
        name: unquote(http.headers.get(f"x-bklog-{name}", "")) or http.query_params.get(name, "")
        for name in ("host", "path", "stream")
    }
    for name, value in parts.items():
        if len(value) > MAX_SOURCE_CHARACTERS:
            message = f"the source's {name} has {len(value)} characters"
            raise BadRequest(message, hint=f"at most {MAX_SOURCE_CHARACTERS} are possible", code="source_too_long")
    return Source(**parts)


def _key(http: HttpRequest) -> str:
    key = http.headers.get("idempotency-key", "")
    if len(key) > MAX_KEY_CHARACTERS or not key.isprintable() or not key.isascii():
        hint = f"1 to {MAX_KEY_CHARACTERS} printable ASCII characters that name this batch"
        raise BadRequest("the Idempotency-Key is not usable; nothing was stored", hint=hint, code="idempotency_key")
    return key


async def _alive(_: HttpRequest) -> JSONResponse:
    return JSONResponse({"ok": True})


async def _refuse(http: HttpRequest, error: Exception) -> JSONResponse:
    assert isinstance(error, BklogError)  # noqa: S101 - the table of handlers maps this class alone
    IngestFailed(path=http.url.path, status=error.status, code=error.stable_code, reason=error.message).emit()
    return present_failure(error)


def present_failure(error: BklogError) -> JSONResponse:
    return JSONResponse(error.as_dict(), status_code=error.status, headers=error.headers)
