"""The ingest program's ASGI application, for granian: the ingest service with the platform's collectors behind it.

ingest token ─▶ TokenCache ─▶ database ─▶ Destination
                                  └─▶ UseNotes: when it was used last
API token ─▶ live tail, ours and Loki's, which the inserts of this process wake
"""

from __future__ import annotations

import os
from typing import Final

import django
from asgiref.sync import sync_to_async
from django.db import close_old_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django.setup()

# ruff: noqa: E402 - models may be imported only after the set-up
from django.conf import settings

from bklog.api.loki_tail import loki_tail_routes
from bklog.api.tail import make_hub, tail_route
from bklog.api.token_cache import TokenCache
from bklog.api.token_use import UseNotes, in_thread
from bklog.api.wiring import the_store
from bklog.collect.ingest_tokens import find_token
from bklog.collect.models import Collector
from bklog.ingest.app import make_app
from bklog.ingest.commit import CommitLimits
from bklog.ingest.destination import Destination
from bklog.records import PLATFORM

PARALLEL_INSERTS: Final = 4


def _look_up(token: str) -> Destination | None:
    close_old_connections()
    found = find_token(token)
    if found is None:
        return None
    _uses.note(found)
    return _destination(found.collector)


def _destination(collector: Collector) -> Destination:
    return Destination(
        collector.name,
        collector.log_table,
        collector.rule,
        quiet=collector.name == PLATFORM,
        deleting=collector.state == Collector.State.DELETING,
    )


_uses = UseNotes(in_thread())
_hub = make_hub()
application = make_app(
    the_store(),
    TokenCache(sync_to_async(_look_up)),
    limits=CommitLimits(
        spacing_seconds=settings.BKLOG_INGEST_COMMIT_MILLISECONDS / 1000,
        pending_bytes=settings.BKLOG_INGEST_MAX_PENDING_BYTES,
        max_line_bytes=settings.BKLOG_INGEST_MAX_LINE_BYTES,
        parallel_inserts=PARALLEL_INSERTS,
    ),
    max_body_bytes=settings.BKLOG_INGEST_MAX_BODY_BYTES,
    routes=[tail_route(_hub), *loki_tail_routes(_hub)],
    stored=_hub.stored,
)
application.state.begin_stop = _hub.begin_stop
