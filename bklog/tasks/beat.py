"""`python -m bklog.tasks beat`: sends the entries of the schedule. Any number of beats may run; one of them leads.

tick: lead (lease in the database) → due times that have no PeriodicRun → record each (unique) → send → mark as sent

Two rules hold whatever is killed when: a due time is recorded once, by its unique pair; what is recorded and not marked as
sent is sent by the next leader. What a change of leaders delayed is made up for, up to CATCH_UP_SECONDS back.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from celery import signals
from celery.beat import Scheduler
from django.conf import settings
from django.db import DatabaseError, IntegrityError, connections, transaction
from django.db.models import Max
from django.utils import timezone

from bklog.queues import leases, nodes
from bklog.queues.app import app, broker_errors
from bklog.queues.models import PeriodicRun
from bklog.tasks.app import PERIODIC_RUN
from bklog.tasks.schedule import SCHEDULE, Periodic

LEASE_SECONDS: Final = 10.0
CATCH_UP_SECONDS: Final = 60
_TICK_SECONDS: Final = 1.0
logger = logging.getLogger("bklog.beat")


class LeadingScheduler(Scheduler):
    """Celery's beat asks `tick` what to do and how long to sleep; the entries and their times are ours."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._node = nodes.node_name("beat")
        self._lease: leases.Holding | None = None
        self._renewed = 0.0
        self._recorded: dict[str, datetime] = {}
        self._unsent: list[PeriodicRun] = []
        super().__init__(*args, **kwargs)

    def setup_schedule(self) -> None:
        """Celery's own entries (the clean-up of results) have nothing to do here."""

    def tick(self, *_: Any, **__: Any) -> float:
        try:
            if self._leads():
                self._record_due(timezone.now())
                self._send_recorded()
        except DatabaseError:
            logger.warning("the database does not answer; trying again", exc_info=True)
            connections.close_all()
        except broker_errors() as problem:
            logger.warning("the message queue does not answer; trying again", extra={"reason": str(problem)})
        return _TICK_SECONDS

    def close(self) -> None:
        if self._lease:
            self._lease.release()
        super().close()

    def _leads(self) -> bool:
        now = time.monotonic()
        if self._lease is None:
            return self._try_to_lead(now)
        if now - self._renewed < LEASE_SECONDS / 3:
            return True
        if self._lease.renew():
            self._renewed = now
            return True
        logger.warning("another beat leads now", extra={"node": self._node})
        self._lease = None
        return False

    def _try_to_lead(self, now: float) -> bool:
        try:
            self._lease = leases.take("beat", seconds=LEASE_SECONDS)
        except leases.LeaseHeld:
            return False
        self._renewed = now
        latest = PeriodicRun.objects.values_list("name").annotate(latest=Max("due_at"))
        self._recorded = dict(latest)
        self._unsent = list(PeriodicRun.objects.filter(state=PeriodicRun.State.DUE))
        logger.info("this beat leads", extra={"node": self._node})
        return True

    def _record_due(self, now: datetime) -> None:
        for entry in SCHEDULE:
            for due in self._due_times(entry, now):
                self._record(entry, due)

    def _due_times(self, entry: Periodic, now: datetime) -> Iterator[datetime]:
        """Those without a record: the latest, and before it what is not older than CATCH_UP_SECONDS. Oldest first."""
        latest = entry.last_due(now)
        recorded = self._recorded.get(entry.name)
        if recorded is not None and recorded >= latest:
            return
        earliest = now - timedelta(seconds=CATCH_UP_SECONDS)
        due = latest
        while recorded is not None and (before := due - timedelta(seconds=entry.every_seconds)) > max(recorded, earliest):
            due = before
        while due <= latest:
            yield due
            due += timedelta(seconds=entry.every_seconds)

    def _record(self, entry: Periodic, due: datetime) -> None:
        try:
            with transaction.atomic():
                self._unsent.append(PeriodicRun.objects.create(name=entry.name, due_at=due, sent_by=self._node))
        except IntegrityError:  # a beat that led until a moment ago was quicker
            logger.info("a due time is recorded already", extra={"entry": entry.name, "due_at": due.isoformat()})
        self._recorded[entry.name] = due

    def _send_recorded(self) -> None:
        while self._unsent:
            run = self._unsent[0]
            app.send_task(run.name, headers={PERIODIC_RUN: run.pk})
            PeriodicRun.objects.filter(pk=run.pk, state=PeriodicRun.State.DUE).update(state=PeriodicRun.State.SENT)
            self._unsent.pop(0)


def main() -> None:
    signals.setup_logging.connect(lambda **_: None, weak=False)
    app.Beat(
        scheduler="bklog.tasks.beat:LeadingScheduler", loglevel=settings.BKLOG_LOG_LEVEL, quiet=True, working_directory=None
    ).run()
