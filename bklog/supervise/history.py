"""The answers of a health check → periods: since when each part is well, or fails, kept for a week.

check_all ─(each minute)─▶ the part's period goes on, or a new one begins ─▶ read_history
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from bklog.supervise.health import Part
from bklog.supervise.models import HealthPeriod

KEEP: Final = timedelta(days=7)
GAP: Final = timedelta(minutes=3)  # three checks that were not made: what was in between is not known
_MESSAGE_CHARACTERS: Final = 500


def record(parts: Sequence[Part], *, now: datetime) -> None:
    """The message of a period is its last one."""
    running = {one.part: one for one in HealthPeriod.objects.filter(until__gte=now - GAP).order_by("until")}
    for part in parts:
        message = part.message[:_MESSAGE_CHARACTERS]
        period = running.get(part.name)
        if period is not None and period.ok == part.ok:
            HealthPeriod.objects.filter(pk=period.pk).update(until=max(now, period.until), message=message)
        else:
            HealthPeriod.objects.create(part=part.name, ok=part.ok, message=message, since=now, until=now)
    HealthPeriod.objects.filter(until__lt=now - KEEP).delete()


def read_history(*, since: datetime) -> list[dict[str, Any]]:
    """Periods that reach beyond a moment, the latest beginning first."""
    found = HealthPeriod.objects.filter(until__gte=since).order_by("-since", "part")
    return [
        {
            "part": one.part,
            "ok": one.ok,
            "message": one.message,
            "since": one.since.isoformat(),
            "until": one.until.isoformat(),
        }
        for one in found
    ]
