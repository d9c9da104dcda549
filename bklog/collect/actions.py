"""Writes: a collector is made with its table, its index set and a token, or not at all; rules of an index set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError, transaction

from bklog.collect.changes import Changes
from bklog.collect.drafts import Draft
from bklog.collect.models import Collector, IndexSet, IndexSetAlias, Replacement
from bklog.collect.replacing import drop_all_replaced
from bklog.collect.selectors import name_taken
from bklog.collect.versions import keep_version
from bklog.errors import BadRequest, Conflict
from bklog.query import Masking
from bklog.store import Keeping


def create_collector(draft: Draft, *, store: Keeping, table: str = "", by: str = "") -> Collector:
    """Raises Conflict for a taken name. `table` is given only for tables that the store's migrations make.

    `by` is who asks for it; empty for the platform itself.
    """
    with _name_alone(draft.name), transaction.atomic():
        collector = _insert(draft, table, by)
        store.create_table(collector.log_table)  # last: when it fails, nothing of the collector stays
        return collector


def enter_collector(draft: Draft, *, entered_by: str, by: str) -> Collector:
    """A new one without its table yet; the same `entered_by` meets its own again. Raises Conflict for a taken name."""
    if found := Collector.objects.filter(entered_by=entered_by).first():
        return found
    with _name_alone(draft.name), transaction.atomic():
        return _insert(draft, "", by, entered_by=entered_by, state=Collector.State.NEW)


@contextmanager
def _name_alone(name: str) -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        raise name_taken(name) from error


def _insert(draft: Draft, table: str, by: str, **values: str) -> Collector:
    """With its index set, and the first version of its rule."""
    if IndexSetAlias.objects.filter(name=draft.name).exists():
        raise name_taken(draft.name)
    collector = Collector.objects.create(
        name=draft.name,
        space=draft.space,
        scenario=Collector.Scenario.REJECTS if table else draft.scenario,
        description=draft.description,
        table=table or f"new_{draft.name}",
        index=draft.index,
        clean_rule=draft.rule.as_dict(),
        retention_days=draft.retention_days,
        labels=dict(draft.labels),
        **values,
    )
    if not table:  # the number keeps the names of deleted collectors apart
        collector.table = f"c{collector.pk}_{draft.name.replace('-', '_')}"
        collector.save(update_fields=["table"])
    keep_version(collector, by=by)
    IndexSet.objects.create(name=collector.name, space=collector.space).collectors.add(collector)
    return collector


def activate(collector_id: int) -> None:
    """What was new takes part like any other."""
    Collector.objects.filter(pk=collector_id, state=Collector.State.NEW).update(state=Collector.State.ACTIVE)


def change_at_once(collector: Collector, changes: Changes, *, store: Keeping) -> None:
    """What needs no other table. Raises Conflict for a retention while the table is being replaced: nothing expires then."""
    for name in changes.at_once:
        setattr(collector, name, getattr(changes.draft, name))
    with transaction.atomic():
        collector.save(update_fields=changes.at_once)
        if "retention_days" in changes.at_once:
            require_own_table(collector)
            store.set_expiry(collector.log_table)


def require_own_table(collector: Collector) -> None:
    """Raises Conflict (`collector_busy`) while its table is being replaced."""
    if Replacement.objects.filter(collector=collector).exists():
        hint = "wait for the end of its run, or cancel it: `bklog pipeline list`"
        raise Conflict(f"the table of {collector.name} is being replaced", hint=hint, code="collector_busy")


def delete_collector(collector: Collector, *, store: Keeping) -> None:
    """The rows go with it. Index sets that would be empty go too."""
    require_deletable(collector)
    drop_all_replaced(collector.pk, store=store)
    with transaction.atomic():
        remove_collector(collector)
        store.drop_table(collector.log_table)


def require_deletable(collector: Collector) -> None:
    if collector.scenario == Collector.Scenario.REJECTS:
        raise BadRequest(
            "the collector of refused lines cannot be deleted", hint="its rows expire by themselves", code="collector"
        )
    require_own_table(collector)


def refuse_lines(collector_id: int) -> None:
    """Ingest answers senders with `collector_deleting` from now on; the last to notice does after LONGEST_KNOWN_SECONDS."""
    Collector.objects.filter(pk=collector_id).update(state=Collector.State.DELETING)


def take_lines_again(collector: Collector) -> Collector:
    """For one whose deletion was given up while its table was there. Raises Conflict for one that is not being deleted."""
    deleting = Collector.objects.filter(pk=collector.pk, state=Collector.State.DELETING)
    if not deleting.update(state=Collector.State.ACTIVE):
        hint = "only a collector whose deletion was cancelled or failed can be taken back"
        raise Conflict(f"the collector {collector.name} is not being deleted", hint=hint, code="collector_state")
    collector.refresh_from_db()
    return collector


def remove_collector(collector: Collector) -> None:
    """From the database, with its tokens and the index sets that would be empty."""
    with transaction.atomic():
        index_sets = list(collector.index_sets.all())
        collector.delete()
        for index_set in index_sets:
            if not index_set.collectors.exists():
                index_set.delete()


def set_masking(index_set: IndexSet, masking: Masking) -> None:
    """In force with the next search: a rule is read with its index set."""
    index_set.masking_rules = masking.as_list()
    index_set.save(update_fields=["masking_rules"])
