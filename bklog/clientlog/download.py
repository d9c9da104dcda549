"""URL -> chunks of bytes, of at most so many, from a public address, in bounded time.

    url ─▶ host ─safe_address─▶ connection to that very address ─▶ 3xx: the next URL, checked alike ─▶ 200: the body

Unavailable passes (time-outs, 408, 425, 429, 5xx, a body that breaks off); any other refusal stays.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

import urllib3

from bklog.clientlog.addresses import safe_address
from bklog.errors import BadRequest, BklogError, Forbidden, NotFound, TooLarge, Unavailable

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 30.0
CHUNK_BYTES: Final = 256 << 10
MOST_REDIRECTS: Final = 5
REDIRECTS: Final = {301, 302, 303, 307, 308}
PASSING: Final = {408, 425, 429}
HEADERS: Final = {"User-Agent": "bklog", "Accept": "*/*", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Download:
    """`allowed_hosts` may be private ones. `seconds` is for all of it, redirects and body."""

    limit_bytes: int
    seconds: float
    allowed_hosts: tuple[str, ...] = ()
    read_seconds: float = READ_SECONDS

    def chunks(self, url: str) -> Iterator[bytes]:
        ends = time.monotonic() + self.seconds
        for _ in range(MOST_REDIRECTS + 1):
            with self._answer(url) as answer:
                if answer.status not in REDIRECTS:
                    yield from self._body(answer, url, ends)
                    return
                url = _next(url, answer.headers)
        raise BadRequest(f"the URL leads on more than {MOST_REDIRECTS} times", hint="give the last one", code="redirects")

    @contextmanager
    def _answer(self, url: str) -> Iterator[urllib3.BaseHTTPResponse]:
        parts = urlsplit(url)
        host, secure = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        address = safe_address(host, port, allowed=self.allowed_hosts)
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=self.read_seconds)
        path = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        with _pool(host, address, port, secure=secure, timeout=timeout) as pool, _told(shown(url)):
            headers = {**HEADERS, "Host": parts.netloc}
            answer = pool.urlopen("GET", path, headers=headers, retries=False, redirect=False, preload_content=False)
            try:
                yield answer
            finally:
                answer.close()

    def _body(self, answer: urllib3.BaseHTTPResponse, url: str, ends: float) -> Iterator[bytes]:
        if answer.status != 200:
            raise _refusal(answer.status, shown(url))
        said = answer.headers.get("Content-Length", "")
        if said.isdigit() and int(said) > self.limit_bytes:
            raise _too_large(self.limit_bytes)
        size = 0
        for chunk in answer.stream(CHUNK_BYTES, decode_content=False):
            size += len(chunk)
            if size > self.limit_bytes:
                raise _too_large(self.limit_bytes)
            if time.monotonic() > ends:
                message = f"{shown(url)} was not there after {self.seconds:g} seconds"
                raise Unavailable(message, hint="raise BKLOG_CLIENTLOG_FETCH_SECONDS", code="fetch_timeout")
            yield chunk


@contextmanager
def _pool(
    host: str, address: str, port: int, *, secure: bool, timeout: urllib3.Timeout
) -> Iterator[urllib3.HTTPConnectionPool]:
    """Connected to the address; the certificate must be the host's."""
    if secure:
        pool: urllib3.HTTPConnectionPool = urllib3.HTTPSConnectionPool(
            address, port, timeout=timeout, server_hostname=host, assert_hostname=host, cert_reqs="CERT_REQUIRED"
        )
    else:
        pool = urllib3.HTTPConnectionPool(address, port, timeout=timeout)
    try:
        yield pool
    finally:
        pool.close()


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except urllib3.exceptions.SSLError as error:
        raise Forbidden(f"{what} has no certificate that we trust: {error}", hint="mend it", code="certificate") from error
    except urllib3.exceptions.HTTPError as error:
        message = f"{what} does not answer, or broke off: {type(error).__name__}"
        raise Unavailable(message, hint="it is tried again", retry_after_seconds=30, code="fetch_failed") from error


def _next(url: str, headers: Mapping[str, str]) -> str:
    target = ""
    try:
        target = urljoin(url, headers.get("Location", ""))
        parts = urlsplit(target)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        usable = False
    if not usable or (url.startswith("https:") and not target.startswith("https:")):
        raise Forbidden(f"{shown(url)} leads to where no file is fetched from", hint="give the last URL", code="redirects")
    return target


def shown(url: str) -> str:
    """Without what follows the question mark: signed links hold what opens them."""
    return url.partition("?")[0]


def _refusal(status: int, what: str) -> BklogError:
    message = f"{what} answers {status}"
    if status in PASSING or status >= 500:
        return Unavailable(message, hint="it is tried again", retry_after_seconds=30, code="fetch_failed")
    if status in {404, 410}:
        return NotFound(f"{message}: the file is not there", hint="upload it, then submit it again", code="file_gone")
    if status in {401, 403}:
        return Forbidden(message, hint="has the signed link expired?", code="file_denied")
    return BadRequest(message, hint="give the URL of the file itself", code="fetch_refused")


def _too_large(limit_bytes: int) -> BklogError:
    message = f"the file has more than {limit_bytes} bytes"
    return TooLarge(message, hint="divide it, or raise BKLOG_CLIENTLOG_FETCH_BYTES", code="file_too_large")
