"""Health over time: a row a change, on the database of this run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from bklog.accounts.tokens import replace_api_token
from bklog.supervise.health import Part
from bklog.supervise.history import KEEP, read_history, record
from bklog.supervise.models import HealthPeriod

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)


def at(minute: float, *, store: bool = True, message: str = "fine") -> None:
    parts = [Part("database", ok=True, message="answers", milliseconds=1.0), Part("store", store, message, 2.0)]
    record(parts, now=NOW - timedelta(hours=1) + timedelta(minutes=minute))


def minutes(found: list[dict[str, object]], part: str) -> list[tuple[bool, float, float]]:
    start = NOW - timedelta(hours=1)

    def minute(one: dict[str, object], which: str) -> float:
        return (datetime.fromisoformat(str(one[which])) - start) / timedelta(minutes=1)

    return [(bool(one["ok"]), minute(one, "since"), minute(one, "until")) for one in found if one["part"] == part]


def test_a_period_goes_on_until_the_answer_changes() -> None:
    for minute in range(10):
        at(minute, store=not 3 <= minute < 7, message=f"message {minute}")
    found = read_history(since=NOW - timedelta(days=1))
    assert minutes(found, "store") == [(True, 7, 9), (False, 3, 6), (True, 0, 2)]
    assert minutes(found, "database") == [(True, 0, 9)]
    assert [one["message"] for one in found if one["part"] == "store"] == ["message 9", "message 6", "message 2"]


def test_checks_that_were_not_made_end_a_period() -> None:
    for minute in (0, 1, 3, 20, 21):
        at(minute)
    assert minutes(read_history(since=NOW - timedelta(days=1)), "store") == [(True, 20, 21), (True, 0, 3)]


def test_a_check_that_comes_again_or_late_changes_nothing() -> None:
    for minute in (0, 1, 1, 0):
        at(minute)
    assert minutes(read_history(since=NOW - timedelta(days=1)), "store") == [(True, 0, 1)]


def test_periods_are_kept_a_week_and_those_that_go_on_as_long_as_they_do() -> None:
    for age in (KEEP + timedelta(hours=2), KEEP - timedelta(hours=2)):
        moment = NOW - age
        HealthPeriod.objects.create(part="mq", ok=False, message="away", since=moment, until=moment)
    began = NOW - 2 * KEEP
    HealthPeriod.objects.create(part="store", ok=True, message="fine", since=began, until=NOW - timedelta(hours=1, minutes=1))
    at(0)
    found = read_history(since=NOW - 3 * KEEP)
    assert [one["part"] for one in found] == ["database", "mq", "store"]
    assert found[-1]["since"] == began.isoformat()


def test_the_api_shows_it_and_bounds_the_hours(client: Client) -> None:
    at(0, store=False, message="x" * 900)
    headers = {"Authorization": f"Bearer {replace_api_token('test')}"}
    items = client.get("/api/v1/health/history/?hours=2", headers=headers).json()["items"]
    assert {(one["part"], one["ok"]) for one in items} == {("database", True), ("store", False)}
    assert max(len(one["message"]) for one in items) == 500
    for hours in ("0", "169", "x", ""):
        assert client.get(f"/api/v1/health/history/?hours={hours}", headers=headers).status_code == 400
