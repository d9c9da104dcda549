"""Writes: a collector is made with its table, its index set and a token, or not at all."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from bklog.collect.drafts import Draft
from bklog.collect.models import Collector, IndexSet, IngestToken
from bklog.errors import BadRequest, Conflict
from bklog.records import new_token, token_hash
from bklog.store import Keeping


def create_collector(draft: Draft, *, store: Keeping, table: str = "") -> Collector:
    """Raises Conflict for a taken name. `table` is given only for tables that the store's migrations make."""
    try:
        with transaction.atomic():
            collector = _insert(draft, table)
            index_set = IndexSet.objects.create(name=collector.name, space=collector.space)
            index_set.collectors.add(collector)
            store.create_table(collector.log_table)  # last: when it fails, nothing of the collector stays
            return collector
    except IntegrityError as error:
        hint = "choose another name, or use the collector that is there"
        raise Conflict(f"a collector or index set named {draft.name!r} exists", hint=hint, code="collector_exists") from error


def _insert(draft: Draft, table: str) -> Collector:
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
    )
    if not table:  # the number keeps the names of deleted collectors apart
        collector.table = f"c{collector.pk}_{draft.name.replace('-', '_')}"
        collector.save(update_fields=["table"])
    return collector


def delete_collector(collector: Collector, *, store: Keeping) -> None:
    """The rows go with it. Index sets that would be empty go too."""
    if collector.scenario == Collector.Scenario.REJECTS:
        raise BadRequest(
            "the collector of refused lines cannot be deleted", hint="its rows expire by themselves", code="collector"
        )
    table = collector.log_table
    with transaction.atomic():
        index_sets = list(collector.index_sets.all())
        collector.delete()
        for index_set in index_sets:
            if not index_set.collectors.exists():
                index_set.delete()
        store.drop_table(table)


def create_ingest_token(collector: Collector) -> str:
    """The token itself, which is not kept: this is the only time that it can be shown."""
    if collector.scenario == Collector.Scenario.REJECTS:
        raise BadRequest(
            "nobody may write into the collector of refused lines", hint="make another collector", code="collector"
        )
    token = new_token("bki")
    IngestToken.objects.create(collector=collector, hash=token_hash(token))
    return token
