"""Collectors against the store: each has its table, whose rows expire when the collector says, and whose old days are gone.

What differs is put right and told. A table without rows to expire is made anew; an expiry is set; a day that should have been
gone for a day is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any, Final

from bklog.collect.models import Collector
from bklog.store import Keeping, TableUsage

# The engine drops an expired day within hours; what is there a day later was forgotten.
GRACE_DAYS: Final = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """`problem` is stable: no_table, other_expiry or old_days. `found` and `wanted` say what was put right."""

    collector: str
    table: str
    problem: str
    found: str
    wanted: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def check_retention(*, store: Keeping, today: date) -> list[Finding]:
    """Returns what was wrong and has been put right."""
    expiries = store.expiry_days()
    usage = {one.table: one for one in store.usage()}
    # A deleted one's table may be gone, and is not to come back; while it is being replaced no row expires.
    kept = Collector.objects.exclude(state=Collector.State.DELETING).filter(replacement=None)
    return [finding for one in kept for finding in _check(one, expiries.get(one.table), usage, store, today)]


def _check(
    collector: Collector, expiry_days: int | None, usage: dict[str, TableUsage], store: Keeping, today: date
) -> Iterator[Finding]:
    table, wanted = collector.log_table, f"{collector.retention_days} days"
    if expiry_days is None:
        store.create_table(table)
        yield Finding(collector.name, table.name, "no_table", "no table", "an empty one")
    elif expiry_days != collector.retention_days:
        store.set_expiry(table)
        yield Finding(collector.name, table.name, "other_expiry", f"{expiry_days} days", wanted)
    oldest = usage[table.name].oldest_day if table.name in usage else None
    first_kept = today - timedelta(days=collector.retention_days + GRACE_DAYS)
    if oldest and oldest < first_kept:
        dropped = store.drop_days(table, before=first_kept)
        yield Finding(collector.name, table.name, "old_days", _days(dropped), wanted)


def _days(days: Sequence[date]) -> str:
    return ", ".join(day.isoformat() for day in days[:5]) + (f" and {len(days) - 5} more" if len(days) > 5 else "")
