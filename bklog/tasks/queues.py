"""Housekeeping of the queues themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db.models.functions import Now

from bklog.queues import nodes
from bklog.queues.models import Lease, PeriodicRun
from bklog.tasks.app import task

KEEP_RUNS: Final = timedelta(days=1)


@task("queues.clean")
def clean() -> None:
    nodes.give_back_of_the_gone()
    PeriodicRun.objects.filter(due_at__lt=Now() - KEEP_RUNS).delete()
    Lease.objects.filter(until__lt=Now() - KEEP_RUNS).delete()
