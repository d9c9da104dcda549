"""Terms, TopValues, Distinct, Numbers -> SQL: what the values of a field are, and how many rows have each.

rows ─▶ value_0, value_1 … ─ GROUP BY ─▶ ranks and shares, as windows over the groups
"""

from __future__ import annotations

from typing import Final, assert_never

from bklog.query import grouped
from bklog.query.outputs import Distinct, Field, Numbers, Terms, TopValues
from bklog.query.plan import GroupRows, Groups, Plan
from bklog.query.values import is_absent, is_missing, number_of, shown_rows, values_of
from bklog.query.where import Binder

TOP_RESERVE: Final = 10  # counters that the engine keeps for each value asked for: with more the counts are closer
MIN_COUNTERS: Final = 1_000
MAX_COUNTERS: Final = 65_536  # the engine's own limit


def render(plan: Plan, output: Terms | TopValues | Distinct | Numbers | Groups | GroupRows, bind: Binder) -> str:
    match output:
        case Terms(fields=(field,)):
            return _terms(plan, output, field, bind)
        case Terms():
            return _nested_terms(plan, output, bind)
        case TopValues():
            return _top_values(plan, output, bind)
        case Distinct():
            return _distinct(plan, output, bind)
        case Numbers():
            return _numbers(plan, output, bind)
        case Groups() | GroupRows():
            return grouped.render(plan, output, bind)
        case unreachable:
            assert_never(unreachable)


def _terms(plan: Plan, output: Terms, field: Field, bind: Binder) -> str:
    missing = is_missing(field)
    rows = shown_rows(plan, bind, lambda number: values_of([field], number, bind))
    groups = f"SELECT value_0, count() AS n FROM {rows}{_with_prefix(output.prefix, bind)} GROUP BY value_0"
    return (
        f"SELECT toString(value_0) AS shown_0, {missing} AS missing_0, n AS total_0, sumIf(n, {missing}) OVER () AS lost_0,"
        f" countIf(NOT {missing}) OVER () AS distinct_0, sum(n) OVER () AS total"
        f" FROM ({groups}) ORDER BY missing_0, n DESC, shown_0 LIMIT {output.limits[0]}"
    )


def _nested_terms(plan: Plan, output: Terms, bind: Binder) -> str:
    """Each step adds to the groups what the next one ranks by; within `PARTITION BY` stand the values of the levels above."""
    depth = len(output.fields)
    names = [f"value_{place}" for place in range(depth)]
    missing = [is_missing(field, name) for field, name in zip(output.fields, names, strict=True)]
    above = [f"PARTITION BY {', '.join(names[:place])} " if place else "" for place in range(depth + 1)]
    rows = shown_rows(plan, bind, lambda number: values_of(output.fields, number, bind))
    levels = range(depth)
    groups = f"SELECT {', '.join(names)}, count() AS n FROM {rows}{_with_prefix(output.prefix, bind)} GROUP BY ALL"
    totals = ", ".join(f"sum(n) OVER ({above[place + 1]}) AS total_{place}" for place in levels)
    order = [f"ORDER BY {missing[place]}, total_{place} DESC, toString({names[place]})" for place in levels]
    ranks = ", ".join(
        f"dense_rank() OVER ({above[place]}{order[place]}) AS rank_{place},"
        f" sumIf(n, {missing[place]}) OVER ({above[place]}) AS lost_{place}"
        for place in levels
    )
    counts = ", ".join(
        f"maxIf(rank_{place}, NOT {missing[place]}) OVER ({above[place]}) AS distinct_{place}" for place in levels
    )
    steps = f"SELECT *, sum(n) OVER () AS total, {totals} FROM ({groups})"
    steps = f"SELECT *, {counts} FROM (SELECT *, {ranks} FROM ({steps}))"
    shown = ", ".join(
        f"toString({names[place]}) AS shown_{place}, {missing[place]} AS missing_{place}, total_{place}, lost_{place},"
        f" distinct_{place}"
        for place in levels
    )
    kept = " AND ".join(f"rank_{place} <= {limit}" for place, limit in enumerate(output.limits))
    ranked = ", ".join(f"rank_{place}" for place in levels)
    return f"SELECT {shown}, total FROM ({steps}) WHERE {kept} ORDER BY {ranked}"


def _with_prefix(prefix: str, bind: Binder) -> str:
    return f" WHERE startsWith(lower(toString(value_0)), {bind(prefix)})" if prefix else ""


def _top_values(plan: Plan, output: TopValues, bind: Binder) -> str:
    rows = shown_rows(plan, bind, lambda number: values_of([output.field], number, bind))
    missing = is_missing(output.field)
    counters = min(max(output.limit * TOP_RESERVE, MIN_COUNTERS), MAX_COUNTERS)
    top = f"approx_top_kIf({output.limit}, {counters})(value_0, NOT {missing})"
    counted = (
        f"SELECT count() AS total, countIf({missing}) AS lost, uniqIf(value_0, NOT {missing}) AS distinct_values, {top} AS top"
        f" FROM {rows}{_with_prefix(output.prefix, bind)}"
    )
    parts = ", ".join(
        f"arrayMap(x -> {part}, top) AS {name}"
        for name, part in (("shown", "toString(x.1)"), ("counts", "x.2"), ("errors", "x.3"))
    )
    return f"SELECT total, lost, distinct_values, {parts} FROM ({counted})"


def _distinct(plan: Plan, output: Distinct, bind: Binder) -> str:
    rows = shown_rows(plan, bind, lambda number: values_of([output.field], number, bind))
    missing = is_missing(output.field)
    function = "uniqExactIf" if output.is_exact else "uniqIf"
    distinct = f"{function}(value_0, NOT {missing}) AS distinct_values"
    return f"SELECT count() AS total, countIf({missing}) AS lost, {distinct} FROM {rows}"


def _numbers(plan: Plan, output: Numbers, bind: Binder) -> str:
    """The levels of the percentiles stand in the text, as the engine binds no values there: they are numbers by their type."""
    field = output.field

    def columns(number: int) -> dict[str, str]:
        ends = values_of([field], number, bind) if output.has_ends else {}
        return {"absent": is_absent(field, number), "number": number_of(field, number, bind), **ends}

    levels = ", ".join(repr(percentile / 100) for percentile in output.percentiles)
    function = "quantilesExact" if output.is_exact else "quantilesTDigest"
    total = "toString(sum(toInt128(number)))" if field.is_whole and not plan.masking else "toString(sum(number))"
    ends = [f"toString({one}If(value_0, NOT absent)) AS {one}_value" for one in ("min", "max")] if output.has_ends else []
    figures = [
        "count() AS total",
        "countIf(absent) AS lost",
        "count(number) AS numbers",
        "min(number) AS least",
        "max(number) AS most",
        "avg(toFloat64(number)) AS mean",
        f"{total} AS summed",
        f"{function}({levels})(number) AS quantiles",
        *ends,
    ]
    return f"SELECT {', '.join(figures)} FROM {shown_rows(plan, bind, columns)}"
