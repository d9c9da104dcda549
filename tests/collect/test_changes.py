"""A collector is changed over the API: at once where nothing has to be copied, else by a run, whose end is put in order."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner
from django.test import Client
from django.utils import timezone

from bklog.accounts.tokens import replace_api_token
from bklog.api import collectors as api_module
from bklog.cli import clean_rule as clean_rule_module
from bklog.cli import collectors as collectors_module
from bklog.cli import runs as runs_module
from bklog.cli.commands import collector as command_module
from bklog.collect import replacing
from bklog.collect.actions import create_collector
from bklog.collect.drafts import Draft
from bklog.collect.models import Collector, ReplacedTable, Replacement
from bklog.collect.orphans import check_orphans
from bklog.collect.replacing import Change
from bklog.errors import NotFound, Unavailable
from bklog.pipeline import actions
from bklog.pipeline.definition import Work
from bklog.pipeline.engine import lease_name
from bklog.pipeline.models import PipelineRun, PipelineStep
from bklog.queues.leases import lease
from bklog.records import MAIN_STORE
from bklog.store import LogTable
from bklog.store.clickhouse import ClickHouseStore
from bklog.store.routed import RoutedStore
from bklog.tasks.wiring import replacements
from tests.collect.test_replacing import both as both  # noqa: PLC0414 - a fixture
from tests.pipeline.recorded import Post
from tests.store.conftest import store as store  # noqa: PLC0414 - a fixture
from tests.store.conftest import store_server as store_server  # noqa: PLC0414 - a fixture

pytestmark = pytest.mark.django_db
RULE = {"kind": "json", "types": {"status": "int"}}


class Site:
    """The API, its messages, and the worker that takes them."""

    def __init__(self, client: Client, post: Post) -> None:
        self._client, self._post = client, post
        self._headers = {"Authorization": f"Bearer {replace_api_token('test')}"}

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        path = path if path.startswith("/") else f"/api/v1/databus/collectors/{path}"
        data = b"" if body is None else json.dumps(body)
        return self._client.generic(method, path, data, content_type="application/json", headers=self._headers)

    def work(self, most: int = 50) -> None:
        self._post.deliver(replacements.reclean(), replacements.move(), most=most)


@pytest.fixture
def site(both: RoutedStore, client: Client, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Site:
    post = Post()
    for module in (api_module, replacements):
        monkeypatch.setattr(module, "the_store", lambda: both)
    monkeypatch.setattr(api_module, "send", post)
    settings.STORES = dict.fromkeys(both.places())
    settings.BKLOG_REPLACED_KEEP_SECONDS = 0.0
    return Site(client, post)


@pytest.fixture
def shop(both: RoutedStore, store: ClickHouseStore) -> Collector:
    made = create_collector(Draft("shop", 30), store=both)
    now = f"{timezone.now():%Y-%m-%d %H:%M:%S}"
    row = {"time": now, "ingest_time": now, "batch": str(uuid4()), "row": 0, "log": '{"status": 502}'}
    store.insert_rows(made.table, [row], token=uuid4().hex)
    return made


def fresh(collector: Collector) -> Collector:
    return Collector.objects.get(pk=collector.pk)


def test_what_needs_no_other_table_is_changed_at_once(site: Site, shop: Collector, both: RoutedStore) -> None:
    about = {"retention_days": 7, "description": "买卖", "labels": {"team": "shop"}, "index": "full"}
    answer = site.ask("PATCH", f"{shop.pk}/", about)
    assert answer.status_code == 200, answer.json()
    assert {name: answer.json()[name] for name in about} == about
    assert both.expiry_days()[shop.table] == 7
    assert not PipelineRun.objects.exists()


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("PATCH", "", {"name": "other"}, "collector"),
        ("PATCH", "", {"retention_days": 0}, "collector"),
        ("PATCH", "", {"clean_rule": {"kind": "xml"}}, "clean_rule"),
        ("POST", "move/", {"store": "nowhere"}, "store"),
        ("POST", "move/", {}, "store"),
        ("POST", "move/", {"store": MAIN_STORE}, "nothing_to_change"),
    ],
)
def test_what_cannot_be_is_refused(site: Site, shop: Collector, method: str, path: str, body: Any, code: str) -> None:
    answer = site.ask(method, f"{shop.pk}/{path}", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert (fresh(shop).retention_days, PipelineRun.objects.count()) == (30, 0)


def test_a_rule_is_changed_by_a_run_and_nothing_else_works_on_the_collector_meanwhile(
    site: Site, shop: Collector, both: RoutedStore
) -> None:
    answer = site.ask("PATCH", f"{shop.pk}/", {"clean_rule": RULE, "retention_days": 9})
    assert (answer.status_code, answer.json()["pipeline"]) == (202, "collector_reclean")
    for method, path, body in (("PATCH", "", {"index": "none"}), ("POST", "move/", {"store": "far"})):
        assert site.ask(method, f"{shop.pk}/{path}", body).json()["error"]["code"] == "pipeline_running"
    site.work(most=2)
    assert site.ask("PATCH", f"{shop.pk}/", {"retention_days": 5}).json()["error"]["code"] == "collector_busy"
    assert site.ask("DELETE", f"{shop.pk}/").json()["error"]["code"] in {"collector_busy", "pipeline_running"}
    site.work()
    run = PipelineRun.objects.get()
    assert (run.state, run.context["old_table"], run.context["closed_seconds"] < 5) == ("done", shop.table, True)
    now = fresh(shop)
    assert (now.rule.kind, now.retention_days, both.copying(now.log_table).count(now.log_table)) == ("json", 9, 1)
    assert both.expiry_days() == both.expiry_days() | {now.table: 9}
    replacements.put_in_order()
    assert shop.table not in both.expiry_days()


def test_a_collector_is_moved_and_deleted_in_the_other_store(site: Site, shop: Collector, both: RoutedStore) -> None:
    assert site.ask("GET", f"{shop.pk}/move/").json() == {"store": "main", "others": ["far"]}
    assert site.ask("POST", f"{shop.pk}/move/", {"store": "far"}).status_code == 202
    site.work()
    moved = fresh(shop)
    assert (moved.store, site.ask("GET", f"{shop.pk}/").json()["store"]) == ("far", "far")
    assert moved.table in both.places()["far"].expiry_days()
    assert site.ask("DELETE", f"{shop.pk}/").status_code == 204
    assert moved.table not in both.expiry_days()


def test_a_run_that_is_cancelled_before_the_swap_is_undone(site: Site, shop: Collector, both: RoutedStore) -> None:
    site.ask("PATCH", f"{shop.pk}/", {"clean_rule": RULE})
    site.work(most=2)
    both.copying(shop.log_table).close_table(shop.log_table)  # its worker ended in the middle of the swap
    Replacement.objects.update(state="closed")
    replacements.put_in_order()
    assert Replacement.objects.get().state == "closed", "while its run goes on it is the run's affair"
    actions.cancel(PipelineRun.objects.get().pk)
    replacements.put_in_order()
    assert not Replacement.objects.exists()
    assert both.expiry_days()[shop.table] == 30
    assert sorted(name for name in both.expiry_days() if "shop" in name) == [shop.table]
    both.insert_rows(shop.table, [{"log": "open again"}], token=uuid4().hex)
    assert site.ask("PATCH", f"{shop.pk}/", {"clean_rule": RULE}).status_code == 202
    site.work()
    assert fresh(shop).rule.kind == "json"


def test_a_run_that_failed_keeps_what_it_copied_and_lets_senders_in(site: Site, shop: Collector, both: RoutedStore) -> None:
    site.ask("PATCH", f"{shop.pk}/", {"clean_rule": RULE})
    site.work(most=2)
    both.copying(shop.log_table).close_table(shop.log_table)
    Replacement.objects.update(state="closed")
    run = actions.fail(PipelineRun.objects.get().pk, reason="enough")
    replacements.put_in_order()
    assert Replacement.objects.get().state == "filling"
    both.insert_rows(shop.table, [{"log": "open again", "batch": str(uuid4())}], token=uuid4().hex)
    PipelineRun.objects.update(finished_at=timezone.now() - timedelta(days=8))
    replacements.put_in_order()
    assert not Replacement.objects.exists(), "nobody goes on with it"
    assert fresh(shop).table == shop.table
    assert run.state == "failed"


def test_a_change_is_taken_back_at_once_while_the_old_tables_are_still_read(
    site: Site, shop: Collector, both: RoutedStore, settings: Any
) -> None:
    settings.BKLOG_REPLACED_KEEP_SECONDS = 3600.0
    for index in ("none", "full", "none"):
        assert site.ask("PATCH", f"{shop.pk}/", {"index": index}).status_code == 202
        site.work()
        assert fresh(shop).index == index
    replacements.put_in_order()
    now = fresh(shop).table
    tables = {name for name in both.expiry_days() if "shop" in name}
    assert tables == {shop.table, f"c{shop.pk}g2_shop", f"c{shop.pk}g3_shop", now}, "searches may read them still"
    assert both.expiry_days()[now] == 30
    assert check_orphans(store=both, abandoned=()) == []
    settings.BKLOG_REPLACED_KEEP_SECONDS = 0.0
    replacements.put_in_order()
    assert {name for name in both.expiry_days() if "shop" in name} == {now}
    assert not ReplacedTable.objects.exists()


def test_a_swap_whose_worker_was_killed_behind_it_is_settled_by_the_next_attempt(
    site: Site, shop: Collector, both: RoutedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.ask("PATCH", f"{shop.pk}/", {"index": "none"})
    site.work(most=2)
    replacing.swap(Replacement.objects.get(), store=both)
    assert fresh(shop).index == "none"
    site.work()
    assert (PipelineRun.objects.get().state, both.expiry_days()[fresh(shop).table]) == ("done", 30)


def test_a_run_takes_no_change_of_another_run(shop: Collector, both: RoutedStore) -> None:
    begun = replacing.begin(shop, Change(shop.rule, "none", shop.store), begun_by="pipeline-run-8")
    work = Work(8, "collector:shop", {"collector_id": shop.pk}, timezone.now(), lambda: False)
    assert replacements._replacement(work) == begun
    with pytest.raises(NotFound, match="is not being replaced"):
        replacements._replacement(replace(work, run_id=7))


def test_a_store_that_is_away_or_gone_keeps_no_other_table(
    site: Site, shop: Collector, both: RoutedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.ask("PATCH", f"{shop.pk}/", {"index": "none"})
    site.work()
    now = fresh(shop)
    old = ReplacedTable.objects.get()
    ReplacedTable.objects.create(collector=now, table="c9_of_no_store", store="sold")
    away = ReplacedTable.objects.create(collector=now, table="c9_away", store="far")
    drop = ClickHouseStore.drop_table

    def refuse(self: ClickHouseStore, table: LogTable) -> None:
        if table.name == away.table:
            raise Unavailable("it is away", code="store_down")
        drop(self, table)

    monkeypatch.setattr(ClickHouseStore, "drop_table", refuse)
    ReplacedTable.objects.filter(pk=old.pk).update(replaced_at=timezone.now())  # the last that is looked at
    replacements.put_in_order()
    assert [left.table for left in ReplacedTable.objects.all()] == [away.table]
    assert old.table not in both.expiry_days()


def test_a_collector_that_is_worked_on_keeps_no_other_from_being_put_in_order(
    site: Site, shop: Collector, both: RoutedStore
) -> None:
    till = create_collector(Draft("till", 30), store=both)
    for collector, index in ((shop, "none"), (till, "none")):
        site.ask("PATCH", f"{collector.pk}/", {"index": index})
        site.work()
    for collector in (shop, till):
        site.ask("PATCH", f"{collector.pk}/", {"index": "bloom"})
        site.work(most=1)
    for run in PipelineRun.objects.filter(state="running"):
        actions.cancel(run.pk)
    with lease(lease_name("collector:shop")):
        replacements.put_in_order()
    assert [left.collector.name for left in Replacement.objects.all()] == ["shop"]
    assert not ReplacedTable.objects.exists()
    assert {shop.table, till.table}.isdisjoint(both.expiry_days())
    replacements.put_in_order()
    assert not Replacement.objects.exists()


def test_a_move_to_a_store_that_is_gone_can_be_given_up(site: Site, shop: Collector, both: RoutedStore) -> None:
    site.ask("POST", f"{shop.pk}/move/", {"store": "far"})
    site.work(most=2)
    Replacement.objects.update(store="sold")
    actions.cancel(PipelineRun.objects.get().pk)
    replacements.put_in_order()
    assert not Replacement.objects.exists()
    assert site.ask("PATCH", f"{shop.pk}/", {"retention_days": 9}).status_code == 200


def test_a_run_of_a_former_release_ends_with_the_step_that_no_longer_is(site: Site, shop: Collector, both: RoutedStore) -> None:
    site.ask("PATCH", f"{shop.pk}/", {"index": "none"})
    site.work(most=1)
    run = PipelineRun.objects.get()
    PipelineStep.objects.create(run=run, position=3, name="drop_old")
    site.work()
    run.refresh_from_db()
    assert (run.state, fresh(shop).index, both.expiry_days()[fresh(shop).table]) == ("done", "none", 30)


def test_a_deleted_collector_takes_the_tables_along_that_it_had(
    site: Site, shop: Collector, both: RoutedStore, settings: Any
) -> None:
    settings.BKLOG_REPLACED_KEEP_SECONDS = 3600.0
    site.ask("PATCH", f"{shop.pk}/", {"index": "none"})
    site.work()
    assert site.ask("DELETE", f"{shop.pk}/").status_code == 204
    assert not [name for name in both.expiry_days() if "shop" in name]


def test_the_commands_change_and_move(site: Site, shop: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    def api(method: str, path: str, *, json: Any = None) -> dict[str, Any]:
        answer = site.ask(method, path, json)
        site.work()
        return dict(answer.json())

    for module in (command_module, collectors_module, runs_module, clean_rule_module):
        monkeypatch.setattr(module, "api", api)
    runner = CliRunner()
    changed = runner.invoke(command_module.collector, ["change", "shop", "--days", "8"])
    assert (changed.exit_code, changed.output) == (0, "shop is changed\n")
    anew = runner.invoke(command_module.collector, ["change", "shop", "--clean-rule", json.dumps(RULE), "--wait", "5"])
    assert anew.exit_code == 0, anew.output
    assert "collector_reclean of collector:shop is done" in anew.output
    assert "senders waited for" in anew.output
    moved = runner.invoke(command_module.collector, ["move", "shop", "far", "--wait", "5", "--json"])
    assert (moved.exit_code, json.loads(moved.output)["state"]) == (0, "done")
    assert (fresh(shop).store, fresh(shop).retention_days) == ("far", 8)
