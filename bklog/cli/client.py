"""A command's question → the API's answer, over HTTP; an error of the API comes back as the error that it was there."""

from __future__ import annotations

import json as json_text
from collections.abc import Iterator, Mapping
from typing import Any, Final

import urllib3

from bklog.errors import (
    BadRequest,
    BklogError,
    Conflict,
    Forbidden,
    NotFound,
    Overloaded,
    QuerySyntax,
    Retryable,
    Span,
    StoreError,
    TooLarge,
    Unauthorised,
    Unavailable,
)
from config.address import entry_url
from config.environ import Loaded, load

_CONNECT_SECONDS: Final = 5.0
_KINDS: Final[tuple[type[BklogError], ...]] = (
    BadRequest,
    TooLarge,
    Unauthorised,
    Forbidden,
    NotFound,
    Conflict,
    Overloaded,
    StoreError,
    Unavailable,
)
_POOL: Final = urllib3.PoolManager(retries=False)


def api(
    method: str,
    path: str,
    *,
    json: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_seconds: float = 60.0,
) -> dict[str, Any]:
    """Raises the error that the API answered, or Unavailable where nothing answers."""
    return read_answer(*exchange(method, path, json=json, headers=headers, timeout_seconds=timeout_seconds))


def exchange(
    method: str,
    path: str,
    *,
    json: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_seconds: float = 60.0,
) -> tuple[int, bytes]:
    """Status and body as they come."""
    loaded = load()
    try:
        answer = _POOL.request(
            method,
            base_url(loaded) + path,
            json=json,
            headers={**dict(headers_of(loaded)), **(headers or {})},
            timeout=urllib3.Timeout(connect=min(_CONNECT_SECONDS, timeout_seconds), read=timeout_seconds),
        )
    except urllib3.exceptions.HTTPError as problem:
        raise unreachable(loaded, problem, timeout_seconds=timeout_seconds) from problem
    return answer.status, answer.data


def begun(
    path: str, asked: Mapping[str, Any], headers: Mapping[str, str], *, silence_seconds: float
) -> urllib3.BaseHTTPResponse:
    """An answer to a POST whose body is read as it comes, and closed. Raises Unavailable where nothing answers."""
    loaded = load()
    try:
        return urllib3.request(
            "POST",
            base_url(loaded) + path,
            json=asked,
            headers={**dict(headers_of(loaded)), **headers},
            preload_content=False,
            retries=False,
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=silence_seconds),
        )
    except urllib3.exceptions.HTTPError as problem:
        raise unreachable(loaded, problem, timeout_seconds=silence_seconds) from problem


def base_url(loaded: Loaded) -> str:
    url: str = loaded.BKLOG_API_URL
    return url.rstrip("/") or entry_url(loaded)


def read_answer(status: int, body: bytes) -> dict[str, Any]:
    try:
        content = json_text.loads(body or b"{}")
    except ValueError:
        content = None
    if status < 400 and isinstance(content, dict):
        return content
    error = content.get("error") if isinstance(content, dict) else None
    if isinstance(error, dict):
        raise as_error(status, error)
    raise Unavailable(
        f"the platform answered {status} with something that is not its API: {body[:200].decode(errors='replace')!r}",
        hint="does BKLOG_API_URL name the platform, or is something else listening there?",
        code="not_the_api",
    )


def as_error(status: int, error: Mapping[str, Any]) -> BklogError:
    """The API's `{code, message, hint, …}` as the exception that was raised there."""
    fields = {key: value for key, value in error.items() if key not in ("code", "message", "hint")}
    message, hint, code = str(error.get("message", "")), str(error.get("hint", "")), str(error.get("code", ""))
    if code == QuerySyntax.code and {"start", "end"} <= fields.keys():
        expected, repair = (str(fields.get(name, "")) for name in ("expected", "repair"))
        return QuerySyntax(message, span=Span(fields["start"], fields["end"]), hint=hint, expected=expected, repair=repair)
    kind = next((kind for kind in _KINDS if kind.status == status), BklogError)
    if issubclass(kind, Retryable):
        seconds = fields.get("retry_after_seconds", 1)
        return kind(message, retry_after_seconds=seconds, hint=hint, code=code)
    if issubclass(kind, StoreError):
        return kind(message, engine_code=fields.get("engine_code", 0), hint=hint, code=code)
    return kind(message, hint=hint, code=code, fields=fields)


def headers_of(loaded: Loaded) -> Iterator[tuple[str, str]]:
    yield "Accept", "application/json"
    token = _token(loaded)
    if token:
        yield "Authorization", f"Bearer {token}"
    if loaded.BKLOG_HTTPS and not loaded.BKLOG_API_URL:
        yield "X-Forwarded-Proto", "https"  # the fleet of this machine is asked behind its gateway


def _token(loaded: Loaded) -> str:
    """The home's token belongs to the fleet of the home: it is not sent anywhere else."""
    file = loaded.home / "secrets" / "api-token"
    if loaded.BKLOG_API_TOKEN or loaded.BKLOG_API_URL or not file.is_file():
        return str(loaded.BKLOG_API_TOKEN)
    return file.read_text().strip()


def unreachable(loaded: Loaded, problem: urllib3.exceptions.HTTPError, *, timeout_seconds: float) -> Unavailable:
    url = base_url(loaded)
    if isinstance(problem, urllib3.exceptions.ReadTimeoutError):
        return Unavailable(f"the platform at {url} did not answer within {timeout_seconds:g} seconds", code="timeout")
    hint = "is BKLOG_API_URL right?" if loaded.BKLOG_API_URL else "start the fleet with `bklog up`"
    return Unavailable(f"the platform at {url} does not answer", hint=hint)
