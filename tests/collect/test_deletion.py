"""Collectors that come in steps and go in steps, in the database of this run and in the real store."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from bklog.accounts.tokens import replace_api_token
from bklog.api import collectors as collectors_api
from bklog.api import pipelines as pipelines_api
from bklog.collect import actions, selectors
from bklog.collect.drafts import Draft
from bklog.collect.ingest_tokens import create_ingest_token
from bklog.collect.models import Collector, IndexSet, IngestToken, OrphanTable
from bklog.collect.orphans import EMPTY_FOR, Orphan, check_orphans
from bklog.collect.retention import check_retention
from bklog.errors import Conflict
from bklog.pipeline import upkeep
from bklog.pipeline.actions import cancel
from bklog.pipeline.engine import lease_name
from bklog.pipeline.models import PipelineRun
from bklog.queues.leases import lease
from bklog.store import LogTable
from bklog.store.clickhouse import ClickHouseStore
from tests.collect.test_storage import TODAY, fill
from tests.pipeline.recorded import Post
from tests.store.conftest import store as store  # noqa: PLC0414 - a fixture
from tests.store.conftest import store_server as store_server  # noqa: PLC0414 - a fixture

pytestmark = pytest.mark.django_db
COLLECTORS = "/api/v1/databus/collectors/"


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch, store: ClickHouseStore) -> Post:
    """Messages that stay here, in place of a broker; the views take this store."""
    made = Post()
    monkeypatch.setattr(collectors_api, "send", made)
    monkeypatch.setattr(pipelines_api, "send", made)
    monkeypatch.setattr(collectors_api, "the_store", lambda: store)
    return made


def call(method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {replace_api_token('test')}"}
    answer = Client().generic(method, path, json.dumps(body or {}), headers=headers)
    return answer.status_code, answer.json() if answer.content else {}


def refused(method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, str]:
    status, answer = call(method, path, body)
    return status, answer["error"]["code"]


def test_the_same_run_enters_its_collector_once_and_another_is_refused(store: ClickHouseStore) -> None:
    draft = Draft("shop", 30)
    first, second = (actions.enter_collector(draft, entered_by="run-1", by="ann") for _ in range(2))
    assert (first.pk, first.state) == (second.pk, "new")
    with pytest.raises(Conflict) as taken:
        actions.enter_collector(draft, entered_by="run-2", by="ann")
    assert taken.value.stable_code == "collector_exists"
    actions.activate(first.pk)
    assert selectors.get_collector(first.pk).state == "active"
    assert IndexSet.objects.get(name="shop").collectors.get() == first


def test_a_draft_says_what_it_was_made_of() -> None:
    raw = {"name": "shop", "space": "s", "labels": {"team": "商店"}, "clean_rule": {"kind": "json", "types": {"n": "int"}}}
    draft = Draft.from_dict(raw, retention_days=30)
    assert Draft.from_dict(json.loads(json.dumps(draft.as_dict())), retention_days=1) == draft


def test_a_collector_that_is_being_deleted_gets_no_token_and_its_table_does_not_come_back(store: ClickHouseStore) -> None:
    shop = actions.create_collector(Draft("shop", 30), store=store)
    actions.refuse_lines(shop.pk)
    store.drop_table(shop.log_table)
    assert check_retention(store=store, today=TODAY) == []
    assert shop.table not in store.expiry_days()
    with pytest.raises(Conflict) as deleting:
        create_ingest_token(selectors.get_collector(shop.pk), made_by="li")
    assert deleting.value.stable_code == "collector_deleting"


def test_an_index_set_of_several_stays_until_its_last_collector_goes(store: ClickHouseStore) -> None:
    one, two = (actions.create_collector(Draft(name, 30), store=store) for name in ("one", "two"))
    IndexSet.objects.get(name="one").collectors.add(two)
    create_ingest_token(one, made_by="li")
    actions.remove_collector(one)
    assert set(IndexSet.objects.values_list("name", flat=True)) == {"one", "two"}
    assert not IngestToken.objects.exists()
    actions.remove_collector(two)
    assert not IndexSet.objects.exists()


def test_an_onboarding_is_started_once_and_shown_without_a_secret(post: Post) -> None:
    wanted = {"name": "shop", "agent": {"paths": ["/var/log/shop.log"]}}
    status, run = call("POST", f"{COLLECTORS}onboard/", wanted)
    assert (status, run["pipeline"], run["subject"], run["state"]) == (202, "collector_onboarding", "collector:shop", "running")
    assert post.sent == [("pipeline.step_priority", run["id"], 0, 0)]
    assert run["origin"] == "api:test"
    assert refused("POST", f"{COLLECTORS}onboard/", wanted) == (409, "pipeline_running")
    status, shown = call("GET", f"/api/v1/pipelines/{run['id']}/")
    assert (status, shown["context"]["wanted"]["retention_days"], shown["steps"]) == (200, 30, [])


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({}, "collector"),
        ({"name": "shop", "colour": "red"}, "collector"),
        ({"name": "shop", "agent": {}}, "agent_rule"),
        ({"name": "shop", "agent": {"paths": ["/etc/shadow"]}}, "agent_path"),
        ({"name": "shop", "clean_rule": {"kind": "guess"}}, "clean_rule"),
    ],
)
def test_what_cannot_be_onboarded_is_refused_before_anything_is_made(post: Post, wanted: dict[str, Any], code: str) -> None:
    assert refused("POST", f"{COLLECTORS}onboard/", wanted) == (400, code)
    assert not PipelineRun.objects.exists()


def test_a_taken_name_is_refused_at_once(post: Post, store: ClickHouseStore) -> None:
    actions.create_collector(Draft("shop", 30), store=store)
    assert refused("POST", f"{COLLECTORS}onboard/", {"name": "shop"}) == (409, "collector_exists")


def test_a_deletion_is_a_run_where_it_is_asked_to_drain_and_at_once_where_not(post: Post, store: ClickHouseStore) -> None:
    shop, other = (actions.create_collector(Draft(name, 30), store=store) for name in ("shop", "other"))
    assert refused("DELETE", f"{COLLECTORS}{shop.pk}/?drain=perhaps") == (400, "drain")
    status, run = call("DELETE", f"{COLLECTORS}{shop.pk}/?drain=true")
    where = {"table": shop.table, "store": "main", "account": shop.table}
    assert (status, run["context"]) == (202, {"collector_id": shop.pk, "name": "shop", **where})
    for drain in ("true", "false"):
        assert refused("DELETE", f"{COLLECTORS}{shop.pk}/?drain={drain}") == (409, "pipeline_running")
    assert call("DELETE", f"{COLLECTORS}{other.pk}/")[0] == 204
    assert list(Collector.objects.values_list("name", flat=True)) == ["shop"]


def test_a_deletion_that_was_given_up_can_be_taken_back(post: Post, store: ClickHouseStore) -> None:
    shop = actions.create_collector(Draft("shop", 30), store=store)
    reactivate = f"{COLLECTORS}{shop.pk}/reactivate/"
    assert refused("POST", reactivate) == (409, "collector_state")
    _, run = call("DELETE", f"{COLLECTORS}{shop.pk}/?drain=true")
    actions.refuse_lines(shop.pk)
    assert refused("POST", reactivate) == (409, "pipeline_running")
    cancel(run["id"])
    with lease(lease_name("collector:shop")):  # as long as what was cancelled is still at it
        assert refused("POST", reactivate) == (409, "lease_held")
        assert refused("DELETE", f"{COLLECTORS}{shop.pk}/") == (409, "lease_held")
    status, shown = call("POST", reactivate)
    assert (status, shown["state"]) == (200, "active")


def test_what_a_person_does_with_a_run_goes_through_the_api(post: Post) -> None:
    _, run = call("POST", f"{COLLECTORS}onboard/", {"name": "shop"})
    path = f"/api/v1/pipelines/{run['id']}/"
    assert refused("POST", f"{path}skip/") == (409, "step_not_skippable")
    assert refused("POST", f"{path}fail/", {"reason": 7}) == (400, "reason")
    assert call("POST", f"{path}fail/", {"reason": "not today"})[1]["reason"] == "not today"
    assert call("POST", f"{path}retry/")[0] == 202
    assert call("POST", f"{path}cancel/")[1]["state"] == "cancelled"
    assert refused("POST", f"{path}retry/") == (409, "pipeline_state")
    assert refused("GET", "/api/v1/pipelines/99999/") == (404, "no_pipeline_run")
    assert [one["id"] for one in call("GET", "/api/v1/pipelines/?state=cancelled&limit=1")[1]["items"]] == [run["id"]]
    assert refused("GET", "/api/v1/pipelines/?limit=0") == (400, "limit")
    assert refused("GET", "/api/v1/pipelines/?state=lost") == (400, "pipeline_state")
    assert refused("DELETE", path) == (405, "method_not_allowed")


def test_a_table_that_is_nobodys_goes_when_it_was_empty_for_a_day_and_stays_while_it_has_rows(store: ClickHouseStore) -> None:
    shop, full, empty = (actions.create_collector(Draft(name, 30), store=store) for name in ("shop", "full", "empty"))
    fill(store, full, 0)
    for collector in (full, empty):
        actions.remove_collector(collector)
    assert mine(check_orphans(store=store, abandoned=()), full, empty) == {full.table: (1, False), empty.table: (0, False)}
    OrphanTable.objects.update(first_seen_at=timezone.now() - EMPTY_FOR - timedelta(minutes=1))
    assert mine(check_orphans(store=store, abandoned=()), full, empty) == {full.table: (1, False), empty.table: (0, True)}
    assert {shop.table, full.table} <= set(store.expiry_days())
    assert empty.table not in store.expiry_days()
    assert mine(check_orphans(store=store, abandoned={full.table, shop.table}), full, empty) == {full.table: (1, True)}
    assert full.table not in store.expiry_days()
    assert shop.table in store.expiry_days()
    store.create_table(LogTable(empty.table, 30))
    check_orphans(store=store, abandoned=())
    assert empty.table in store.expiry_days()  # it is seen for the first time


def mine(found: list[Orphan], *collectors: Collector) -> dict[str, tuple[int, bool]]:
    """Other tests of the module have left theirs."""
    names = {collector.table for collector in collectors}
    return {one.table: (one.rows, one.dropped) for one in found if one.table in names}


def test_tables_are_abandoned_by_runs_that_were_given_up() -> None:
    def run(state: str, tables: list[str], *, days: int = 0, active: bool = False) -> None:
        made = PipelineRun.objects.create(pipeline="p", subject="s", state=state, context={"made_tables": tables})
        PipelineRun.objects.filter(pk=made.pk).update(
            finished_at=timezone.now() - timedelta(days=days), active_subject="s" if active else None
        )

    run("cancelled", ["c1_a", "c1_b"])
    run("failed", ["c1_c"], days=8)
    run("failed", ["c1_young"], days=1)
    run("done", ["c1_swapped"], days=8)
    run("waiting", ["c1_b"], active=True)
    assert upkeep.abandoned_tables() == {"c1_a", "c1_c"}


def test_a_token_is_made_whole_or_not_at_all(store: ClickHouseStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bklog.collect import own

    actions.create_collector(Draft("shop", 30), store=store)
    file = tmp_path / "shop"

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(own, "keep_token", die)
        with pytest.raises(KeyboardInterrupt):
            own.ensure_ingest_token("shop", file)
    assert IngestToken.objects.count() == 0
    own.ensure_ingest_token("shop", file)
    own.ensure_ingest_token("shop", file)
    assert IngestToken.objects.count() == 1
