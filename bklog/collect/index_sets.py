"""Index sets as people make and change them: JSON object ─▶ Wanted, checked by field ─▶ rows of the database, all or none.

What is masked stays masked: an index set takes over the rules of the index sets that its collectors are in already.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django.db import IntegrityError, transaction

from bklog.collect.drafts import MAX_DESCRIPTION_CHARACTERS, SPACE
from bklog.collect.models import Collector, IndexSet, IndexSetAlias
from bklog.collect.selectors import get_index_set
from bklog.errors import BadRequest, Conflict
from bklog.query import Masking
from bklog.records import CLIENT, PLATFORM, REJECTS

NAME: Final = re.compile(r"[a-z][a-z0-9_.-]{1,63}")
TAG: Final = re.compile(r"[^\s,]{1,64}")
PLAIN: Final = re.compile(r"[^\x00-\x1f\ud800-\udfff]*")  # what every database keeps
OWN: Final = frozenset({PLATFORM, REJECTS, CLIENT})  # the platform looks for them by their names
KEYS: Final = ("name", "space", "description", "collectors", "aliases", "tags", "default_fields", "default_order")
LISTS: Final[Mapping[str, int]] = {"collectors": 200, "aliases": 20, "tags": 50, "default_fields": 100}  # the most of each
MAX_FIELD_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """An index set as somebody asks for it. Raises BadRequest (`index_set`) naming the field that is wrong."""

    name: str
    collectors: tuple[str, ...]
    space: str = "default"
    description: str = ""
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    default_fields: tuple[str, ...] = ()
    default_order: str = IndexSet.Order.NEWEST

    def __post_init__(self) -> None:
        for name in (self.name, *self.aliases):
            require(NAME.fullmatch(name), "name", name, "2 to 64 of a-z 0-9 _ . -, a letter first; aliases too")
        require(SPACE.fullmatch(self.space), "space", self.space, "1 to 64 of a-z 0-9 _ -, a letter first")
        shown = f"at most {MAX_DESCRIPTION_CHARACTERS} characters"
        require(len(self.description) <= MAX_DESCRIPTION_CHARACTERS, "description", self.description, shown)
        require(self.collectors, "collectors", [], "a list of at least one collector's name")
        require(self.name not in self.aliases, "aliases", self.name, "other names than the index set's own")
        require(all(map(TAG.fullmatch, self.tags)), "tags", self.tags, "texts of 1 to 64 characters without space and comma")
        is_short = all(0 < len(one) <= MAX_FIELD_CHARACTERS for one in self.default_fields)
        require(is_short, "default_fields", self.default_fields, f"names of 1 to {MAX_FIELD_CHARACTERS} characters")
        orders = IndexSet.Order.values
        require(self.default_order in orders, "default_order", self.default_order, f"one of: {', '.join(orders)}")

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any], now: Mapping[str, Any] | None = None) -> Wanted:
        """What is not named is as in `now`. A key with null is as one that is not there."""
        if unknown := sorted(set(raw) - set(KEYS)):
            raise BadRequest(f"unknown field {unknown[0]!r}", hint=f"known: {', '.join(KEYS)}", code="index_set")
        given = {name: _read(name, value) for name, value in raw.items() if value is not None}
        return cls(**{"name": "", "collectors": (), **(now or {}), **given})


def create_index_set(wanted: Wanted) -> IndexSet:
    """Raises Conflict for a taken name; BadRequest for an unknown collector, and for rules that cannot stand together."""
    with _names_alone((wanted.name, *wanted.aliases)), transaction.atomic():
        found = IndexSet(name=wanted.name)
        require_names(wanted, found)
        _write(found, wanted, inherited_rules(wanted.collectors, ()))
        return found


def change_index_set(index_set: IndexSet, raw: Mapping[str, Any]) -> IndexSet:
    """What is not named stays. Raises as `create_index_set` does, and Conflict for what the platform needs as it is."""
    wanted = Wanted.from_dict(raw, as_wanted(index_set))
    with _names_alone((wanted.name, *wanted.aliases)), transaction.atomic():
        # Held, so that what it masks is not put back to what it masked a moment ago.
        found = get_index_set(index_set.pk, held=True)
        before, after = {one.name for one in found.collectors.all()}, set(wanted.collectors)
        if found.name in OWN and (wanted.name, after) != (found.name, before):
            raise _own(found)
        require_names(wanted, found)
        _require_searchable(found, before - after)
        _write(found, wanted, inherited_rules(after - before, found.masking_rules))
        return found


def delete_index_set(index_set: IndexSet) -> None:
    """The rows stay with their collectors. Raises Conflict where a collector would be in no index set any more."""
    if index_set.name in OWN:
        raise _own(index_set)
    with transaction.atomic():
        _require_searchable(index_set, {one.name for one in index_set.collectors.all()})
        index_set.delete()


def as_wanted(index_set: IndexSet) -> dict[str, Any]:
    """What `Wanted` takes."""
    values = {name: getattr(index_set, name) for name in KEYS if name not in LISTS}
    lists = {name: tuple(getattr(index_set, name)) for name in ("tags", "default_fields")}
    related = {name: tuple(one.name for one in getattr(index_set, name).all()) for name in ("collectors", "aliases")}
    return {**values, **lists, **related}


def present_index_set(index_set: IndexSet) -> dict[str, Any]:
    shown = {name: list(value) if isinstance(value, tuple) else value for name, value in as_wanted(index_set).items()}
    return {"id": index_set.pk, **shown, "created_at": index_set.created_at.isoformat()}


def require_names(wanted: Wanted, index_set: IndexSet) -> None:
    """Raises Conflict where another index set, an alias of one, or a collector has one of the names."""
    names = (wanted.name, *wanted.aliases)
    sets = IndexSet.objects.filter(name__in=names).exclude(pk=index_set.pk)
    aliases = IndexSetAlias.objects.filter(name__in=names).exclude(index_set_id=index_set.pk)
    # A collector's own index set has its name; another one would be taken for it.
    collectors = Collector.objects.filter(name__in=names)
    if index_set.pk:
        collectors = collectors.exclude(pk__in=index_set.collectors.all())
    taken = {name for found in (sets, aliases, collectors) for name in found.values_list("name", flat=True)}
    if taken:
        raise _taken(min(taken))


def inherited_rules(collectors: Iterable[str], own: Sequence[Any]) -> list[Any]:
    """The own rules, and behind them those of all index sets that the collectors are in, each once."""
    rules = list(own)
    sources = IndexSet.objects.filter(collectors__name__in=list(collectors)).order_by("pk").distinct()
    for one in sources:
        rules += [rule for rule in one.masking_rules if rule not in rules]
    try:
        return Masking.from_list(rules).as_list()
    except BadRequest as error:
        hint = "its collectors are masked by rules that contradict each other: put the rules of their index sets right first"
        raise Conflict(f"the rules that the index set takes over: {error.message}", hint=hint, code="masking") from error


def others_over(index_set: IndexSet) -> list[str]:
    """The other index sets through which rows of its collectors are read; their rules are their own."""
    others = IndexSet.objects.filter(collectors__in=index_set.collectors.all()).exclude(pk=index_set.pk)
    return list(others.distinct().values_list("name", flat=True))


def _write(index_set: IndexSet, wanted: Wanted, rules: list[Any]) -> None:
    found = list(Collector.objects.filter(name__in=wanted.collectors))
    if missing := sorted(set(wanted.collectors) - {one.name for one in found}):
        hint = "`bklog collector list` shows them"
        raise BadRequest(f"there is no collector {missing[0]!r}", hint=hint, code="no_collector")
    for name in KEYS:
        if name not in ("collectors", "aliases"):
            value = getattr(wanted, name)
            setattr(index_set, name, list(value) if isinstance(value, tuple) else value)
    index_set.masking_rules = rules
    index_set.save()
    index_set.collectors.set(found)
    index_set.aliases.exclude(name__in=wanted.aliases).delete()
    there = set(index_set.aliases.values_list("name", flat=True))
    IndexSetAlias.objects.bulk_create(
        IndexSetAlias(index_set=index_set, name=one) for one in wanted.aliases if one not in there
    )


def _require_searchable(index_set: IndexSet, collectors: Iterable[str]) -> None:
    for name in sorted(collectors):
        if not IndexSet.objects.filter(collectors__name=name).exclude(pk=index_set.pk).exists():
            hint = f"put {name} into another index set first, or delete it: `bklog collector delete {name}`"
            message = f"the rows of the collector {name} would be in no index set, where nobody could search them"
            raise Conflict(message, hint=hint, code="last_index_set")


@contextmanager
def _names_alone(names: Sequence[str]) -> Iterator[None]:
    """Of two that ask for one name at once, one has it."""
    try:
        yield
    except IntegrityError as error:
        raise _taken(" or ".join(names)) from error


def _taken(name: str) -> Conflict:
    hint = "choose another name; `bklog index-set list` shows names and aliases"
    return Conflict(f"an index set, an alias or a collector has the name {name}", hint=hint, code="index_set_exists")


def _own(index_set: IndexSet) -> Conflict:
    hint = "its description, tags, aliases, default fields and order can be changed"
    return Conflict(f"the platform itself writes into {index_set.name} and needs it", hint=hint, code="own_index_set")


def _read(name: str, value: object) -> Any:
    if name not in LISTS:
        require(isinstance(value, str) and PLAIN.fullmatch(value), name, value, "a string without control characters")
        return value
    most = LISTS[name]
    fits = (
        isinstance(value, list) and len(value) <= most and all(isinstance(one, str) and PLAIN.fullmatch(one) for one in value)
    )
    require(fits, name, value, f"a list of at most {most} strings")
    return tuple(dict.fromkeys(value)) if isinstance(value, list) else value


def require(fits: object, name: str, value: object, valid: str, *, code: str = "index_set") -> None:
    """Raises BadRequest naming what is wrong and what it may be."""
    if not fits:
        raise BadRequest(f"{name} is {repr(value)[:200]}", hint=f"{name} is {valid}", code=code)
