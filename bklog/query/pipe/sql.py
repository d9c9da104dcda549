"""Table -> SQL: the rows under the names c1, c2 …, and each stage a SELECT over the one before.

A missing value is NULL all the way, and no comparison with it holds. Values are bound; names of users do not occur in the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, assert_never

from bklog.query.extract import shown_from
from bklog.query.histogram import bucket_of
from bklog.query.masked import quote_name, without_nul
from bklog.query.outputs import common_width
from bklog.query.pipe.table import (
    IDENTITY,
    Aggregate,
    Any,
    Column,
    Comparison,
    Constant,
    Containing,
    Derive,
    Every,
    Filter,
    First,
    Given,
    Group,
    GroupKey,
    Instant,
    Inverse,
    Matching,
    OnePer,
    Side,
    SortBy,
    Source,
    Stage,
    Table,
    Test,
    Type,
)
from bklog.query.plan import Plan
from bklog.query.sql import iso, page_settings
from bklog.query.values import value_of
from bklog.query.where import Binder, bind_time

_FUNCTIONS: Final = {"sum": "sum", "avg": "avg", "min": "min", "max": "max"}


def render(plan: Plan, table: Table, bind: Binder) -> str:
    rows = _rows(plan, table, bind)
    for stage in table.stages:
        rows = f"({_stage(stage, rows, bind)})"
    shown = ", ".join(f"{_shown(column)} AS r{place}" for place, column in enumerate(table.shown))
    # A row more than is shown tells that there are more.
    return f"SELECT {shown} FROM {rows}{_order(table.order)} LIMIT {table.limit + 1} {page_settings(plan)}"


def _rows(plan: Plan, table: Table, bind: Binder) -> str:
    sources = [Source(column, None) for column in IDENTITY if _is_needed(column, table)] + list(table.sources)
    scans = []
    for number, scan in enumerate(plan.scans):
        columns = ", ".join(f"{_source(one, number, bind)} AS {name_of(one.column)}" for one in sources) or "1 AS c0"
        scans.append(f"SELECT {columns} FROM {shown_from(scan, plan, bind, '')}")
    return f"({' UNION ALL '.join(scans)})"


def _is_needed(column: Column, table: Table) -> bool:
    orders = [table.order, *(stage.order for stage in table.stages if isinstance(stage, First | OnePer))]
    return any(one.column == column for order in orders for one in order)


def _source(source: Source, number: int, bind: Binder) -> str:
    if source.column in IDENTITY:
        return source.column.name
    if source.field is None:
        return bind.row.document()
    if source.column.type is Type.TIME:
        return quote_name(source.field.name)
    value = value_of(source.field, number, bind)
    if source.column.is_number:
        return value
    text = f"toString({value})" if source.field.is_plain and not bind.masking else value
    return text if source.field.is_nullable else f"nullIf({text}, '')"


def name_of(column: Column) -> str:
    return f"c{column.place}" if column.place > 0 else f"o{-column.place}"


def _stage(stage: Stage, rows: str, bind: Binder) -> str:
    match stage:
        case Filter(test):
            return f"SELECT * FROM {rows} WHERE {_test(test, bind)}"
        case Group():
            return _group(stage, rows, bind)
        case Derive(source, pattern, columns):
            return _derive(source, pattern, columns, rows, bind)
        case First(number, order):
            return f"SELECT * FROM {rows}{_order(order)} LIMIT {number}"
        case OnePer(columns, order):
            return f"SELECT * FROM {rows}{_order(order)} LIMIT 1 BY {', '.join(map(name_of, columns))}"
        case unreachable:
            assert_never(unreachable)


def _group(group: Group, rows: str, bind: Binder) -> str:
    """Buckets are grouped by their short numbers, and become times only then."""
    keys, aggregates = group.keys, group.aggregates
    inner = [f"{_key(key, bind)} AS k{place}" for place, key in enumerate(keys)]
    inner += [f"{_aggregate(one)} AS {name_of(one.column)}" for one in aggregates]
    by = f" GROUP BY {', '.join(f'k{place}' for place in range(len(keys)))}" if keys else ""
    found = f"SELECT {', '.join(inner)} FROM {rows}{by}"
    if group.is_filled:
        found = _filled(found, keys[0].edges, name_of(aggregates[0].column), bind)
    outer = [f"{_bucket_start(key, f'k{place}', bind)} AS {name_of(key.column)}" for place, key in enumerate(keys)]
    outer += [name_of(one.column) for one in aggregates]
    return f"SELECT {', '.join(outer)} FROM ({found})"


def _filled(counts: str, edges: Sequence[int], count: str, bind: Binder) -> str:
    """Each bucket once, by the number or the edge that `bucket_of` gives it."""
    every = f"range({len(edges) - 1})" if common_width(edges) else bind(str(list(edges[:-1])), "Array(Int64)")
    nothing = f"SELECT arrayJoin({every}) AS k0, 0 AS {count}"
    return f"SELECT k0, sum({count}) AS {count} FROM ({counts} UNION ALL {nothing}) GROUP BY k0"


def _key(key: GroupKey, bind: Binder) -> str:
    return bucket_of(key.edges, bind, name_of(key.source)) if key.edges else name_of(key.source)


def _bucket_start(key: GroupKey, name: str, bind: Binder) -> str:
    if not key.edges:
        return name
    width = common_width(key.edges)
    edge = f"{bind(str(key.edges[0]), 'Int64')} + toInt64({name}) * {bind(str(width), 'Int64')}" if width else name
    return f"fromUnixTimestamp64Nano(toInt64({edge}), 'UTC')"


def _aggregate(one: Aggregate) -> str:
    if one.source is None:
        return "count()"
    column = name_of(one.source)
    match one.function:
        case "count":
            return f"count({column})"
        case "distinct":
            return f"uniqExact({column})"
        case "min" | "max" if one.source.type is Type.TIME:
            return f"if(count({column}) = 0, NULL, {one.function}({column}))"
    number = _as_number(one.source)
    if one.level is not None:
        # The level stands in the text, as the engine binds no values there: it is a number by its type.
        return f"if(count({number}) = 0, NULL, quantileExact({one.level / 100!r})({number}))"
    if one.function == "sum" and one.source.type is Type.INTEGER:
        number = f"toInt128({column})"
    elif one.function == "avg":
        number = f"toFloat64({number})"
    return f"if(count({column}) = 0, NULL, {_FUNCTIONS[one.function]}({number}))"


def _as_number(column: Column) -> str:
    name = name_of(column)
    if column.is_number:
        return name
    return f"if(isFinite(toFloat64OrNull({name})), toFloat64OrNull({name}), NULL)"


def _derive(source: Column, pattern: str, columns: Sequence[Column], rows: str, bind: Binder) -> str:
    found = f"g{columns[0].place}"
    groups = f"extractGroups(ifNull({name_of(source)}, ''), {bind(without_nul(pattern))})"
    given = ", ".join(f"nullIf({found}[{place}], '') AS {name_of(one)}" for place, one in enumerate(columns, start=1))
    return f"SELECT * EXCEPT {found}, {given} FROM (SELECT *, {groups} AS {found} FROM {rows})"


def _test(test: Test, bind: Binder) -> str:
    match test:
        case Inverse(inner):
            return f"NOT {_test(inner, bind)}"
        case Every(tests):
            return f"({' AND '.join(_test(one, bind) for one in tests)})"
        case Any(tests):
            return f"({' OR '.join(_test(one, bind) for one in tests)})"
        case single:
            return _single(single, bind)


def _single(test: Given | Containing | Matching | Comparison, bind: Binder) -> str:
    match test:
        case Given(column):
            return f"isNotNull({name_of(column)})"
        case Containing(column, text):
            return f"ifNull(position({_as_text(column)}, {bind(text)}) > 0, false)"
        case Matching(column, pattern, negated):
            found = f"match({_as_text(column)}, {bind(without_nul(pattern))})"
            return f"ifNull({'NOT ' if negated else ''}{found}, false)"
        case Comparison(left, operator, right, as_numbers):
            sides = _as_number(left) if as_numbers else name_of(left), _side(right, bind, as_numbers=as_numbers)
            return f"ifNull({sides[0]} {operator} {sides[1]}, false)"
        case unreachable:
            assert_never(unreachable)


def _side(side: Side, bind: Binder, *, as_numbers: bool) -> str:
    match side:
        case Column():
            return _as_number(side) if as_numbers else name_of(side)
        case Constant(int() as value):
            return bind(str(value), "Int64")
        case Constant(value):
            return bind(value if isinstance(value, str) else repr(value), "String" if isinstance(value, str) else "Float64")
        case Instant(nanoseconds):
            return bind_time(nanoseconds, bind)


def _as_text(column: Column) -> str:
    name = name_of(column)
    if column.type is Type.TIME:
        return iso(name)
    return f"toString({name})" if column.is_number else name


def _order(order: Sequence[SortBy]) -> str:
    """Missing values come last. Of texts those that are numbers come first, by what they are worth."""
    parts = []
    for one in order:
        names = [name_of(one.column)]
        if one.column.type is Type.TEXT and one.column not in IDENTITY:
            names.insert(0, _as_number(one.column))
        nulls = "" if one.column in IDENTITY else " NULLS LAST"
        parts += [f"{name}{' DESC' if one.descending else ''}{nulls}" for name in names]
    return f" ORDER BY {', '.join(parts)}" if parts else ""


def _shown(column: Column) -> str:
    name = name_of(column)
    match column.type:
        case Type.TIME:
            return iso(name)
        case Type.INTEGER:
            return f"toString({name})"
        case Type.NUMBER:
            return f"if(isFinite({name}), {name}, NULL)"
        case _:
            return name
