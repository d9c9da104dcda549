"""The buckets of a date histogram: whole ones by the zone's clocks, side by side, around the whole range."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bklog.errors import BadRequest
from bklog.query.buckets import DEFAULT_BUCKETS, MAX_BUCKETS, Interval, edges, read_interval, read_zone
from bklog.query.moment import EARLIEST, LATEST, SECOND
from bklog.records import to_nanoseconds

HOUR = 3600 * SECOND
DAY = 24 * HOUR
YORK = "America/New_York"
ZONES = ("UTC", "Asia/Shanghai", "Asia/Kathmandu", YORK, "Australia/Lord_Howe", "America/Sao_Paulo", "-09:30")
INTERVALS = ("1ms", "250ms", "1s", "30s", "5m", "45m", "1h", "2h", "3h", "160m", "12h", "1d", "3d", "1w", "1M", "1y")


def at(text: str) -> int:
    return to_nanoseconds(datetime.fromisoformat(text).astimezone(UTC))


def local(edge: int, zone: str) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=edge // 1000)
    return f"{moment.astimezone(read_zone(zone)):%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("length", "interval"),
    [
        (1, "1ms"), (50_000_000, "1ms"), (SECOND, "10ms"), (15 * 60 * SECOND, "10s"), (HOUR, "1m"), (6 * HOUR, "5m"),
        (DAY, "15m"), (3 * DAY, "1h"), (7 * DAY, "2h"), (30 * DAY, "12h"), (90 * DAY, "1d"), (365 * DAY, "1w"),
        (5 * 365 * DAY, "1M"), (90 * 365 * DAY, "1y"), (LATEST - EARLIEST, "1y"),
    ],
)  # fmt: skip
def test_an_automatic_interval_is_the_narrowest_that_a_person_can_look_over(length: int, interval: str) -> None:
    assert str(read_interval("auto", start=0, end=length, buckets=DEFAULT_BUCKETS)) == interval


@pytest.mark.parametrize(
    ("start", "end", "zone", "interval", "expected"),
    [
        ("2026-01-02T03:07Z", "2026-01-02T03:14Z", "UTC", "5m", ["01-02 03:05", "01-02 03:10", "01-02 03:15"]),
        ("2026-01-02T03:05Z", "2026-01-02T03:10Z", "UTC", "5m", ["01-02 03:05", "01-02 03:10"]),
        ("2026-01-01T20:00Z", "2026-01-02T17:00Z", "Asia/Shanghai", "1d", ["01-02 00:00", "01-03 00:00", "01-04 00:00"]),
        ("2026-01-01T20:00Z", "2026-01-01T21:00Z", "Asia/Kathmandu", "1h", ["01-02 01:00", "01-02 02:00", "01-02 03:00"]),
        ("2026-01-07T20:00Z", "2026-01-13T00:00Z", "UTC", "1w", ["01-05 00:00", "01-12 00:00", "01-19 00:00"]),
        ("2026-01-31T20:00Z", "2026-02-28T00:00Z", "Asia/Shanghai", "1M", ["02-01 00:00", "03-01 00:00"]),
        # The clocks of New York skip 02:00 to 03:00, and later show 01:00 to 02:00 twice.
        ("2026-03-08T06:00Z", "2026-03-08T09:00Z", YORK, "1h", ["03-08 01:00", "03-08 03:00", "03-08 04:00", "03-08 05:00"]),
        ("2026-03-08T05:00Z", "2026-03-08T10:00Z", YORK, "2h", ["03-08 00:00", "03-08 03:00", "03-08 04:00", "03-08 06:00"]),
        ("2026-11-01T05:00Z", "2026-11-01T08:00Z", YORK, "1h", ["11-01 01:00", "11-01 01:00", "11-01 02:00", "11-01 03:00"]),
        ("2026-11-01T04:00Z", "2026-11-02T05:00Z", YORK, "1d", ["11-01 00:00", "11-02 00:00"]),
        # Midnight does not exist on this day of São Paulo.
        ("2018-11-03T03:00Z", "2018-11-05T02:00Z", "America/Sao_Paulo", "1d", ["11-03 00:00", "11-04 01:00", "11-05 00:00"]),
    ],
)  # fmt: skip
def test_buckets_begin_where_the_clocks_of_the_zone_say(
    start: str, end: str, zone: str, interval: str, expected: list[str]
) -> None:
    read = read_interval(interval, start=at(start), end=at(end), buckets=1)
    found = edges(read, start=at(start), end=at(end), zone=read_zone(zone))
    assert [local(edge, zone) for edge in found] == expected


@given(
    start=st.integers(EARLIEST, LATEST - 1),
    buckets=st.integers(1, 300),
    part=st.floats(0, 1),
    interval=st.sampled_from(INTERVALS),
    zone=st.sampled_from(ZONES),
)
def test_buckets_lie_side_by_side_around_the_whole_range(
    start: int, buckets: int, part: float, interval: str, zone: str
) -> None:
    width = read_interval(interval, start=0, end=1, buckets=1).nanoseconds
    end = min(start + max(1, int(width * buckets * part)), LATEST)
    found = edges(read_interval(interval, start=start, end=end, buckets=1), start=start, end=end, zone=read_zone(zone))
    assert found[0] <= start < found[1]
    assert found[-2] < end <= found[-1]
    assert all(0 < after - before <= width + 2 * HOUR for before, after in pairwise(found))


@pytest.mark.parametrize("interval", ["", "5", "m", "0m", "7m", "5x", "1e3s", "２h", "1000000d", "2w", "2M", "7h", "auto "])
def test_an_interval_that_cannot_be_is_refused(interval: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read_interval(interval, start=0, end=HOUR, buckets=1)
    assert refused.value.stable_code == "interval"


def test_an_interval_that_cuts_into_too_many_buckets_is_refused() -> None:
    with pytest.raises(BadRequest, match=r"1s cuts the range into 86400 buckets"):
        read_interval("1s", start=0, end=DAY, buckets=1)
    assert len(edges(Interval(1, "s"), start=0, end=MAX_BUCKETS * SECOND, zone=UTC)) == MAX_BUCKETS + 1


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../etc/passwd", "/etc/passwd", "Asia", "+25:00", "+08", "a\0b", "上海"])
def test_a_zone_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read_zone(zone)
    assert refused.value.stable_code == "zone"


def test_a_range_beyond_what_times_hold_has_its_buckets_within() -> None:
    far: Any = to_nanoseconds(datetime(5000, 1, 1, tzinfo=UTC))
    assert len(edges(Interval(1, "y"), start=far, end=far + DAY, zone=UTC)) == 2
