"""Exports, wired to the settings, to index sets and their fields, to the object storage and the mail server."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from django.conf import settings

from bklog.collect.selectors import get_index_set
from bklog.export.link import link_end, signed_path
from bklog.export.mail import MailServer
from bklog.export.models import Export
from bklog.export.parts import Parts
from bklog.export.places import Places
from bklog.queues.send import send
from bklog.records import MAIN_STORE, Limits
from bklog.search.catalogue import FieldCatalogue
from bklog.store import LogTable
from bklog.tasks.wiring.store import the_store

if TYPE_CHECKING:
    from bklog.objects import ObjectStore


def export_parts() -> Parts:
    return Parts(
        store=the_store(),
        places=the_places(),
        limits=_limits(),
        slice_rows=settings.BKLOG_EXPORT_SLICE_ROWS,
        unsorted_at_once=_unsorted_at_once(),
        slots=settings.BKLOG_EXPORT_RUNNING_PER_USER,
        most_attempts=settings.BKLOG_EXPORT_ATTEMPTS,
        keep_days=settings.BKLOG_EXPORT_KEEP_DAYS,
        tables=_tables,
        masking=lambda index_set_id: get_index_set(index_set_id).masking,
        describe=FieldCatalogue(the_store(), _limits()).describe,
        send=send,
    )


def _unsorted_at_once() -> int:
    """One statement has all cores of the embedded store, and the worker's beside it: two at once took a quarter longer."""
    return 1 if settings.STORES[MAIN_STORE].is_embedded else 4


def the_places() -> Places:
    return Places(settings.EXPORT_FOLDER, _objects)


def mail_server() -> MailServer | None:
    if not settings.BKLOG_SMTP_HOST:
        return None
    return MailServer(
        host=settings.BKLOG_SMTP_HOST,
        port=settings.BKLOG_SMTP_PORT,
        security=settings.BKLOG_SMTP_SECURITY,
        sender=settings.BKLOG_SMTP_FROM,
        user=settings.BKLOG_SMTP_USER,
        password=settings.BKLOG_SMTP_PASSWORD,
        ca_file=settings.BKLOG_SMTP_CA_FILE,
    )


def file_link(export: Export) -> str:
    """What a mail says: a link, or where nobody knows the platform's address from outside, a command."""
    if export.state != Export.State.SUCCESS:
        return ""
    now = datetime.now(UTC)
    until = link_end(export, now=now, seconds=settings.BKLOG_EXPORT_LINK_SECONDS)
    if export.target == Export.Target.S3:
        return the_places().presigned_url(export, seconds=max(1, int((until - now).total_seconds())))
    if not settings.BKLOG_PUBLIC_URL:
        return f"bklog export download {export.pk}"
    return settings.BKLOG_PUBLIC_URL.rstrip("/") + signed_path(export, until=until)


def _limits() -> Limits:
    return Limits(
        seconds=settings.BKLOG_EXPORT_SLICE_SECONDS, memory_bytes=settings.BKLOG_SEARCH_MEMORY_BYTES, result_rows=100_000
    )


def _tables(index_set_id: int) -> Sequence[LogTable]:
    return [collector.log_table for collector in get_index_set(index_set_id).collectors.all()]


@lru_cache(maxsize=1)
def _objects() -> ObjectStore:
    from bklog.objects import ObjectStore  # noqa: PLC0415 memory: 10 MB where files go to a folder

    return ObjectStore(settings.BUCKET.of_bucket(settings.BKLOG_EXPORT_BUCKET))
