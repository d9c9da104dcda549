"""The ingest program's ASGI application, for granian: the ingest service with the platform's collectors behind it.

token ─▶ cache of a few seconds ─▶ database ─▶ Destination
"""

from __future__ import annotations

import os
import time
from typing import Final

import django
from asgiref.sync import sync_to_async
from django.db import close_old_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django.setup()

# ruff: noqa: E402 - models may be imported only after the set-up
from django.conf import settings

from bklog.api.wiring import the_store
from bklog.collect.models import Collector
from bklog.collect.selectors import collector_of_token
from bklog.ingest.app import make_app
from bklog.ingest.commit import CommitLimits
from bklog.ingest.destination import Destination
from bklog.records import PLATFORM, token_hash

KEEP_SECONDS: Final = 3.0  # a token that was deleted is refused after this time
KEEP_TOKENS: Final = 10_000  # wrong tokens are remembered too: a flood of them must not fill the memory
PARALLEL_INSERTS: Final = 4


class TokenCache:
    """A Catalogue over the database."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, Destination | None]] = {}

    async def find(self, token: str) -> Destination | None:
        key, now = token_hash(token), time.monotonic()
        until, destination = self._kept.get(key, (0.0, None))
        if until > now:
            return destination
        destination = await sync_to_async(_look_up)(token)
        if len(self._kept) >= KEEP_TOKENS:
            self._kept.clear()
        self._kept[key] = (now + KEEP_SECONDS, destination)
        return destination


def _look_up(token: str) -> Destination | None:
    close_old_connections()
    found = collector_of_token(token)
    return _destination(found) if found else None


def _destination(collector: Collector) -> Destination:
    return Destination(collector.name, collector.log_table, collector.rule, quiet=collector.name == PLATFORM)


application = make_app(
    the_store(),
    TokenCache(),
    limits=CommitLimits(
        spacing_seconds=settings.BKLOG_INGEST_COMMIT_MILLISECONDS / 1000,
        pending_bytes=settings.BKLOG_INGEST_MAX_PENDING_BYTES,
        max_line_bytes=settings.BKLOG_INGEST_MAX_LINE_BYTES,
        parallel_inserts=PARALLEL_INSERTS,
    ),
    max_body_bytes=settings.BKLOG_INGEST_MAX_BODY_BYTES,
)
