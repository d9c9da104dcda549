"""Which labels a query speaks of, and the query that asks for the fewest: what is not spoken of is not read.

sum by (level) (rate({…}[5m])) ─▶ the rate grouped by level already, of the labels only that one
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from bklog.query.logql.stages_sql import EXTRACTED
from bklog.query.logql.tree import (
    Both,
    Compared,
    Either,
    Formatted,
    Groups,
    Json,
    Kept,
    LabelCondition,
    LabelFilter,
    LabelFormat,
    LineFormat,
    Logfmt,
    Matcher,
    Placed,
    RangeAggregation,
    Renamed,
    Stage,
    Template,
    Unwrap,
    VectorAggregation,
)

_ADDING: Final = ("count_over_time", "rate", "bytes_over_time", "bytes_rate", "sum_over_time")
_EXTREME: Final = (("min", "min_over_time"), ("max", "max_over_time"))


def pushed_down(aggregation: VectorAggregation, inner: RangeAggregation) -> RangeAggregation:
    """What a sum adds up, and the least of what is least, may be grouped as rows are: of fewer groups."""
    fits = aggregation.operator == "sum" and inner.function in _ADDING
    if inner.grouping or not (fits or (aggregation.operator, inner.function) in _EXTREME):
        return inner
    return RangeAggregation(inner.function, inner.query, inner.width, inner.offset, inner.parameter, aggregation.grouping)


def needed_labels(aggregation: RangeAggregation) -> frozenset[str] | None:
    """None for all of them."""
    grouping = aggregation.grouping
    if grouping is None or grouping.without:
        return None
    names = {*grouping.names, *spoken_of(aggregation.query.stages)}
    return frozenset(names | {name.removesuffix(EXTRACTED) for name in names})


def parses(stages: Iterable[Stage]) -> bool:
    return any(isinstance(stage, Json | Logfmt | Groups) for stage in stages)


def spoken_of(stages: Sequence[Stage]) -> frozenset[str]:
    return frozenset(name for stage in stages for name in _names(stage))


def _names(stage: Stage) -> Iterator[str]:
    match stage:
        case LabelFilter(condition):
            yield from _of_condition(condition)
        case LineFormat(template):
            yield from _of_template(template)
        case LabelFormat(changes):
            for change in changes:
                yield change.label
                yield from _of_change(change)
        case Kept(_, labels):
            yield from (one.name if isinstance(one, Matcher) else one for one in labels)
        case Unwrap(label):
            yield label


def _of_change(change: Renamed | Formatted) -> Iterator[str]:
    if isinstance(change, Renamed):
        yield change.source
    else:
        yield from _of_template(change.template)


def _of_condition(condition: LabelCondition) -> Iterator[str]:
    match condition:
        case Both(left, right) | Either(left, right):
            yield from _of_condition(left)
            yield from _of_condition(right)
        case Matcher(name) | Compared(name):
            yield name


def _of_template(template: Template) -> Iterator[str]:
    yield from (piece.label for piece in template.pieces if isinstance(piece, Placed) and piece.label)
