"""ObjectStore: chunks of bytes -> an object of a bucket -> chunks of bytes, in bounded memory whatever the size.

    put(key, chunks) ──parts of PART_BYTES──▶ multipart upload ──▶ there whole, or not at all
    get(key, limit)  ◀─chunks─ one request, continued where a connection broke

Knows no task and no export. One store may be used by many threads; make it after a fork, since its threads stay behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import quote

import obstore
from obstore.store import S3Store

from bklog.errors import BadRequest, ConfigError, TooLarge
from bklog.objects.failures import FAILURES, failure, told
from bklog.records import BucketAddress

if TYPE_CHECKING:  # the library has them in its type stubs alone
    from obstore.store import BackoffConfig, ClientConfig, RetryConfig, S3Config

PART_BYTES: Final = 8 << 20  # 10,000 parts are allowed: objects of up to 78 GiB
PARTS_AT_ONCE: Final = 3
CHUNK_BYTES: Final = 1 << 20
BODY_SECONDS: Final = 6 * 3600  # of one whole body; a stalled one ends after `answer_seconds` without a byte
CONNECT_SECONDS: Final = 5.0
LONGEST_LINK_SECONDS: Final = 7 * 24 * 3600  # what signature version 4 allows


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    key: str
    size_bytes: int
    etag: str
    modified: datetime


class ObjectStore:
    """Raises NotFound, Forbidden, BadRequest, Unavailable: see `failures`; ConfigError where no storage is set."""

    def __init__(self, address: BucketAddress) -> None:
        if not address.is_set:
            raise ConfigError(
                "no object storage is set", hint="set BKLOG_S3_ENDPOINT and BKLOG_S3_BUCKET", code="objects_not_set"
            )
        self._address = address

    def put(self, key: str, chunks: Iterable[bytes], *, file_name: str = "", content_type: str = "") -> ObjectInfo:
        """What `chunks` raises passes through, and no object is left. `file_name` is what a browser saves it as."""
        attributes = {"Content-Type": content_type or "application/octet-stream"}
        if file_name:
            attributes["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(file_name, safe='')}"
        source = _Watched(chunks)
        try:
            obstore.put(
                self._store, key, source, attributes=attributes, use_multipart=True,
                chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE,
            )  # fmt: skip
        except BaseException as error:
            if source.failed is not None:
                raise source.failed from None
            if isinstance(error, FAILURES):
                raise failure(f"the object {key} cannot be written", error) from error
            raise
        return self.head(key)

    def get(self, key: str, *, limit_bytes: int) -> Iterator[bytes]:
        """The request is sent at once: a missing object is told before the first chunk. Raises TooLarge, too."""
        what = f"the object {key} cannot be read"
        with told(what):
            result = obstore.get(self._store, key)
        _require_size(key, result.meta["size"], limit_bytes)
        return _limited(result.stream(min_chunk_size=CHUNK_BYTES), key, limit_bytes)

    def head(self, key: str) -> ObjectInfo:
        with told(f"the object {key} cannot be looked up"):
            meta = obstore.head(self._store, key)
        return ObjectInfo(key, meta["size"], meta["e_tag"] or "", meta["last_modified"])

    def delete(self, key: str) -> None:
        """Deleting what is not there is done already."""
        with told(f"the object {key} cannot be deleted"):
            obstore.delete(self._store, key)

    def presigned_url(self, key: str, *, seconds: int) -> str:
        """A link that reads the object without any key, for `seconds` from now. Whether the object is there is not asked."""
        if not 1 <= seconds <= LONGEST_LINK_SECONDS:
            hint = f"1 to {LONGEST_LINK_SECONDS} seconds"
            raise BadRequest(f"a link cannot be valid for {seconds} seconds", hint=hint, code="link_seconds")
        with told(f"no link to the object {key} can be made"):
            return obstore.sign(self._public_store, "GET", key, timedelta(seconds=seconds))

    @cached_property
    def _store(self) -> S3Store:
        return _connect(self._address, self._address.endpoint)

    @cached_property
    def _public_store(self) -> S3Store:
        return _connect(self._address, self._address.public_endpoint or self._address.endpoint)


class _Watched:
    """Iterates `chunks`, and remembers what they raised: the library would wrap it in an error of its own."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self.failed: BaseException | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._chunks)
        except StopIteration:
            raise
        except BaseException as error:
            self.failed = error
            raise


def _limited(stream: Iterable[object], key: str, limit_bytes: int) -> Iterator[bytes]:
    size = 0
    with told(f"the object {key} cannot be read to its end"):
        for chunk in stream:
            data = bytes(cast("memoryview", chunk))
            size += len(data)
            _require_size(key, size, limit_bytes)
            yield data


def _require_size(key: str, size_bytes: int, limit_bytes: int) -> None:
    if size_bytes > limit_bytes:
        message = f"the object {key} has more than {limit_bytes} bytes"
        raise TooLarge(message, hint="nothing of it was kept", code="object_too_large")


def _connect(address: BucketAddress, endpoint: str) -> S3Store:
    config: S3Config = {
        "endpoint": endpoint if address.path_style else _with_bucket(endpoint, address.bucket),
        "bucket": address.bucket,
        "region": address.region,
        "virtual_hosted_style_request": not address.path_style,
    }
    if address.key_id:
        config |= {"access_key_id": address.key_id, "secret_access_key": address.secret}
    else:
        config |= {"skip_signature": True}
    client: ClientConfig = {
        "allow_http": endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=min(CONNECT_SECONDS, address.answer_seconds)),
        "read_timeout": timedelta(seconds=address.answer_seconds),
        "timeout": timedelta(seconds=BODY_SECONDS),
        "user_agent": "bklog",
    }
    with told("the object storage cannot be set up"):
        return S3Store(config=config, client_options=client, retry_config=_retries(address))


def _retries(address: BucketAddress) -> RetryConfig:
    pause: BackoffConfig = {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=5), "base": 2}
    return {
        "backoff": pause,
        "max_retries": 10 if address.retry_seconds else 0,
        "retry_timeout": timedelta(seconds=address.retry_seconds),
    }


def _with_bucket(endpoint: str, bucket: str) -> str:
    scheme, _, host = endpoint.partition("://")
    return f"{scheme}://{bucket}.{host}"
