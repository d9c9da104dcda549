"""Metric -> SQL: samples (i, labels, value, error), `i` the number of the time at which they hold.

rows ─▶ slots of the greatest width that divides step and range ─▶ states of each slot ─▶ merged for each window that has it
     ─▶ grouped, ranked, calculated with, layer upon layer ─▶ a row for each series

`error` is what went wrong with a row that a sample was made of: such a query is refused, as its figure would be wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Final, TypeAlias, assert_never

from bklog.query.logql.rows import Source, new_binder, settings_of, staged
from bklog.query.logql.tree import (
    PARSE_ERROR,
    PARSE_ERROR_DETAILS,
    Grouping,
    RangeAggregation,
    Unwrap,
    VectorAggregation,
)
from bklog.query.logql.units import SECOND
from bklog.query.where import Binder
from bklog.records import Statement

MAX_SAMPLE_SERIES: Final = 500  # Loki's own limit
COMPARISONS: Final = ("==", "!=", ">", ">=", "<", "<=")
_FUNCTIONS: Final[Mapping[str, tuple[str, str]]] = {  # function → engine's aggregate, of what
    "count_over_time": ("count", ""),
    "rate": ("count", ""),
    "bytes_over_time": ("sum", "toFloat64(length(line))"),
    "bytes_rate": ("sum", "toFloat64(length(line))"),
    "sum_over_time": ("sum", "value"),
    "avg_over_time": ("avg", "value"),
    "min_over_time": ("min", "value"),
    "max_over_time": ("max", "value"),
    "stddev_over_time": ("stddevPop", "value"),
    "stdvar_over_time": ("varPop", "value"),
    "first_over_time": ("argMin", "value, (time, batch, row)"),
    "last_over_time": ("argMax", "value, (time, batch, row)"),
}
_NO_SAMPLES: Final = (
    "SELECT toInt64(0) AS i, CAST(map(), 'Map(String, String)') AS labels, toFloat64(0) AS value, '' AS error WHERE false"
)
_PER_SECOND: Final = ("rate", "bytes_rate")
_OPERATORS: Final = {"sum": "sum", "avg": "avg", "min": "min", "max": "max", "stddev": "stddevPop", "stdvar": "varPop"}
_ARITHMETIC: Final = {"+": "{} + {}", "-": "{} - {}", "*": "{} * {}", "/": "{} / {}", "%": "{} % {}", "^": "pow({}, {})"}


@dataclass(frozen=True, slots=True)
class Times:
    """When a metric is asked for: `count` times, `step` nanoseconds apart."""

    start: int
    step: int
    count: int

    @property
    def last(self) -> int:
        return self.start + (self.count - 1) * self.step

    def bounds(self, aggregation: RangeAggregation) -> tuple[int, int]:
        """Start and end of the rows that a range aggregation reads: a window has its end, and not its start."""
        return self.start - aggregation.offset - aggregation.width + 1, self.last - aggregation.offset + 1


@dataclass(frozen=True, slots=True)
class Sampled:
    """A range aggregation with the sources of its selector."""

    aggregation: RangeAggregation
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Grouped:
    aggregation: VectorAggregation
    inner: Samples


@dataclass(frozen=True, slots=True)
class Calculated:
    """At least one of the legs gives samples; `number` is the other."""

    operator: str
    left: Samples | float
    right: Samples | float
    as_bool: bool


Samples: TypeAlias = Sampled | Grouped | Calculated


def sampled_sources(samples: Samples | float) -> tuple[Source, ...]:
    match samples:
        case Sampled(_, sources):
            return sources
        case Grouped(_, inner):
            return sampled_sources(inner)
        case Calculated(_, left, right):
            return sampled_sources(left) + sampled_sources(right)
    return ()


def render_samples(samples: Samples, times: Times) -> Statement:
    """A row for each series: labels, places, values as text, and what went wrong or nothing."""
    bind = new_binder()
    rows = f"SELECT i, mapSort(labels) AS series, value, error FROM ({_samples(samples, times, bind)})"
    series = (
        "SELECT series, groupArray(i) AS places, groupArray(toString(value)) AS numbers, max(error) AS failure"
        f" FROM (SELECT * FROM ({rows}) ORDER BY i) GROUP BY series ORDER BY toString(series) LIMIT {MAX_SAMPLE_SERIES + 1}"
    )
    return Statement(f"{series} {settings_of(sampled_sources(samples))}", bind.params())


def _samples(samples: Samples, times: Times, bind: Binder) -> str:
    match samples:
        case Sampled(aggregation, sources):
            return _windows(aggregation, sources, times, bind)
        case Grouped(aggregation, inner):
            return _grouped(aggregation, _samples(inner, times, bind), bind)
        case Calculated():
            return _calculated(samples, times, bind)
        case unreachable:
            assert_never(unreachable)


def _windows(aggregation: RangeAggregation, sources: Sequence[Source], times: Times, bind: Binder) -> str:
    """A slot belongs to the windows `first` to before `behind`; which ones is arithmetic on its number."""
    if not sources:
        return _NO_SAMPLES
    step = times.step if times.count > 1 else aggregation.width
    slot = gcd(step, aggregation.width)
    spread, reach = step // slot, aggregation.width // slot
    origin = times.bounds(aggregation)[0]
    number = f"intDiv(toUnixTimestamp64Nano(time) - {bind(str(origin), 'Int64')}, {bind(str(slot), 'Int64')})"
    function, value = _function(aggregation)
    grouped, wrong = _group_labels(aggregation.grouping, bind), f"labels[{bind(PARSE_ERROR)}]"
    rows = " UNION ALL ".join(
        f"SELECT toInt64({number}) AS slot, {grouped} AS grouped, {wrong} AS wrong, {_kept_columns(aggregation)} FROM ({one})"
        for one in staged(sources, aggregation.query.stages, bind)
    )
    merging = f"{_combined(function, 'State')}({value}) AS state, max(wrong) AS failed"
    states = f"SELECT slot, grouped, {merging} FROM ({rows}) GROUP BY slot, grouped"
    first, behind = (
        f"greatest(0, intDiv(slot - {reach} + {spread}, {spread}))",
        f"least({times.count}, intDiv(slot, {spread}) + 1)",
    )
    placed = f"SELECT arrayJoin(range(toInt64({first}), toInt64({behind}))) AS i, grouped, state, failed FROM ({states})"
    merged = f"toFloat64({_combined(function, 'Merge')}(state))"
    if aggregation.function in _PER_SECOND:
        merged = f"{merged} / {aggregation.width / SECOND!r}"
    return f"SELECT i, grouped AS labels, {merged} AS value, max(failed) AS error FROM ({placed}) GROUP BY i, grouped"


def _kept_columns(aggregation: RangeAggregation) -> str:
    _, value = _function(aggregation)
    columns = [name for name in ("line", "value") if name in value]
    return ", ".join([*columns, *(("time", "batch", "row") if "batch" in value else ("time",))])


def _function(aggregation: RangeAggregation) -> tuple[str, str]:
    """A rate of an unwrapped label is that of its sum."""
    if aggregation.function == "quantile_over_time":
        return f"quantileExactInclusive({aggregation.parameter!r})", "value"
    if aggregation.function == "rate" and _is_unwrapped(aggregation):
        return _FUNCTIONS["sum_over_time"]
    return _FUNCTIONS[aggregation.function]


def _is_unwrapped(aggregation: RangeAggregation) -> bool:
    return any(isinstance(stage, Unwrap) for stage in aggregation.query.stages)


def _combined(function: str, combinator: str) -> str:
    name, bracket, parameter = function.partition("(")
    return f"{name}{combinator}{bracket}{parameter}"


def _group_labels(grouping: Grouping | None, bind: Binder) -> str:
    """A Map, its names in order; what went wrong is no label of a sample."""
    if grouping is None or grouping.without:
        dropped = [*(grouping.names if grouping else ()), PARSE_ERROR, PARSE_ERROR_DETAILS]
        return f"mapSort(mapFilter((k, v) -> k NOT IN ({', '.join(map(bind, dropped))}), labels))"
    pairs = ", ".join(f"{bind(name)}, labels[{bind(name)}]" for name in sorted(grouping.names))
    return f"mapFilter((k, v) -> v != '', map({pairs}))" if pairs else "CAST(map(), 'Map(String, String)')"


def _grouped(aggregation: VectorAggregation, inner: str, bind: Binder) -> str:
    labels = _group_labels(aggregation.grouping, bind)
    if aggregation.parameter is not None:
        order = "value DESC" if aggregation.operator == "topk" else "value"
        placed = (
            f"SELECT *, row_number() OVER (PARTITION BY i, toString({labels}) ORDER BY {order}, toString(labels)) AS place"
            f" FROM ({inner})"
        )
        return f"SELECT i, labels, value, error FROM ({placed}) WHERE place <= {aggregation.parameter}"
    function = "toFloat64(count())" if aggregation.operator == "count" else f"{_OPERATORS[aggregation.operator]}(value)"
    keyed = f"SELECT i, {labels} AS grouped, value, error FROM ({inner})"
    return f"SELECT i, grouped AS labels, {function} AS value, max(error) AS error FROM ({keyed}) GROUP BY i, grouped"


def _calculated(samples: Calculated, times: Times, bind: Binder) -> str:
    left, right = samples.left, samples.right
    if isinstance(left, float) or isinstance(right, float):
        inner = _samples(right if isinstance(left, float) else left, times, bind)  # type: ignore[arg-type]
        one, other = (f"toFloat64({leg!r})" if isinstance(leg, float) else "value" for leg in (left, right))
        return _with_operator(samples, f"SELECT i, labels, value, error FROM ({inner})", one, other, "value")
    joined = (
        "SELECT a.i AS i, a.labels AS labels, a.value AS one, b.value AS other, greatest(a.error, b.error) AS error"
        f" FROM ({_samples(left, times, bind)}) AS a INNER JOIN ({_samples(right, times, bind)}) AS b"
        " ON a.i = b.i AND a.labels = b.labels"
    )
    return _with_operator(samples, joined, "one", "other", "one")


def _with_operator(samples: Calculated, rows: str, one: str, other: str, kept: str) -> str:
    """A comparison keeps the samples of the left leg, or of the only one."""
    if samples.operator not in COMPARISONS:
        value = _ARITHMETIC[samples.operator].format(one, other)
        return f"SELECT i, labels, toFloat64({value}) AS value, error FROM ({rows})"
    holds = f"{one} {'=' if samples.operator == '==' else samples.operator} {other}"
    if samples.as_bool:
        return f"SELECT i, labels, toFloat64({holds}) AS value, error FROM ({rows})"
    return f"SELECT i, labels, {kept} AS value, error FROM ({rows}) WHERE {holds}"
