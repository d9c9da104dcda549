"""What the agent says of itself: once a minute what it shipped, an error at once but each kind once a minute.

It ships its own log like any other, so a line here for each batch would make batches without end.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import Final

from bklog.collect.sender import Receipt
from bklog.errors import BklogError

SUMMARY_SECONDS: Final = 60.0

log = logging.getLogger("bklog.agent")


class Report:
    """Mutable counts since the last summary, and totals since the start."""

    def __init__(self, *, now: float) -> None:
        self.shipped = Counter[str]()
        self.total = Counter[str]()
        self._rejected = Counter[str]()
        self._summed_at = now
        self._said_at: dict[tuple[str, str], float] = {}

    def delivered(self, receipt: Receipt, *, size: int) -> None:
        self.shipped.update(batches=1, bytes=size, lines=receipt.received, duplicate=receipt.duplicate)
        self.total.update(batches=1, bytes=size, lines=receipt.received, duplicate=receipt.duplicate)
        self._rejected.update(receipt.rejected_by_reason)

    def failed(self, where: str, error: BklogError, *, now: float) -> None:
        kind = (where, error.stable_code)
        if now - self._said_at.get(kind, -SUMMARY_SECONDS) >= SUMMARY_SECONDS:
            self._said_at[kind] = now
            log.error("%s: %s%s", where, error.message, f" ({error.hint})" if error.hint else "")

    def recovered(self, where: str) -> None:
        trouble = [kind for kind in self._said_at if kind[0] == where]
        for kind in trouble:
            del self._said_at[kind]
        if trouble:
            log.info("%s: lines are accepted again", where)

    def sum_up(self, *, now: float) -> None:
        """Says nothing while nothing is shipped."""
        if now - self._summed_at < SUMMARY_SECONDS:
            return
        self._summed_at = now
        self.say_sum()

    def say_sum(self) -> None:
        if self._rejected:
            reasons = ", ".join(f"{count} {reason}" for reason, count in self._rejected.most_common())
            log.warning("%d lines were rejected by the server: %s", self._rejected.total(), reasons)
        if self.shipped:
            counts = self.shipped
            log.debug("shipped %d lines, %d bytes in %d batches", counts["lines"], counts["bytes"], counts["batches"])
        self.shipped.clear()
        self._rejected.clear()
