"""Client logs, wired to the object storage, to HTTP and to the ingest program.

task ─fetch─▶ object or URL      text ─cut─▶ chunks of whole lines      parcel ─deliver─▶ POST /ingest/v1/lines until stored
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import quote

from django.conf import settings

from bklog.clientlog.download import Download
from bklog.clientlog.models import ClientTask
from bklog.clientlog.process import Delivered, Parcel, Parts
from bklog.clientlog.text import Utf8Stream
from bklog.clientlog.unpack import Limits
from bklog.collect.drafts import Draft
from bklog.collect.own import ensure_collector, ensure_ingest_token, has_token
from bklog.collect.sender import Batch, Sender, Source, open_sender
from bklog.collect.tokens import read_token, token_path
from bklog.collect.upload import Chunk, cut_chunks
from bklog.collect.upload import deliver as deliver_batch
from bklog.objects import ObjectStore
from bklog.records import CLIENT
from bklog.tasks.wiring.store import the_store

PIECE_BYTES: Final = 8 << 20
DELIVER_SECONDS: Final = 60.0  # how long a piece is sent again before the whole task waits for its next attempt


def clientlog_parts() -> Parts:
    limits = Limits(
        unpacked_bytes=settings.BKLOG_CLIENTLOG_UNPACK_BYTES,
        ratio=settings.BKLOG_CLIENTLOG_UNPACK_RATIO,
        files=settings.BKLOG_CLIENTLOG_UNPACK_FILES,
    )
    return Parts(
        home=Path(settings.BKLOG_HOME),
        limits=limits,
        most_attempts=settings.BKLOG_CLIENTLOG_ATTEMPTS,
        fetch=_fetch,
        cut=_cut,
        deliver=_deliver,
    )


def _fetch(found: ClientTask) -> Iterator[bytes]:
    limit_bytes: int = settings.BKLOG_CLIENTLOG_FETCH_BYTES
    if found.object_key:
        return _objects().get(found.object_key, limit_bytes=limit_bytes)
    seconds, hosts = settings.BKLOG_CLIENTLOG_FETCH_SECONDS, settings.BKLOG_CLIENTLOG_ALLOWED_HOSTS
    return Download(limit_bytes, seconds, hosts).chunks(found.url)


def _cut(text: Utf8Stream) -> Iterator[Chunk]:
    most: int = settings.BKLOG_INGEST_MAX_BODY_BYTES
    return cut_chunks(text, chunk_bytes=min(PIECE_BYTES, most), longest_line_bytes=most)


def _deliver(parcel: Parcel) -> Delivered:
    fields = quote(json.dumps(parcel.fields, ensure_ascii=False))
    headers = {"X-Bklog-Fields": fields, "X-Bklog-First-Line": str(parcel.first_line)}
    source = Source(parcel.host, parcel.path, parcel.stream)
    batch = Batch(parcel.body, parcel.key, "lines", _token(), source, headers)
    receipt = deliver_batch(_sender(), batch, retry_seconds=DELIVER_SECONDS, stopped=threading.Event())
    return Delivered(receipt.stored, receipt.duplicate, receipt.rejected_by_reason)


@lru_cache(maxsize=1)
def _objects() -> ObjectStore:
    return ObjectStore(settings.BUCKET.of_bucket(settings.BKLOG_CLIENTLOG_BUCKET))


@lru_cache(maxsize=1)
def _sender() -> Sender:
    return open_sender(settings.INGEST_URL, parallel=1)


def _token() -> str:
    """Made by `bklog up`; made here where the collector was deleted since."""
    file = token_path(Path(settings.BKLOG_HOME), CLIENT)
    if not has_token(CLIENT, file):
        ensure_collector(Draft(CLIENT, settings.BKLOG_RETENTION_DAYS), the_store())
        ensure_ingest_token(CLIENT, file)
    return read_token(file)
