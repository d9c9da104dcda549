"""What collectors take in the store: sampled each hour, kept thinner with age, reported with the day the disk is full.

store.usage ─▶ StorageSample (hourly) ─▶ after KEEP_HOURLY one a day ─▶ after KEEP_DAILY gone
                    └─▶ with store.usage and store.disks of now ─▶ forecast ─▶ Report
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bklog.collect.forecast import Forecast, Growing, Sample, forecast
from bklog.collect.models import Collector, StorageSample
from bklog.store import Disk, Keeping, TableUsage

KEEP_HOURLY: Final = timedelta(days=14)  # these make the line of the forecast: two weeks, so that each weekday counts twice
KEEP_DAILY: Final = timedelta(days=400)
NOTHING: Final = TableUsage("", 0, 0, 0, None)


def sample_storage(*, store: Keeping, now: datetime) -> int:
    """Returns how many collectors were sampled. Twice at the same moment is once."""
    used = _by_table(store.usage())
    samples = [
        StorageSample(collector=one, taken_at=now, rows=usage.rows, size_bytes=usage.size_bytes)
        for one in Collector.objects.all()
        for usage in [used.get(one.table, NOTHING)]
    ]
    StorageSample.objects.bulk_create(samples, ignore_conflicts=True, batch_size=500)
    _thin(now)
    return len(samples)


def _thin(now: datetime) -> None:
    """One day's hourly samples leave with each day: of them the first stays."""
    StorageSample.objects.filter(taken_at__lt=now - KEEP_DAILY).delete()
    old = StorageSample.objects.filter(taken_at__lt=now - KEEP_HOURLY, taken_at__gte=now - KEEP_HOURLY - timedelta(days=3))
    kept: set[tuple[int, Any]] = set()
    spare: list[int] = []
    for pk, collector, taken_at in old.order_by("taken_at").values_list("pk", "collector_id", "taken_at"):
        day = (collector, taken_at.date())
        if day in kept:
            spare.append(pk)
        kept.add(day)
    for start in range(0, len(spare), 500):
        StorageSample.objects.filter(pk__in=spare[start : start + 500]).delete()


@dataclass(frozen=True, slots=True)
class Line:
    """One collector in the report. `growth_bytes_per_day` is None where it was sampled for too short a time."""

    collector: Collector
    usage: TableUsage
    growth_bytes_per_day: float | None

    def as_dict(self) -> dict[str, Any]:
        return {
            "collector_id": self.collector.pk,
            "name": self.collector.name,
            "rows": self.usage.rows,
            "size_bytes": self.usage.size_bytes,
            "oldest_day": self.usage.oldest_day.isoformat() if self.usage.oldest_day else None,
            "retention_days": self.collector.retention_days,
            "growth_bytes_per_day": _whole(self.growth_bytes_per_day),
        }


@dataclass(frozen=True, slots=True)
class Report:
    lines: Sequence[Line]
    disks: Sequence[Disk]
    forecast: Forecast

    def as_dict(self) -> dict[str, Any]:
        said = self.forecast
        return {
            "collectors": [line.as_dict() for line in self.lines],
            "disks": [asdict(one) for one in self.disks],
            "forecast": {
                "is_known": said.is_known,
                "full_on": said.full_on.isoformat() if said.full_on else None,
                "growth_bytes_per_day": _whole(said.growth_bytes_per_day),
                "largest_bytes": _whole(said.largest_bytes),
            },
        }


def report_storage(*, store: Keeping, now: datetime) -> Report:
    """Sizes of now, growth of the recorded samples. The largest collector first."""
    used, samples, disks = _by_table(store.usage()), _samples(now), store.disks()
    lines, growing = [], []
    for one in Collector.objects.all():
        usage = used.get(one.table, NOTHING)
        seen = [*samples[one.pk], Sample(now, usage.size_bytes)]
        growing.append(Growing(one.name, one.retention_days, usage.oldest_day, seen))
        lines.append(Line(one, usage, growing[-1].growth_bytes_per_day))
    free_bytes = sum(disk.free_bytes for disk in disks)
    said = forecast(growing, free_bytes=free_bytes, today=now.date())
    return Report(sorted(lines, key=lambda line: -line.usage.size_bytes), disks, said)


def _samples(now: datetime) -> Mapping[int, list[Sample]]:
    found: dict[int, list[Sample]] = defaultdict(list)
    recent = StorageSample.objects.filter(taken_at__gte=now - KEEP_HOURLY, taken_at__lt=now).order_by("taken_at")
    for collector, taken_at, size_bytes in recent.values_list("collector_id", "taken_at", "size_bytes"):
        found[collector].append(Sample(taken_at, size_bytes))
    return found


def _by_table(usage: Sequence[TableUsage]) -> Mapping[str, TableUsage]:
    return {one.table: one for one in usage}


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)
