"""Reads: collectors, index sets."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q, QuerySet

from bklog.collect.models import Collector, IndexSet, IndexSetAlias, Replacement
from bklog.errors import Conflict, NotFound


def subject_of(name: str) -> str:
    """What runs of pipelines name that work on this collector: one at a time."""
    return f"collector:{name}"


def list_collectors(name: str = "") -> QuerySet[Collector]:
    return Collector.objects.filter(name=name) if name else Collector.objects.all()


def get_collector(collector_id: int) -> Collector:
    collector = Collector.objects.filter(pk=collector_id).first()
    if collector is None:
        raise NotFound(
            f"there is no collector {collector_id}", hint="GET /api/v1/databus/collectors/ lists them", code="no_collector"
        )
    return collector


def get_replacement(collector_id: int, *, begun_by: str) -> Replacement:
    found = Replacement.objects.select_related("collector").filter(pk=collector_id, begun_by=begun_by).first()
    if found is None:
        hint = "the run was given up: start another one"
        raise NotFound(f"the table of the collector {collector_id} is not being replaced", hint=hint, code="no_replacement")
    return found


def require_free(name: str) -> None:
    """Raises Conflict for a name that a collector or an index set has, be it as an alias."""
    if any(kind.objects.filter(name=name).exists() for kind in (Collector, IndexSet, IndexSetAlias)):
        raise name_taken(name)


def name_taken(name: str) -> Conflict:
    hint = "choose another name, or use the collector that is there"
    return Conflict(f"a collector or index set named {name!r} exists", hint=hint, code="collector_exists")


def get_index_set(index_set_id: int, *, held: bool = False) -> IndexSet:
    """`held` in a transaction: nobody else changes it until its end."""
    found = IndexSet.objects.select_for_update() if held else IndexSet.objects.all()
    return _require(found.filter(pk=index_set_id), str(index_set_id))


def get_index_set_by_name(name: str) -> IndexSet:
    """By its name, or by one of its aliases."""
    return _require(IndexSet.objects.filter(Q(name=name) | Q(aliases__name=name)), name)


def list_index_sets(*, name: str = "", tag: str = "", space: str = "") -> list[IndexSet]:
    """`name` is also an alias. A tag is compared here: not every database looks into JSON."""
    found = IndexSet.objects.prefetch_related("collectors", "aliases")
    if name:
        found = found.filter(Q(name=name) | Q(aliases__name=name)).distinct()
    if space:
        found = found.filter(space=space)
    return [one for one in found if not tag or tag in one.tags]


def _require(found: Iterable[IndexSet], what: str) -> IndexSet:
    for index_set in found:
        return index_set
    names = ", ".join(IndexSet.objects.values_list("name", flat=True)[:20])
    raise NotFound(f"there is no index set {what}", hint=f"there are: {names or 'none'}", code="no_index_set")
