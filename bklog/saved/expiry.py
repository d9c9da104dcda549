"""What goes by itself: links after their time, and the history and links of index sets that are gone. Favourites stay."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q, QuerySet

from bklog.saved.models import HistoryEntry, Link

AT_ONCE: Final = 1_000
NEW: Final = timedelta(hours=1)  # an index set may have been made after those that there are were read
TOLD_FOR: Final = timedelta(days=1)  # so long an expired link says that it expired, and not that there never was one


def expire(*, index_sets: Iterable[int], now: datetime) -> dict[str, int]:
    """How many of each are deleted; `index_sets` are those that there are."""
    there = list(index_sets)
    return {
        "expired_links": _delete(Link.objects.all(), Q(expires_at__lte=now - TOLD_FOR)),
        "orphaned_links": _delete(Link.objects.filter(created_at__lt=now - NEW), ~Q(index_set_id__in=there)),
        "orphaned_history": _delete(HistoryEntry.objects.filter(first_at__lt=now - NEW), ~Q(index_set_id__in=there)),
    }


def _delete(kept: QuerySet[Link] | QuerySet[HistoryEntry], which: Q) -> int:
    """In pieces, so that no statement holds others up for long."""
    total = 0
    while keys := list(kept.filter(which).order_by("pk").values_list("pk", flat=True)[:AT_ONCE]):
        count, _ = kept.filter(pk__in=keys).delete()
        total += count
    return total
