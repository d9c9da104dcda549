"""What goes by itself of sessions, counts of failed sign-ins and the audit."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from django.conf import settings

from bklog.accounts import audit, sessions, sign_in_counts
from bklog.tasks.app import task

logger = logging.getLogger("bklog.tasks")


@task("accounts.expire")
def expire() -> None:
    now = datetime.now(UTC)
    deleted = {
        "sessions": sessions.expire(now=now),
        "sign_in_counts": sign_in_counts.expire(now=now),
        "audit": audit.expire(before=now - timedelta(days=settings.BKLOG_AUDIT_DAYS)),
    }
    logger.info("AccountsExpired", extra=deleted)
