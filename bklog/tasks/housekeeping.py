"""What keeps the platform in order by itself; docs/periodic.md lists it. Each may run twice, and twice at once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

from django.conf import settings

from bklog.collect.retention import check_retention
from bklog.collect.storage import sample_storage
from bklog.queues.leases import LeaseHeld, lease
from bklog.tasks.app import task
from bklog.tasks.wiring.store import the_store

logger = logging.getLogger("bklog.tasks")


@task("health.record")
def record_health() -> None:
    from bklog.supervise import history  # noqa: PLC0415 memory of the other workers
    from bklog.supervise.health import check_all  # noqa: PLC0415 as above

    history.record(check_all(), now=datetime.now(UTC))


@task("storage.sample")
def sample() -> None:
    """To the hour, so that a run that comes again meets its own samples."""
    sample_storage(store=the_store(), now=datetime.now(UTC).replace(minute=0, second=0, microsecond=0))


@task("retention.check")
def check() -> None:
    with _alone("retention.check") as is_first:
        found = check_retention(store=the_store(), today=datetime.now(UTC).date()) if is_first else []
    for finding in found:
        logger.warning("RetentionRepaired", extra=finding.as_dict())


@task("ledger.roll_up")
def roll_up() -> None:
    before = datetime.now(UTC).date() - timedelta(days=settings.BKLOG_LEDGER_FINE_DAYS)
    with _alone("ledger.roll_up") as is_first:
        days = the_store().roll_up_ledger(before=before) if is_first else []
    logger.info("LedgerRolledUp", extra={"days": [day.isoformat() for day in days]})


@contextmanager
def _alone(name: str) -> Iterator[bool]:
    """False where another process does the same already: then nothing is left to do here."""
    with ExitStack() as held:
        try:
            held.enter_context(lease(name))
        except LeaseHeld:
            logger.info("is being done already", extra={"lease": name})
            yield False
            return
        yield True
