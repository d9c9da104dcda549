"""What each person asked, each query once for an index set, the latest first, and no more than a number of them.

search ─▶ answer to the person ─▶ remember: at most one short write, none for what was asked within the last minute
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from django.db import Error as DatabaseError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from bklog.errors import NotFound
from bklog.saved.models import HistoryEntry
from bklog.saved.search import SavedSearch

QUIET_SECONDS: Final = 60.0  # a page that refreshes itself writes once a minute
REMEMBERED: Final = 10_000
TRIMMED_AT_ONCE: Final = 100
logger = logging.getLogger("bklog.saved")


class Recorder:
    """One a process. `clock` counts seconds and never goes back."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._written: dict[tuple[str, int, str], float] = {}

    def record(self, owner: str, search: SavedSearch, *, now: datetime, most: int) -> None:
        """Nobody waits for it, so nobody is told that it failed but the log: the search itself was answered."""
        if not most or not self._is_due((owner, search.index_set_id, search.digest)):
            return
        try:
            remember(owner, search, now=now, most=most)
        except DatabaseError as error:
            reason = " ".join(str(error).split())
            logger.warning("SearchHistoryNotKept", extra={"owner": owner, "index_set": search.index_set, "reason": reason})

    def forget(self, owner: str) -> None:
        """What was cleared is written again when it is asked again."""
        with self._lock:
            self._written = {key: at for key, at in self._written.items() if key[0] != owner}

    def _is_due(self, key: tuple[str, int, str]) -> bool:
        now = self._clock()
        with self._lock:
            if now - self._written.get(key, float("-inf")) < QUIET_SECONDS:
                return False
            if len(self._written) >= REMEMBERED:
                self._written = {one: at for one, at in self._written.items() if now - at < QUIET_SECONDS}
            if len(self._written) < REMEMBERED:
                self._written[key] = now
        return True


def remember(owner: str, search: SavedSearch, *, now: datetime, most: int) -> None:
    """Raises DatabaseError."""
    mine = HistoryEntry.objects.filter(owner=owner)
    same = mine.filter(index_set_id=search.index_set_id, digest=search.digest)
    about = {"asked": dict(search.asked), "index_set": search.index_set, "last_at": now}
    if same.update(**about):
        return
    try:
        with transaction.atomic():
            HistoryEntry.objects.create(
                owner=owner, index_set_id=search.index_set_id, digest=search.digest, first_at=now, **about
            )
    except IntegrityError:  # another process has just written it
        return
    surplus = list(mine.values_list("pk", flat=True)[most : most + TRIMMED_AT_ONCE])
    if surplus:
        HistoryEntry.objects.filter(pk__in=surplus).delete()


def list_history(owner: str, *, index_set_id: int | None, limit: int) -> list[dict[str, Any]]:
    found = HistoryEntry.objects.filter(owner=owner)
    if index_set_id is not None:
        found = found.filter(index_set_id=index_set_id)
    return [_present(one) for one in found[:limit]]


def forget(owner: str, entry_id: int | None = None) -> int:
    """One entry, or all of a person. Raises NotFound (`no_history`) for an entry that is not there."""
    found: QuerySet[HistoryEntry] = HistoryEntry.objects.filter(owner=owner)
    count, _ = (found if entry_id is None else found.filter(pk=entry_id)).delete()
    if entry_id is not None and not count:
        hint = "`bklog history` shows yours"
        raise NotFound(f"there is no entry {entry_id} in your history", hint=hint, code="no_history")
    return count


def _present(entry: HistoryEntry) -> dict[str, Any]:
    return {
        "id": entry.pk,
        "index_set_id": entry.index_set_id,
        "index_set": entry.index_set,
        "search": entry.asked,
        "first_at": entry.first_at.isoformat(),
        "last_at": entry.last_at.isoformat(),
    }
