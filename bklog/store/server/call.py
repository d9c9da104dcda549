"""HTTP request -> Call: the statement, its parameters and settings, and how its answer is to be sent.

URL, headers, multipart form  ->  Call  ->  execute.py
"""

from __future__ import annotations

import base64
import binascii
import hmac
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from bklog.store.server.append import HEADER as APPEND_HEADER
from bklog.store.server.append import Append, read_append
from bklog.store.server.body import Received, Share, receive
from bklog.store.server.errors import Code, refusal
from bklog.store.server.statements import scan
from bklog.store.server.worker import DEFAULT_DATABASE

MAX_FORM_BYTES: Final = 64 * 1024 * 1024
# Parameters of the interface, and settings that speak of HTTP only: the engine does not get them.
INTERFACE: Final = frozenset((
    "query", "database", "default_format", "query_id", "session_id", "session_timeout", "session_check",
    "close_session", "user", "password", "quota_key", "role", "stacktrace", "buffer_size", "wait_end_of_query",
    "client_protocol_version", "compress", "decompress", "enable_http_compression", "http_zlib_compression_level",
    "send_progress_in_http_headers", "http_headers_progress_interval_ms",
    "cancel_http_readonly_queries_on_client_close", "http_wait_end_of_query", "http_response_buffer_size",
))  # fmt: skip
BROWSER_HEADERS: Final = ("origin", "sec-fetch-site")


@dataclass(frozen=True, slots=True)
class Call:
    """One statement to run and answer."""

    received: Received
    params: Mapping[str, str]
    settings: Mapping[str, str]
    database: str
    format: str
    query_id: str
    wait_end: bool
    encoding: str
    read_only: bool
    append: Append | None = None


async def read_call(request: Request, *, share: Share, idle_seconds: float) -> Call:
    """Raises StoreError and Disconnected."""
    values = dict(request.query_params)
    if values.get("compress") == "1" or values.get("decompress") == "1":
        raise refusal(
            Code.NOT_IMPLEMENTED,
            "compress=1 and decompress=1 (the engine's own blocks) are not served; use Content-Encoding",
        )
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        values |= await _form(request, share=share, idle_seconds=idle_seconds)
        sql = values.get("query", "").encode("utf-8", "surrogateescape")
        received = Received(sql, scan(sql, complete=True), None)
    else:
        received = await receive(request, values.get("query", "").encode(), share=share, idle_seconds=idle_seconds)
    headers = request.headers
    return Call(
        received=received,
        params={name.removeprefix("param_"): value for name, value in values.items() if name.startswith("param_")},
        settings={name: value for name, value in values.items() if name not in INTERFACE and not name.startswith("param_")},
        database=values.get("database") or headers.get("x-clickhouse-database") or DEFAULT_DATABASE,
        format=values.get("default_format") or headers.get("x-clickhouse-format") or "TabSeparated",
        query_id=values.get("query_id") or str(uuid.uuid4()),
        wait_end=_is_set(values, "wait_end_of_query") or _is_set(values, "http_wait_end_of_query"),
        encoding=_encoding(headers.get("accept-encoding", "")) if _is_set(values, "enable_http_compression") else "",
        read_only=request.method in {"GET", "HEAD"},
        append=read_append(headers.get(APPEND_HEADER, "")),
    )


def authenticate(request: Request, password: str) -> None:
    """Raises StoreError; nothing where no password is set, except for web pages: a browser on this machine is no client."""
    if not password:
        if any(name in request.headers for name in BROWSER_HEADERS):
            raise refusal(Code.ACCESS_DENIED, "a store without a password does not answer to browsers")
        return
    user, given = _credentials(request)
    check_password(user, given, password)


def check_password(user: str, given: str | None, password: str) -> None:
    """Raises StoreError. The user's name is not checked."""
    if given is None:
        raise refusal(Code.REQUIRED_PASSWORD, f"{user}: Authentication failed: a password is required")
    if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), password.encode()):
        raise refusal(
            Code.AUTHENTICATION_FAILED,
            f"{user}: Authentication failed: password is incorrect, or there is no user with such name.",
        )


def _credentials(request: Request) -> tuple[str, str | None]:
    """User and password from the header of ClickHouse, from Basic, or from the URL."""
    headers, values = request.headers, request.query_params
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        return headers.get("x-clickhouse-user", "default"), headers.get("x-clickhouse-key", "")
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, given = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise refusal(Code.AUTHENTICATION_FAILED, "Invalid authentication: it is no base64 of user:password") from error
        return user, given
    return values.get("user", "default"), values.get("password")


def _is_set(values: Mapping[str, str], name: str) -> bool:
    return values.get(name, "0").lower() not in {"", "0", "false"}


def _encoding(accepted: str) -> str:
    """The first of the client's encodings that this server writes."""
    for part in accepted.lower().split(","):
        name, _, quality = part.strip().partition(";")
        if name.strip() in {"zstd", "lz4", "gzip", "deflate"} and quality.strip() not in {"q=0", "q=0.0"}:
            return name.strip()
    return ""


async def _form(request: Request, *, share: Share, idle_seconds: float) -> dict[str, str]:
    """Fields of a multipart form; a field that is a file (external data) is refused."""
    _, _, boundary = request.headers["content-type"].partition("boundary=")
    body = bytearray()
    async for chunk in request.stream():
        share.take(len(chunk))
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise refusal(Code.TOO_MANY_BYTES, f"the form is larger than {MAX_FORM_BYTES} bytes")
    fields = {}
    for part in (b"\r\n" + bytes(body)).split(b"\r\n--" + boundary.strip('"').encode("latin-1"))[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name, is_file = _disposition(head.decode("utf-8", "replace"))
        if is_file:
            raise refusal(Code.NOT_IMPLEMENTED, "external data in a form is not served; insert it into a table first")
        fields[name] = content.decode("utf-8", "surrogateescape")
    return fields


def _disposition(head: str) -> tuple[str, bool]:
    """The field's name, and whether it has a file's."""
    for line in head.split("\r\n"):
        if line.lower().startswith("content-disposition:"):
            pieces = dict(piece.strip().partition("=")[::2] for piece in line.split(";")[1:])
            return pieces.get("name", "").strip('"'), "filename" in pieces
    raise refusal(Code.BAD_ARGUMENTS, "a part of the form has no name")
