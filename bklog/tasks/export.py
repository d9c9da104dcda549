"""Exports: thin functions over the feature; `wiring` is loaded by the one worker that writes them."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Final

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings

from bklog.errors import Unavailable
from bklog.export import actions
from bklog.export.models import Export
from bklog.queues.send import send
from bklog.tasks.app import task

TURN_SECONDS: Final = 1200.0  # after so long a task sends itself again at the end of a slice, well before its soft limit
logger = logging.getLogger("bklog.tasks")


@task("export.run")
def run(export_id: int) -> None:
    from bklog.export.process import process  # noqa: PLC0415 memory of the other workers
    from bklog.tasks.wiring.export import export_parts  # noqa: PLC0415 as above

    try:
        process(export_id, export_parts(), turn_seconds=TURN_SECONDS)
    except SoftTimeLimitExceeded:  # what is saved stays; only so many times, since the next one may come no further
        error = Unavailable("a slice, or bringing the file to its place, took longer than a task may", code="time_limit")
        for found in Export.objects.filter(pk=export_id, state__in=actions.WORKING):
            actions.postpone(found, error, most_attempts=settings.BKLOG_EXPORT_ATTEMPTS)
    for ended in Export.objects.filter(pk=export_id, mail_state=Export.Mail.DUE, finished_at__isnull=False):
        send("export.mail", ended.pk)


@task("export.mail")
def mail(export_id: int) -> None:
    from bklog.export.mail import send_mail  # noqa: PLC0415 memory of the other workers
    from bklog.tasks.wiring.export import file_link, mail_server  # noqa: PLC0415 as above

    server = mail_server()
    if server is not None:
        send_mail(export_id, server, file_link)


@task("export.sweep")
def sweep() -> None:
    from bklog.export.mail import due_mails  # noqa: PLC0415 memory of the other workers

    actions.send_due(slots=settings.BKLOG_EXPORT_RUNNING_PER_USER, send=send)
    for export_id in due_mails(is_set=bool(settings.BKLOG_SMTP_HOST)):
        send("export.mail", export_id)


@task("export.expire")
def expire() -> None:
    from bklog.tasks.wiring.export import the_places  # noqa: PLC0415 memory of the other workers

    places = the_places()
    history = timedelta(days=settings.BKLOG_EXPORT_HISTORY_DAYS)
    actions.expire(now=datetime.now(UTC), remove=places.remove, history=history)
    removed = places.remove_orphans(keep=timedelta(days=settings.BKLOG_EXPORT_KEEP_DAYS))
    logger.info("ExportsExpired", extra={"orphans": removed})
