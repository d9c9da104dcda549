"""Samples of the sizes of collectors → the day on which the disk is full, if that day comes.

    samples ─▶ growth of each (a line through its samples, bytes a day)
            ─▶ what it will have added in N days: growth × N, until its oldest day expires; then as much goes as comes
            ─▶ the first N at which all of them together are more than is free

Pure: values in, values out.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

LEAST_SPAN: Final = timedelta(hours=6)  # from less a day cannot be told: a morning is not a day
FARTHEST_DAYS: Final = 10 * 365
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Sample:
    taken_at: datetime
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Growing:
    """A collector as its samples show it, oldest first. `oldest_day` is None while it has no rows."""

    name: str
    retention_days: int
    oldest_day: date | None
    samples: Sequence[Sample]

    @property
    def size_bytes(self) -> int:
        return self.samples[-1].size_bytes if self.samples else 0

    @property
    def growth_bytes_per_day(self) -> float | None:
        """The slope of the line of least squares; None where the samples span too little time."""
        if len(self.samples) < 2 or self.samples[-1].taken_at - self.samples[0].taken_at < LEAST_SPAN:
            return None
        days = [(sample.taken_at - self.samples[0].taken_at) / _DAY for sample in self.samples]
        sizes = [sample.size_bytes for sample in self.samples]
        mean_day, mean_size = sum(days) / len(days), sum(sizes) / len(sizes)
        spread = sum((day - mean_day) ** 2 for day in days)
        return sum((day - mean_day) * (size - mean_size) for day, size in zip(days, sizes, strict=True)) / spread

    def room_days(self, today: date) -> float:
        """How long it can go on growing so: until its oldest day expires, or where one expires already, until all have."""
        age = (today - self.oldest_day).days if self.oldest_day else 0
        return float(self.retention_days - age if age < self.retention_days else self.retention_days)

    def added_bytes(self, days: float, today: date) -> float:
        growth = self.growth_bytes_per_day or 0.0
        return max(growth * min(days, self.room_days(today)), -float(self.size_bytes))


@dataclass(frozen=True, slots=True)
class Forecast:
    """`full_on` is None where the disk does not become full, or `is_known` false: the samples span too little time."""

    is_known: bool
    full_on: date | None
    growth_bytes_per_day: float
    largest_bytes: float  # what all collectors will take when none grows any more


def forecast(collectors: Sequence[Growing], *, free_bytes: int, today: date) -> Forecast:
    known = [one for one in collectors if one.growth_bytes_per_day is not None]
    growth = sum(one.growth_bytes_per_day or 0.0 for one in known)
    size = sum(one.size_bytes for one in collectors)
    largest = max(size + added(known, days, today) for days in turns(known, today))
    days_left = days_until(known, free_bytes, today)
    full_on = today + timedelta(days=int(days_left)) if days_left is not None else None
    return Forecast(bool(known), full_on, growth, largest)


def added(collectors: Sequence[Growing], days: float, today: date) -> float:
    return sum(one.added_bytes(days, today) for one in collectors)


def turns(collectors: Sequence[Growing], today: date) -> list[float]:
    """The days at which the sum's line bends: between two of them it is straight."""
    bends = {one.room_days(today) for one in collectors}
    emptied = {one.size_bytes / -growth for one in collectors if (growth := one.growth_bytes_per_day or 0.0) < 0}
    return sorted({0.0, *(min(day, float(FARTHEST_DAYS)) for day in bends | emptied)})


def days_until(collectors: Sequence[Growing], free_bytes: int, today: date) -> float | None:
    """The first day at which they have added more than is free."""
    if free_bytes <= 0:
        return 0.0
    bends = turns(collectors, today)
    for start, end in itertools.pairwise(bends):
        before, after = added(collectors, start, today), added(collectors, end, today)
        if after >= free_bytes > before:
            return start + (end - start) * (free_bytes - before) / (after - before)
    return None
