"""Stored: what became of the lines of one request."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stored:
    """Lines: `stored` now, `duplicate` stored before, `rejected` by reason. `marked` are stored ones, by parse error."""

    stored: int
    duplicate: int
    rejected: dict[str, int]
    marked: dict[str, int]
