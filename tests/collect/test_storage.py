"""Samples, report and retention of collectors, on the database of this run and in the real store."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner
from django.test import Client

from bklog.accounts.tokens import replace_api_token
from bklog.api import storage as storage_api
from bklog.cli.commands import storage as storage_command
from bklog.collect.actions import create_collector
from bklog.collect.drafts import Draft
from bklog.collect.models import Collector, StorageSample
from bklog.collect.retention import check_retention
from bklog.collect.storage import KEEP_DAILY, KEEP_HOURLY, report_storage, sample_storage
from bklog.store import LogTable
from bklog.store.clickhouse import ClickHouseStore
from tests.store.conftest import store as store  # noqa: PLC0414 - a fixture
from tests.store.conftest import store_server as store_server  # noqa: PLC0414 - a fixture

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
TODAY = NOW.date()


def fill(store: ClickHouseStore, collector: Collector, *ages: int, lines: int = 1) -> None:
    """Lines of these ages in days."""
    rows = [
        {"time": f"{TODAY - timedelta(days=age)} 00:00:01", "batch": str(uuid4()), "row": row, "log": uuid4().hex}
        for age in ages
        for row in range(lines)
    ]
    store.insert_rows(collector.table, rows, token=uuid4().hex)


def test_a_sample_is_taken_of_every_collector_and_once_at_a_moment(store: ClickHouseStore) -> None:
    full, empty = (create_collector(Draft(name, 30), store=store) for name in ("full", "empty"))
    fill(store, full, 0, lines=100)
    assert [sample_storage(store=store, now=NOW), sample_storage(store=store, now=NOW)] == [2, 2]
    found = {sample.collector_id: sample for sample in StorageSample.objects.all()}
    assert len(found) == StorageSample.objects.count() == 2
    assert (found[full.pk].rows, found[empty.pk].rows, found[empty.pk].size_bytes) == (100, 0, 0)
    assert found[full.pk].size_bytes > 0


def test_samples_become_fewer_with_age(store: ClickHouseStore) -> None:
    one = create_collector(Draft("one", 30), store=store)
    hours = [*range(24 * 17), *(24 * day for day in range(395, 410))]
    made = [StorageSample(collector=one, taken_at=NOW - timedelta(hours=hour), rows=1, size_bytes=1) for hour in hours]
    StorageSample.objects.bulk_create(made)
    sample_storage(store=store, now=NOW)
    taken = list(StorageSample.objects.order_by("taken_at").values_list("taken_at", flat=True))
    assert taken[0] >= NOW - KEEP_DAILY
    fine = [moment for moment in taken if moment >= NOW - KEEP_HOURLY]
    days = [moment.date() for moment in taken if moment < NOW - KEEP_HOURLY]
    assert len(fine) == 14 * 24 + 1
    assert len(days) == len(set(days)) >= 3 + 5


def test_the_report_says_when_the_disk_is_full(store: ClickHouseStore) -> None:
    grows, stays = (create_collector(Draft(name, 3650), store=store) for name in ("grows", "stays"))
    fill(store, grows, 0, 1, lines=1000)
    usage = {one.table: one.size_bytes for one in store.usage()}
    free = sum(disk.free_bytes for disk in store.disks())
    a_day = free // 10
    for hour in range(1, 25):
        size_bytes = usage[grows.table] - a_day * hour // 24
        StorageSample.objects.create(collector=grows, taken_at=NOW - timedelta(hours=hour), rows=1, size_bytes=size_bytes)
    found = report_storage(store=store, now=NOW).as_dict()
    assert [line["name"] for line in found["collectors"]] == ["grows", "stays"]
    assert found["collectors"][0]["oldest_day"] == (TODAY - timedelta(days=1)).isoformat()
    assert found["collectors"][0]["growth_bytes_per_day"] == pytest.approx(a_day, rel=0.01)
    assert found["collectors"][1]["growth_bytes_per_day"] is None
    full_on = datetime.fromisoformat(found["forecast"]["full_on"]).date()
    assert abs(full_on - (TODAY + timedelta(days=10))) <= timedelta(days=1)
    assert stays.name


def test_the_api_and_the_command_show_the_report(
    store: ClickHouseStore, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, create_collector(Draft("shop", 30), store=store), 0, lines=10)
    monkeypatch.setattr(storage_api, "the_store", lambda: store)
    headers = {"Authorization": f"Bearer {replace_api_token('test')}"}
    answer = client.get("/api/v1/storage/", headers=headers).json()
    assert [(one["name"], one["rows"]) for one in answer["collectors"]] == [("shop", 10)]

    def api(method: str, path: str) -> dict[str, Any]:
        return dict(client.get(path, headers=headers).json())

    monkeypatch.setattr(storage_command, "api", api)
    shown = CliRunner().invoke(storage_command.storage, [])
    assert shown.exit_code == 0, shown.output
    assert "shop" in shown.output
    assert "cannot be told yet" in shown.output
    as_json = CliRunner().invoke(storage_command.storage, ["--json"])
    assert json.loads(as_json.output)["forecast"] == answer["forecast"]


def test_retention_is_put_right_and_told(store: ClickHouseStore) -> None:
    right, gone, other, late = (create_collector(Draft(name, 30), store=store) for name in ("right", "gone", "other", "late"))
    fill(store, right, 0, 29)
    store.drop_table(gone.log_table)
    store.set_expiry(LogTable(other.table, 9))
    store.set_expiry(LogTable(late.table, 3000))  # the engine would drop the days itself, sooner or later
    fill(store, late, 0, 31, 32, 40)
    found = check_retention(store=store, today=TODAY)
    assert [(one.collector, one.problem, one.found) for one in found] == [
        ("gone", "no_table", "no table"),
        ("late", "other_expiry", "3000 days"),
        ("late", "old_days", ", ".join((TODAY - timedelta(days=age)).isoformat() for age in (40, 32))),
        ("other", "other_expiry", "9 days"),
    ]
    assert check_retention(store=store, today=TODAY) == []
    usage = {one.table: one for one in store.usage()}
    assert usage[right.table].rows == 2
    assert usage[late.table].rows in (1, 2), "the day that has just expired is the engine's to drop"
    fill(store, gone, 0)
