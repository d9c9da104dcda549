"""Migrations, forwards and backwards, on the database of this run; and that the models ask for no other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from bklog.collect.models import ReplacedTable, Replacement, RuleVersion

APPS = sorted(app.label for app in apps.get_app_configs() if app.models_module and app.name.startswith("bklog."))


@pytest.fixture(autouse=True)
def _whole_again(transactional_db: None) -> Iterator[None]:
    yield
    call_command("migrate", verbosity=0)


def tables() -> set[str]:
    with connection.cursor() as cursor:
        return set(connection.introspection.table_names(cursor))


def tables_of(label: str) -> set[str]:
    return {model._meta.db_table for model in apps.get_app_config(label).get_models(include_auto_created=True)}


def test_every_app_with_models_has_migrations() -> None:
    assert set(APPS) <= MigrationLoader(connection).migrated_apps


def test_the_models_are_as_the_migrations_made_them() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.parametrize("label", APPS)
def test_an_app_goes_back_to_nothing_and_comes_again(label: str) -> None:
    assert tables_of(label) <= tables()
    call_command("migrate", label, "zero", verbosity=0)
    assert not tables_of(label) & tables()
    call_command("migrate", verbosity=0)
    assert tables_of(label) <= tables()


def test_everything_goes_back_in_steps_and_comes_again() -> None:
    steps = [key for key in MigrationLoader(connection).graph.nodes if key[0] in APPS]
    before = tables()
    for label, name in sorted(steps, reverse=True):
        call_command("migrate", label, name, verbosity=0)
    for label in APPS:
        call_command("migrate", label, "zero", verbosity=0)
    assert tables() & set().union(*map(tables_of, APPS)) == set()
    call_command("migrate", verbosity=0)
    assert tables() == before


def test_the_rule_that_a_collector_has_becomes_its_first_version() -> None:
    call_command("migrate", "collect", "0007_ingest_tokens", verbosity=0)
    old = MigrationLoader(connection).project_state(("collect", "0007_ingest_tokens")).apps.get_model("collect", "Collector")
    rule = {"kind": "json", "time_field": "时间"}
    made = old.objects.create(name="shop", table="c1_shop", clean_rule=rule, retention_days=7)
    call_command("migrate", "collect", verbosity=0)
    version = RuleVersion.objects.get()
    assert (version.collector_id, version.number, version.clean_rule, version.made_by) == (made.pk, 1, rule, "")
    assert version.made_at == made.created_at
    call_command("migrate", "collect", "0007_ingest_tokens", verbosity=0)
    assert old.objects.get().clean_rule == rule
    call_command("migrate", "collect", verbosity=0)
    assert RuleVersion.objects.count() == 1


def test_an_old_table_that_stood_in_the_way_of_the_next_change_does_no_more() -> None:
    before = "0009_first_rule_versions"
    call_command("migrate", "collect", before, verbosity=0)
    old = MigrationLoader(connection).project_state(("collect", before)).apps
    about = {"store": "main", "index": "full", "clean_rule": {"kind": "text"}, "begun_by": "pipeline-run-1"}
    for name, state in (("shop", "swapped"), ("till", "filling")):
        collector = old.get_model("collect", "Collector").objects.create(
            name=name, table=f"{name}_now", retention_days=7, clean_rule={"kind": "text"}
        )
        old.get_model("collect", "Replacement").objects.create(collector=collector, table=f"{name}_other", state=state, **about)
    changed_at = old.get_model("collect", "Replacement").objects.get(state="swapped").changed_at
    call_command("migrate", "collect", verbosity=0)
    assert [replacement.table for replacement in Replacement.objects.all()] == ["till_other"]
    replaced = ReplacedTable.objects.get()
    assert (replaced.collector.name, replaced.table, replaced.replaced_at) == ("shop", "shop_other", changed_at)
