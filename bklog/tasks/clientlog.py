"""Client logs: thin functions over the feature; `wiring` is loaded by the one worker that takes them."""

from __future__ import annotations

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings

from bklog.clientlog import actions
from bklog.clientlog.models import ClientTask
from bklog.errors import Unavailable
from bklog.queues.send import send
from bklog.tasks.app import task


@task("clientlog.process")
def process(client_task_id: int) -> None:
    from bklog.clientlog.process import process as process_task  # noqa: PLC0415 memory of the other workers
    from bklog.tasks.wiring.clientlog import clientlog_parts  # noqa: PLC0415 as above

    try:
        process_task(client_task_id, clientlog_parts())
    except SoftTimeLimitExceeded:
        error = Unavailable("the file was not done within the time of one attempt", hint="divide it", code="time_limit")
        for found in ClientTask.objects.filter(pk=client_task_id).exclude(state__in=actions.ENDED):
            actions.postpone(found, error, most_attempts=settings.BKLOG_CLIENTLOG_ATTEMPTS)


@task("clientlog.pull")
def pull() -> None:
    if not settings.BKLOG_CLIENTLOG_PULL_URL:
        return
    from bklog.clientlog import pull as outside  # noqa: PLC0415 as above

    service = outside.Service(
        settings.BKLOG_CLIENTLOG_PULL_URL, settings.BKLOG_CLIENTLOG_PULL_TOKEN, settings.BKLOG_CLIENTLOG_REPORT_URL
    )
    try:
        outside.pull(service, send)
    finally:  # that nothing new can be had is no reason to keep back what ended
        if service.report_url:
            outside.report(service)


@task("clientlog.sweep")
def sweep() -> None:
    actions.send_due(send)


@task("clientlog.expire")
def expire() -> None:
    actions.expire(keep_days=settings.BKLOG_CLIENTLOG_KEEP_DAYS)
