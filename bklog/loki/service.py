"""A request of a Loki client -> its answer: parse, choose the index sets, one statement, shape.

Raises BadRequest and its kin; the API answers them as Loki does, in plain text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bklog.errors import BadRequest
from bklog.loki import answers
from bklog.loki.answers import Answer
from bklog.loki.sources import NamedTables, chosen, make_sources
from bklog.loki.times import Parameters, bounds, one, read_time, steps
from bklog.query.logql.constants import folded
from bklog.query.logql.entries_sql import render_entries
from bklog.query.logql.needs import needed_labels, pushed_down
from bklog.query.logql.parser import parse
from bklog.query.logql.rows import Source
from bklog.query.logql.samples_sql import Calculated, Grouped, Sampled, Samples, Times, render_samples, sampled_sources
from bklog.query.logql.tree import Binary, LogQuery, Metric, Number, RangeAggregation, Unwrap, VectorAggregation, VectorOf
from bklog.query.moment import EARLIEST, LATEST
from bklog.records import Limits, Rows, Statement, to_nanoseconds
from bklog.search.catalogue import FieldCatalogue
from bklog.search.service import select
from bklog.store import Searching

DEFAULT_LIMIT: Final = 100
MAX_ENTRIES: Final = 5_000  # Loki's own limit
_NOTHING: Final = Rows((), [], 0, 0, 0.0)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a client asks: the index sets that it may name, and what answers for them."""

    index_sets: Sequence[NamedTables]
    store: Searching
    catalogue: FieldCatalogue
    limits: Limits

    def run(self, statement: Statement, sources: Sequence[Source], index_sets: Sequence[NamedTables]) -> Rows:
        """Where no index set is meant there is nothing to ask for."""
        if not sources:
            return _NOTHING
        store = self.store.of([table for found in index_sets for table in found.tables])
        return select(statement, store, self.limits)


def query_range(parameters: Parameters, *, now: datetime, place: Place) -> Answer:
    expression = parse(one(parameters, "query"))
    start, end = bounds(parameters, now=now)
    if isinstance(expression, LogQuery):
        return _entries(expression, parameters, start, end, place)
    times = steps(parameters, start, end)
    series, rows = _evaluated(expression, times, place)
    return answers.succeeded("matrix", answers.matrix(series, times), rows)


def query(parameters: Parameters, *, now: datetime, place: Place) -> Answer:
    """Raises BadRequest (`loki_instant`) for a query of lines, as Loki does."""
    expression = parse(one(parameters, "query"))
    moment = read_time(one(parameters, "time"), to_nanoseconds(now), "time")
    if isinstance(expression, LogQuery):
        message = "log queries are not supported as an instant query type, please change your query to a range query type"
        raise BadRequest(message, hint="ask query_range", code="loki_instant")
    if isinstance(constant := folded(expression), Number):
        return answers.succeeded("scalar", answers.scalar(constant.value, moment), [])
    series, rows = _evaluated(expression, Times(moment, 1, 1), place)
    return answers.succeeded("vector", answers.vector(series, moment), rows)


def _entries(expression: LogQuery, parameters: Parameters, start: int, end: int, place: Place) -> Answer:
    require_lines(expression)
    if one(parameters, "interval", "0").strip("0.smh"):
        hint = "leave interval out; step and a metric thin out"
        raise BadRequest("interval is not supported", hint=hint, code="loki_parameter")
    limit, newest_first = read_limit(parameters), _is_newest_first(parameters)
    index_sets = chosen(expression.matchers, place.index_sets)
    sources = make_sources(expression, index_sets, start=start, end=end, catalogue=place.catalogue)
    rows = place.run(render_entries(sources, expression.stages, limit=limit, newest_first=newest_first), sources, index_sets)
    return answers.succeeded("streams", answers.streams(rows), [rows], entries=len(rows.rows))


def require_lines(expression: LogQuery) -> None:
    """Raises BadRequest (`logql_syntax`) for a query whose lines mean nothing by themselves."""
    if any(isinstance(stage, Unwrap) for stage in expression.stages):
        raise BadRequest("unwrap is only for metrics", hint="write sum_over_time(… | unwrap LABEL [5m])", code="logql_syntax")


def read_limit(parameters: Parameters, name: str = "limit", default: int = DEFAULT_LIMIT) -> int:
    text = one(parameters, name) or str(default)
    if not text.isascii() or not text.isdigit() or not int(text[:12]):
        raise BadRequest(f"{name} must be a positive value, not {text[:20]!r}", hint="", code="limit")
    if int(text[:12]) > MAX_ENTRIES:
        message = f"max entries limit per query exceeded, {name} > max_entries_limit_per_query ({text[:12]} > {MAX_ENTRIES})"
        raise BadRequest(message, hint="ask for further lines with an earlier end", code="limit")
    return int(text)


def _is_newest_first(parameters: Parameters) -> bool:
    direction = one(parameters, "direction", "backward").lower()
    if direction not in ("backward", "forward"):
        raise BadRequest(f"invalid direction {direction[:20]!r}", hint="backward or forward", code="loki_parameter")
    return direction == "backward"


def _evaluated(expression: Metric, times: Times, place: Place) -> tuple[answers.Series, list[Rows]]:
    found = folded(expression)
    if isinstance(found, Number | VectorOf):
        return answers.constant(found.value, times), []
    index_sets: list[NamedTables] = []
    samples = _samples(found, times, place, index_sets)
    if isinstance(samples, float):
        raise TypeError(f"{expression} was not folded")
    rows = place.run(render_samples(samples, times), sampled_sources(samples), index_sets)
    return answers.read_series(rows), [rows]


def _samples(metric: Metric, times: Times, place: Place, index_sets: list[NamedTables]) -> Samples | float:
    match metric:
        case RangeAggregation():
            return _sampled(metric, times, place, index_sets)
        case VectorAggregation(_, RangeAggregation() as inner):
            return Grouped(metric, _sampled(pushed_down(metric, inner), times, place, index_sets))
        case VectorAggregation(_, inner):
            below = _samples(inner, times, place, index_sets)
            if isinstance(below, float):
                raise BadRequest("an aggregation of a number", hint="write vector(…)", code="logql_syntax")
            return Grouped(metric, below)
        case Binary(operator, left, right, as_bool):
            return Calculated(
                operator,
                _samples(left, times, place, index_sets),
                _samples(right, times, place, index_sets),
                as_bool,
            )
        case Number(value):
            return float(value)
        case VectorOf():
            hint = "write the number itself; a vector matches only series without labels"
            raise BadRequest("vector() beside a query of lines is not supported", hint=hint, code="logql_unsupported")


def _sampled(aggregation: RangeAggregation, times: Times, place: Place, index_sets: list[NamedTables]) -> Sampled:
    found = chosen(aggregation.query.matchers, place.index_sets)
    index_sets += found
    start, end = (min(max(bound, EARLIEST), LATEST) for bound in times.bounds(aggregation))
    sources = make_sources(
        aggregation.query,
        found,
        start=start,
        end=end,
        catalogue=place.catalogue,
        labels=needed_labels(aggregation),
        grouped_by=aggregation.grouping.names if aggregation.grouping else (),
    )
    return Sampled(aggregation, sources)
