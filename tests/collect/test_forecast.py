"""When the disk is full: a line through the samples, which ends where as much expires as comes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from bklog.collect.forecast import FARTHEST_DAYS, Forecast, Growing, Sample, forecast

TODAY = date(2026, 3, 1)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GB = 10**9


def growing(
    per_day: float, *, size: float = 100 * GB, retention: int = 30, age: int = 10, days: int = 7, name: str = "c"
) -> Growing:
    """Hourly samples of these days, the last of them now."""
    samples = [Sample(NOW - timedelta(hours=hour), int(size - per_day * hour / 24)) for hour in range(24 * days, -1, -1)]
    return Growing(name, retention, TODAY - timedelta(days=age), samples)


def test_the_growth_is_that_of_the_line_through_the_samples() -> None:
    assert growing(2 * GB).growth_bytes_per_day == pytest.approx(2 * GB)
    noisy = [
        Sample(sample.taken_at, sample.size_bytes + (-1) ** number * GB)
        for number, sample in enumerate(growing(2 * GB).samples)
    ]
    assert Growing("c", 30, TODAY, noisy).growth_bytes_per_day == pytest.approx(2 * GB, rel=0.05)


@pytest.mark.parametrize(
    ("collectors", "free", "full_after_days"),
    [
        ([growing(1 * GB, retention=365)], 50 * GB, 50),
        ([growing(1 * GB, retention=365), growing(4 * GB, retention=365)], 50 * GB, 10),
        ([growing(1 * GB, retention=30, age=10)], 50 * GB, None),  # in 20 days its first day expires: 20 GB more
        ([growing(1 * GB, retention=30, age=10)], 20 * GB, 20),
        ([growing(1 * GB, retention=30, age=10), growing(1 * GB, retention=365, age=0)], 50 * GB, 30),  # 20 + 30
        ([growing(1 * GB, retention=30, age=30)], 25 * GB, 25),  # at its retention, and more comes each day than goes
        ([growing(1 * GB, retention=30, age=30)], 31 * GB, None),
        ([growing(0)], 1, None),
        ([growing(-1 * GB, retention=365), growing(1.5 * GB, retention=365)], 10 * GB, 20),
        ([growing(-1 * GB, retention=3650), growing(1 * GB, retention=3650)], 10 * GB, 110),  # after 100 days the one is empty
        ([growing(1 * GB)], 0, 0),
        ([growing(1, retention=FARTHEST_DAYS + 100)], 100 * GB, None),
    ],
)
def test_the_disk_is_full_on_the_day_on_which_what_comes_is_more_than_is_free(
    collectors: list[Growing], free: int, full_after_days: int | None
) -> None:
    found = forecast(collectors, free_bytes=free, today=TODAY)
    assert found.is_known
    expected = None if full_after_days is None else TODAY + timedelta(days=full_after_days)
    assert found.full_on is None if expected is None else abs((found.full_on or date.min) - expected) <= timedelta(days=1)


@pytest.mark.parametrize("hours", [0, 1, 5])
def test_nothing_is_said_of_what_was_seen_too_shortly(hours: int) -> None:
    samples = [Sample(NOW + timedelta(hours=hour), GB * hour) for hour in range(hours + 1)]
    found = forecast([Growing("c", 30, TODAY, samples)], free_bytes=GB, today=TODAY)
    assert found == Forecast(is_known=False, full_on=None, growth_bytes_per_day=0.0, largest_bytes=GB * hours)


def test_no_collectors_need_no_disk() -> None:
    assert forecast([], free_bytes=GB, today=TODAY) == Forecast(False, None, 0.0, 0.0)


def test_what_all_will_take_at_the_most_is_told() -> None:
    found = forecast([growing(1 * GB, retention=30, age=10)], free_bytes=50 * GB, today=TODAY)
    assert found.largest_bytes == pytest.approx(120 * GB)
