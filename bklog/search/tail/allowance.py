"""Allowance: how many rows may be shown now, at so many a second; what was not used is kept for one second."""

from __future__ import annotations

from typing import Final

BURST_SECONDS: Final = 1.0


class Allowance:
    """`now` is of a clock that never goes back."""

    def __init__(self, rows_per_second: int, now: float) -> None:
        self._rate = rows_per_second
        self._left = rows_per_second * BURST_SECONDS
        self._at = now

    def rows(self, now: float) -> int:
        self._left = min(self._rate * BURST_SECONDS, self._left + self._rate * (now - self._at))
        self._at = now
        return int(self._left)

    def take(self, rows: int) -> None:
        self._left -= rows
