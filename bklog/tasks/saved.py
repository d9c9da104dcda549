"""What goes by itself of favourites, history and short links."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from bklog.collect.models import IndexSet
from bklog.saved.expiry import expire
from bklog.tasks.app import task

logger = logging.getLogger("bklog.tasks")


@task("saved.expire")
def expire_saved() -> None:
    there = IndexSet.objects.values_list("pk", flat=True)
    logger.info("SavedExpired", extra=expire(index_sets=there, now=datetime.now(UTC)))
