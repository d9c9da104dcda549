"""Tables of the store that no collector has: left by a failure between store and database, or by a run that was given up.

expiry_days of each store ─▶ tables of collectors that the database does not know ─┬─ made by a run that was given up ─▶ dropped
                                                                          ├─ empty, known for a day ──────────▶ dropped
                                                                          └─ with rows ───────────────────────▶ told
Rows of unknown origin are never dropped: a database that was restored from yesterday's backup does not know today's collectors.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from bklog.collect.models import Collector, OrphanTable, ReplacedTable, Replacement
from bklog.store import Keeping, LogTable

OF_COLLECTORS: Final = re.compile(r"(in_)?c\d+(g\d+)?_[a-z0-9_]+")
EMPTY_FOR: Final = timedelta(days=1)  # a collector that is being made right now has a table before its row can be seen
ANY_DAYS: Final = 1  # a table that is dropped keeps nothing
logger = logging.getLogger("bklog.collect")


@dataclass(frozen=True, slots=True)
class Orphan:
    table: str
    store: str
    rows: int
    dropped: bool

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def check_orphans(*, store: Keeping, abandoned: Collection[str]) -> list[Orphan]:
    """`abandoned` are tables that a run has made and left. Returns what was found, and what was done with it."""
    present = {
        name: place for place, one in store.places().items() for name in one.expiry_days() if OF_COLLECTORS.fullmatch(name)
    }
    rows = {usage.table: usage.rows for usage in store.usage()}
    names = sorted(set(present) - _owned())
    OrphanTable.objects.exclude(name__in=names).delete()
    OrphanTable.objects.bulk_create([OrphanTable(name=name) for name in names], ignore_conflicts=True)
    before = timezone.now() - EMPTY_FOR
    long_known = set(OrphanTable.objects.filter(first_seen_at__lt=before).values_list("name", flat=True))
    found = [
        Orphan(name, present[name], rows.get(name, 0), dropped=name in abandoned or (name in long_known and not rows.get(name)))
        for name in names
    ]
    for orphan in found:
        _treat(orphan, store)
    return found


def _owned() -> set[str]:
    """Tables that collectors have, are to have, and had a while ago; and where pieces of them arrive."""
    of_collectors = set(Collector.objects.values_list("table", flat=True))
    others = {name for kind in (Replacement, ReplacedTable) for name in kind.objects.values_list("table", flat=True)}
    return of_collectors | others | {f"in_{name}"[:63] for name in of_collectors | others}


def _treat(orphan: Orphan, store: Keeping) -> None:
    if orphan.dropped:
        store.drop_table(LogTable(orphan.table, ANY_DAYS, store=orphan.store))
        OrphanTable.objects.filter(name=orphan.table).delete()
        logger.warning("OrphanedTableDropped", extra=orphan.as_dict())
    elif orphan.rows:
        logger.warning("OrphanedTableFound", extra=orphan.as_dict())
