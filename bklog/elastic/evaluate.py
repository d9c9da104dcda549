"""Aggregations -> their answers: one statement for each bucket aggregation, whatever stands above it, one for all rows.

all rows ─▶ figures ─┬ bucket aggregation ─▶ groups by its key ─▶ figures of each ─┬ the bucket aggregation inside, and so on
                     └ …                                                          └ first rows of each, for top_hits
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from bklog.elastic.aggregations import Agg, TopHits
from bklog.elastic.buckets import Buckets, Group, Shown, too_many
from bklog.elastic.metrics import Metric
from bklog.elastic.view import Looking
from bklog.query.plan import Figure, GroupRows, Groups, Key, Page
from bklog.query.planner import COLUMNS
from bklog.search.service import read_rows

Path = tuple[str, ...]
# Keys of groups are values of a statement, which travel in its address: more than these are too long for one.
MAX_KEPT_BYTES: Final = 200_000


@dataclass(slots=True)
class Found:
    """The answers of an aggregation, by the path of the group that they stand in."""

    groups: dict[Path, list[Group]] = field(default_factory=dict)
    inner: dict[Path, Shown] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Above:
    """The keys of the groups that are asked about, and those groups; `is_cut`: there are more that are not asked about."""

    keys: tuple[Key, ...]
    groups: tuple[Group, ...]
    is_cut: bool

    @property
    def kept(self) -> tuple[Path, ...] | None:
        return tuple(group.path for group in self.groups) if self.is_cut else None


def evaluate(aggs: Sequence[Agg], looking: Looking) -> tuple[int, Shown]:
    """How many rows match, and the answers by name. Raises as a search does, and BadRequest for too many buckets."""
    (row,) = looking.run(Groups((), figures_of(aggs), most=1)).rows
    whole = Group((), int(row[0]), int(row[0]), tuple(row[2:]))
    return whole.size, _answers(aggs, Above((), (whole,), is_cut=False), looking)[()]


def figures_of(aggs: Sequence[Agg]) -> tuple[Figure, ...]:
    return tuple(figure for agg in aggs if isinstance(agg.kind, Metric) for figure in agg.kind.figures)


def _answers(aggs: Sequence[Agg], above: Above, looking: Looking) -> dict[Path, Shown]:
    """What stands in each of the groups."""
    answers: dict[Path, Shown] = {group.path: {} for group in above.groups}
    start = 0
    for agg in aggs:
        match agg.kind:
            case Metric() as metric:
                end = start + len(metric.figures)
                for group in above.groups:
                    answers[group.path][agg.name] = metric.show(group.figures[start:end])
                start = end
            case TopHits() as top:
                hits = _top_hits(top, above, looking)
                for group in above.groups:
                    answers[group.path][agg.name] = _hits(hits.get(group.path, []), group.size)
            case buckets:
                found = _buckets(agg, buckets, above, looking)
                for group in above.groups:
                    answers[group.path][agg.name] = _shown(agg, buckets, found, group.path)
        for answer in answers.values() if agg.meta is not None else ():
            answer[agg.name]["meta"] = agg.meta
    return answers


def _buckets(agg: Agg, buckets: Buckets, above: Above, looking: Looking) -> Found:
    most = looking.view.parts.limits.result_rows - 1
    keys = (*above.keys, buckets.key)
    _require_short(above)
    output = Groups(
        keys,
        figures_of(agg.inner),
        most=most,
        kept=above.kept,
        limit=buckets.limit,
        rankings=buckets.rankings,
        least=max(1, buckets.least),
    )
    rows = looking.run(output).rows if above.groups else []
    if len(rows) > most:
        raise too_many(len(rows), most)
    depth = len(keys)
    groups = tuple(
        Group(tuple(map(str, row[:depth])), int(row[depth]), int(row[depth + 1]), tuple(row[depth + 2 :])) for row in rows
    )
    inner = _answers(agg.inner, Above(keys, groups, above.is_cut or buckets.limit is not None), looking) if groups else {}
    by_parent = {path: list(some) for path, some in groupby(groups, key=lambda group: group.path[:-1])}
    return Found(by_parent, inner)


def _require_short(above: Above) -> None:
    length = sum(len(text.encode()) + 3 for path in above.kept or () for text in path)
    if length > MAX_KEPT_BYTES:
        raise too_many(len(above.groups), MAX_KEPT_BYTES * len(above.groups) // length)


def _shown(agg: Agg, buckets: Buckets, found: Found, path: Path) -> Shown:
    def inside(group: Group | None) -> Shown:
        return found.inner[group.path] if group else empty(agg.inner)

    return buckets.show(found.groups.get(path, []), inside)


def empty(aggs: Sequence[Agg]) -> Shown:
    """What aggregations answer where no row is."""
    return {agg.name: _empty(agg) for agg in aggs}


def _empty(agg: Agg) -> Shown:
    match agg.kind:
        case Metric() as metric:
            return metric.show(metric.nothing)
        case TopHits():
            return _hits([], 0)
        case buckets:
            return buckets.show([], lambda _: empty(agg.inner))


def _top_hits(top: TopHits, above: Above, looking: Looking) -> Mapping[Path, list[Shown]]:
    if not top.size or not above.groups:
        return {}
    page = Page(top.size + top.skipped, COLUMNS, None, None, top.form.sorting.order)
    most = looking.view.parts.limits.result_rows - 1
    _require_short(above)
    plan = looking.plan(GroupRows(above.keys, page, most, above.kept))
    answer = looking.read(plan)
    if len(answer.rows) > most:
        raise too_many(len(answer.rows), most)
    depth = len(above.keys)
    place = answer.columns.index("scan") if answer.rows else 0
    hits: dict[Path, list[Shown]] = {}
    for row, found in zip(read_rows(plan, page, answer), answer.rows, strict=True):
        owner = looking.view.owners[int(found[place])]
        hits.setdefault(tuple(map(str, found[:depth])), []).append(top.form.show(row, owner, looking.view.known_names))
    return {path: some[top.skipped :] for path, some in hits.items()}


def _hits(hits: list[Shown], total: int) -> Shown:
    score = hits[0]["_score"] if hits else None
    return {"hits": {"total": {"value": total, "relation": "eq"}, "max_score": score, "hits": hits}}
