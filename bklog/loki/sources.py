"""Matchers and stages -> sources: which index sets and tables are meant, and a plan for each.

A collector that several of the index sets have counts once, as part of the first of them by name. What cannot be in the line
without its text being in it is looked up in the index: `|=` is planned as the search for a piece of text, and checked later.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bklog.errors import BadRequest
from bklog.loki.labels import COLLECTOR, INDEX_SET, NAMED, other_fields, stream_labels
from bklog.query import Masking, Query, TableFields, find_field, plan_count
from bklog.query.fields import Kind
from bklog.query.logql.needs import parses, spoken_of
from bklog.query.logql.rows import Source
from bklog.query.logql.stages import expression, matches_empty
from bklog.query.logql.stages_sql import whole
from bklog.query.logql.tree import LabelFilter, LineFilter, LogQuery, Matcher, Stage
from bklog.query.tree import Everything, Exists, Node, Not, Phrase, Regex, Term, Wild, Wildcard, all_of, any_of
from bklog.records import TimeRange
from bklog.records.timerange import EPOCH
from bklog.search.catalogue import FieldCatalogue
from bklog.store import LogTable

MAX_TABLES: Final = 100
ANY_TIME: Final = TimeRange(EPOCH, EPOCH.replace(year=2200))  # the plan's own nanoseconds take its place
_WHOLE_KINDS: Final = (Kind.KEYWORD, Kind.CASELESS, Kind.DYNAMIC)


@dataclass(frozen=True, slots=True)
class NamedTables:
    """An index set as a query finds it: its collectors with their tables, and what who asks may not see."""

    name: str
    collectors: tuple[tuple[str, LogTable], ...]
    masking: Masking

    @property
    def tables(self) -> list[LogTable]:
        return [table for _, table in self.collectors]


def chosen(matchers: Sequence[Matcher], index_sets: Sequence[NamedTables]) -> list[NamedTables]:
    """Raises BadRequest (`too_many_tables`)."""
    seen: set[str] = set()
    found = []
    for one in sorted(index_sets, key=lambda index_set: index_set.name):
        collectors = tuple(
            (name, table)
            for name, table in one.collectors
            if table.name not in seen and _fits(matchers, {INDEX_SET: one.name, COLLECTOR: name})
        )
        seen |= {table.name for _, table in collectors}
        found += [replace(one, collectors=collectors)] if collectors else []
    if len(seen) > MAX_TABLES:
        hint = 'name an index set: {index_set="…"}'
        raise BadRequest(
            f"the selector means {len(seen)} collectors; at most {MAX_TABLES} are read", hint=hint, code="too_many_tables"
        )
    return found


def make_sources(
    query: LogQuery,
    chosen_sets: Iterable[NamedTables],
    *,
    start: int,
    end: int,
    catalogue: FieldCatalogue,
    labels: Collection[str] | None = None,
    grouped_by: Collection[str] = (),
) -> tuple[Source, ...]:
    """`start` and `end` in nanoseconds since 1970; `labels` are those that are asked for, None for all."""
    return tuple(_source(query, one, start, end, catalogue, labels, grouped_by) for one in chosen_sets)


def _source(
    query: LogQuery,
    one: NamedTables,
    start: int,
    end: int,
    catalogue: FieldCatalogue,
    labels: Collection[str] | None,
    grouped_by: Collection[str],
) -> Source:
    fields = stream_labels(one.tables)
    filtered = {matcher.name for matcher in query.matchers}
    shown = set() if parses(query.stages) else {*grouped_by, *spoken_of(query.stages)}
    unknown = (filtered | shown) - set(fields) - set(NAMED)
    known = catalogue.describe(one.tables, {*fields.values(), *unknown})
    others = other_fields(unknown, known)
    node = _node(query, fields | others, known, is_masked=bool(one.masking))
    plan = plan_count(Query(node), tables=known, time_range=ANY_TIME, masking=one.masking)
    named = fields | {name: path for name, path in others.items() if name in shown}
    asked = {name: find_field(path, known) for name, path in named.items() if labels is None or name in labels}
    names = tuple(
        {label: text for label, text in ((INDEX_SET, one.name), (COLLECTOR, name)) if labels is None or label in labels}
        for name, _ in one.collectors
    )
    return Source(replace(plan, start=start, end=end), names, asked)


def _fits(matchers: Iterable[Matcher], names: dict[str, str]) -> bool:
    return all(_holds(matcher, names[matcher.name]) for matcher in matchers if matcher.name in names)


def _holds(matcher: Matcher, value: str) -> bool:
    match matcher.operator:
        case "=":
            return value == matcher.value
        case "!=":
            return value != matcher.value
    found = expression(matcher.value).fullmatch(value) is not None
    return found if matcher.operator == "=~" else not found


def _node(query: LogQuery, fields: dict[str, str], known: Sequence[TableFields], *, is_masked: bool) -> Node:
    """The index knows nothing of what is shown in place of masked texts: there pieces are left to the stages."""
    matchers = [one for one in query.matchers if one.name not in NAMED]
    nodes = [_matched(one, fields.get(one.name), known) for one in (*matchers, *_leading(query.stages, fields))]
    nodes += (
        []
        if is_masked
        else [_piece(stage) for stage in query.stages[: _unchanged(query.stages)] if isinstance(stage, LineFilter)]
    )
    kept = [node for node in nodes if node != Everything()]
    return all_of(kept) if kept else Everything()


def _unchanged(stages: Sequence[Stage]) -> int:
    """How many stages come before one that changes the line or the labels."""
    return next((place for place, one in enumerate(stages) if not isinstance(one, LineFilter | LabelFilter)), len(stages))


def _leading(stages: Sequence[Stage], fields: dict[str, str]) -> list[Matcher]:
    conditions = [one.condition for one in stages[: _unchanged(stages)] if isinstance(one, LabelFilter)]
    return [one for one in conditions if isinstance(one, Matcher) and one.name in fields]


def _piece(stage: LineFilter) -> Node:
    """The pieces in any case: the index knows them so."""
    if stage.operator != "|=" or not all(stage.texts):
        return Everything()
    return any_of([Term(Wildcard((Wild.MANY, text, Wild.MANY))) for text in stage.texts])


def _matched(matcher: Matcher, path: str | None, known: Sequence[TableFields]) -> Node:
    positive = matcher.operator in ("=", "=~")
    if path is None:
        return Everything() if matches_empty(matcher) else Not(Everything())
    found = _value(matcher, path, known)
    if matches_empty(matcher) == positive:
        found = any_of([Not(Exists(path)), found]) if found else Not(Exists(path))
    if found is None:
        raise TypeError(f"{matcher} compares with nothing")
    return found if positive else Not(found)


def _value(matcher: Matcher, path: str, known: Sequence[TableFields]) -> Node | None:
    """None for the empty text, which no row has."""
    if matcher.operator in ("=", "!=") and not matcher.value:
        return None
    kinds = {target.kind for target in find_field(path, known).targets}
    if kinds == {Kind.BOOL}:
        positive = replace(matcher, operator=matcher.operator.replace("!", "=").replace("==", "="))
        fitting = [Term(Phrase(text), path) for text in ("true", "false") if _holds(positive, text)]
        return any_of(fitting) if fitting else Not(Everything())
    if matcher.operator in ("=~", "!~"):
        return Term(Regex(whole(matcher.value)), path)
    value = Phrase(matcher.value) if kinds <= set(_WHOLE_KINDS) else Regex(whole(re.escape(matcher.value)))
    return Term(value, path)
