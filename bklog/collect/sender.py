"""Batch -> POST -> Receipt: what the agent and `bklog ingest` have in common. Knows no file and keeps no state.

The answer 200 means stored. Every other end is an error of the tree, and its class says what the caller may do:
Retryable        the same bytes again under the same key, after `retry_after_seconds` at the earliest
BodyTooLarge     cut the batch smaller; nothing of it was stored
any other        the batch was refused: trying at once gives the same answer
"""

from __future__ import annotations

import ipaddress
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import urllib3

from bklog.errors import (
    BadRequest,
    BklogError,
    ConfigError,
    Forbidden,
    NotFound,
    Overloaded,
    TooLarge,
    Unauthorised,
    Unavailable,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FORMATS: Final = ("lines", "jsonl")
COMPRESSIONS: Final = ("auto", "none", "zstd")
CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 60.0  # a store that restarts under load answers late; past this the request is tried again
ZSTD_LEVEL: Final = 1  # 600 MB/s a core and a tenth of the size on log lines; level 3 saves next to nothing more


class BodyTooLarge(TooLarge):
    """The server takes at most `limit_bytes` in one body (0: it did not say)."""

    code = "body_too_large"

    def __init__(self, message: str, *, limit_bytes: int, hint: str = "") -> None:
        super().__init__(message, hint=hint, fields={"limit_bytes": limit_bytes})
        self.limit_bytes = limit_bytes


@dataclass(frozen=True, slots=True)
class Source:
    """Where lines come from: kept in a column each."""

    host: str
    path: str
    stream: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Whole lines under one key. The key names these bytes for good: other bytes need another key."""

    body: bytes
    key: str
    format: str
    token: str
    source: Source
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of the lines of a batch: received = stored + duplicate + rejected; `marked` lines are stored, too."""

    received: int
    stored: int
    duplicate: int
    rejected: int
    rejected_by_reason: dict[str, int]
    marked: dict[str, int]


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends to one endpoint; may be used by many threads at a time."""

    endpoint: str
    pool: urllib3.PoolManager
    compress: bool

    def send(self, batch: Batch) -> Receipt:
        """Raises BklogError: Unavailable and Overloaded pass, the others stay until somebody acts."""
        headers = _headers(batch)
        body = batch.body
        if self.compress:
            headers["Content-Encoding"] = "zstd"
            body = zstd.compress(body, ZSTD_LEVEL)
        try:
            answer = self.pool.request(
                "POST",
                f"{self.endpoint}/ingest/v1/{batch.format}",
                body=body,
                headers=headers,
                retries=False,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise Unavailable(
                f"{self.endpoint} does not answer: {error}",
                hint="the bytes are kept and sent again; `bklog status` shows whether the fleet runs",
            ) from error
        return read_answer(answer.status, answer.headers.get("Retry-After", ""), answer.data)


def open_sender(endpoint: str, *, parallel: int, compression: str = "auto") -> Sender:
    """`auto` compresses unless the endpoint is this machine: there it costs processor time and saves nothing."""
    url = parse_endpoint(endpoint)
    compress = compression == "zstd" or (compression == "auto" and not _is_loopback(url.host or ""))
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS)
    return Sender(endpoint.rstrip("/"), urllib3.PoolManager(num_pools=1, maxsize=parallel, timeout=timeout), compress)


def parse_endpoint(endpoint: str) -> urllib3.util.Url:
    hint = "for example http://127.0.0.1:8000 or https://logs.example.com"
    try:
        url = urllib3.util.parse_url(endpoint)
    except urllib3.exceptions.LocationParseError as error:
        raise ConfigError(f"{endpoint!r} is no URL", hint=hint, code="endpoint") from error
    if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment:
        raise ConfigError(f"{endpoint!r} is no endpoint", hint=hint, code="endpoint")
    return url


def read_answer(status: int, retry_after: str, body: bytes) -> Receipt:
    if status != HTTPStatus.OK:
        raise _refusal(status, retry_after, body)
    try:
        answer = json.loads(body)
        receipt = Receipt(
            received=int(answer["received"]),
            stored=int(answer["stored"]),
            duplicate=int(answer["duplicate"]),
            rejected=int(answer["rejected"]),
            rejected_by_reason=dict(answer["rejected_by_reason"]),
            marked=dict(answer["marked"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # Something between us and the server answered for it: whether the lines are stored is not known.
        raise Unavailable(
            f"the answer is no receipt: {body[:200]!r}",
            hint="is the endpoint an ingest address of BK-LOG?",
            code="no_receipt",
        ) from error
    if receipt.received != receipt.stored + receipt.duplicate + receipt.rejected:
        raise Unavailable(f"the receipt does not add up: {body[:200]!r}", code="no_receipt")
    return receipt


def _headers(batch: Batch) -> dict[str, str]:
    source = batch.source
    parts = {"X-Bklog-Host": source.host, "X-Bklog-Path": source.path, "X-Bklog-Stream": source.stream}
    return {
        "Authorization": f"Bearer {batch.token}",
        "Idempotency-Key": batch.key,
        "Content-Type": "application/x-ndjson" if batch.format == "jsonl" else "text/plain; charset=utf-8",
        "User-Agent": "bklog",
        **{name: percent_encode(text) for name, text in parts.items() if text},
        **batch.headers,
    }


def percent_encode(text: str) -> str:
    """A file name may hold bytes that are no UTF-8: they become U+FFFD, since the server keeps text."""
    return quote(os.fsencode(text).decode("utf-8", "replace"), safe="/")


REFUSALS: Final[dict[int, type[BklogError]]] = {401: Unauthorised, 403: Forbidden, 404: NotFound}


def _refusal(status: int, retry_after: str, body: bytes) -> BklogError:
    said = _error_of(body)
    message = f"the server answered {status}: {said.get('message') or body[:200].decode('utf-8', 'replace') or 'nothing'}"
    hint = str(said.get("hint", ""))
    code = str(said.get("code", ""))
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return BodyTooLarge(message, limit_bytes=_whole_number(said.get("limit_bytes")), hint=hint)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Overloaded(message, retry_after_seconds=_whole_number(retry_after) or 1, hint=hint, code=code)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return Unavailable(message, retry_after_seconds=_whole_number(retry_after) or 1, hint=hint, code=code)
    return REFUSALS.get(status, BadRequest)(message, hint=hint, code=code)


def _error_of(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return said if isinstance(said, dict) else {}


def _whole_number(text: object) -> int:
    return int(str(text)) if str(text).isdecimal() else 0


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
