"""Groups, GroupRows -> SQL: rows in groups by several keys, one inside the other, with figures or the first rows of each.

rows ─▶ key_0, key_1 …, what the figures are made of ─ GROUP BY ─▶ groups ─ ranked within those above ─▶ the first of them

The groups above are chosen before, by a statement of their own, and given as text: only what is inside them is grouped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias, assert_never

from bklog.query.extract import shown_from
from bklog.query.fields import Kind
from bklog.query.outputs import Field
from bklog.query.plan import (
    EdgeKey,
    Figure,
    FilterKey,
    GroupRows,
    Groups,
    Key,
    Measure,
    NumberKey,
    Plan,
    Ranking,
    TermKey,
    TimeKey,
)
from bklog.query.sql import masking_settings, matching, order_of, page_outputs, page_settings
from bklog.query.values import is_absent, is_missing, number_of, values_of
from bklog.query.where import Binder, condition_of, stored

Column: TypeAlias = Callable[[int, Binder], str]
_MOMENT: Final = "toUnixTimestamp64Nano(time)"
_NUMBER: Final = "toFloat64({number})"
_FIGURES: Final[Mapping[Measure, str]] = {
    Measure.VALUES: "countIf(NOT {absent})",
    Measure.NUMBERS: "count({number})",
    Measure.LEAST: f"minOrNull({_NUMBER})",
    Measure.MOST: f"maxOrNull({_NUMBER})",
    Measure.MEAN: f"avgOrNull({_NUMBER})",
    Measure.SUM: f"ifNull(sum({_NUMBER}), 0)",
    Measure.SQUARES: f"ifNull(sum({_NUMBER} * {_NUMBER}), 0)",
    Measure.VARIANCE: f"varPopStableOrNull({_NUMBER})",
    Measure.SAMPLE_VARIANCE: f"varSampStableOrNull({_NUMBER})",
}


def render(plan: Plan, output: Groups | GroupRows, bind: Binder) -> str:
    return _group_rows(plan, output, bind) if isinstance(output, GroupRows) else _groups(plan, output, bind)


def _groups(plan: Plan, output: Groups, bind: Binder) -> str:
    """A row for each group: its keys as text, its size, the sizes of all groups within those above, its figures."""
    names, above = _names(output.keys), _names(output.keys[:-1])
    fields = tuple(dict.fromkeys(figure.field for figure in output.figures))
    read = {name: expression for figure in output.figures for name, expression in _read(figure, fields).items()}
    is_of_time = all(isinstance(key, TimeKey | EdgeKey) for key in output.keys) and not fields
    scans = [
        f"SELECT {', '.join(_columns(output.keys, read, number, bind)) or '1'}"
        f" FROM {matching(scan, plan, bind) if is_of_time else shown_from(scan, plan, bind, '')}"
        f"{'' if output.of_rows is None else f' LIMIT {output.of_rows}'}"
        for number, scan in enumerate(plan.scans)
    ]
    figures = [f"{_figure(figure, fields)} AS figure_{place}" for place, figure in enumerate(output.figures)]
    grouped = f" GROUP BY {', '.join(names)}" if names else ""
    groups = (
        f"SELECT {', '.join([*names, 'count() AS n', *figures])} FROM ({' UNION ALL '.join(scans)})"
        f"{_wanted(output.keys, output.kept, bind)}{grouped}"
    )
    shown = [*_texts(names), "n", "total", *(f"figure_{place}" for place in range(len(figures)))]
    within = f"PARTITION BY {', '.join(above)}" if above else ""
    return (
        f"SELECT {', '.join(shown)} FROM (SELECT *, sum(n) OVER ({within}) AS total FROM ({groups}))"
        f" WHERE n >= {output.least if names else 0}{_first(output, names, above)}"
        f"{masking_settings(plan)}"
    )


def _first(output: Groups, names: Sequence[str], above: Sequence[str]) -> str:
    if not names:
        return ""
    order = [*above, *(_rank(one, names[-1]) for one in output.rankings), names[-1]]
    most = output.most + 1
    if output.limit is None:
        limit = f" LIMIT {most}"
    elif above:
        limit = f" LIMIT {output.limit} BY {', '.join(above)} LIMIT {most}"
    else:
        limit = f" LIMIT {min(output.limit, most)}"
    return f" ORDER BY {', '.join(order)}{limit}"


def _rank(one: Ranking, last: str) -> str:
    place = "" if one.place is None else f"[{one.place + 1}]"
    expression = {"size": "n", "key": last, "figure": f"figure_{one.figure}{place}"}[one.by]
    return f"{expression} {'DESC' if one.descending else 'ASC'}"


def _group_rows(plan: Plan, output: GroupRows, bind: Binder) -> str:
    names = _names(output.keys)
    outputs = page_outputs(plan, output.page, bind)
    inner = ["time", "batch", *outputs.values()]
    scans = [
        f"SELECT {', '.join([*_columns(output.keys, {}, number, bind), *inner, f'{number} AS scan'])}"
        f" FROM {shown_from(scan, plan, bind, '')}"
        for number, scan in enumerate(plan.scans)
    ]
    order = order_of(output.page)
    by = f" BY {', '.join(names)} LIMIT {output.most + 1}" if names else ""
    return (
        f"SELECT {', '.join([*_texts(names), *outputs, 'scan'])} FROM ({' UNION ALL '.join(scans)})"
        f"{_wanted(output.keys, output.kept, bind)} ORDER BY {', '.join([*names, order])}"
        f" LIMIT {output.page.limit}{by} {page_settings(plan)}"
    )


def _names(keys: Sequence[Key]) -> list[str]:
    return [f"key_{place}" for place in range(len(keys))]


def _texts(names: Sequence[str]) -> list[str]:
    return [f"toString({name}) AS text_{place}" for place, name in enumerate(names)]


def _columns(keys: Sequence[Key], read: Mapping[str, Column], number: int, bind: Binder) -> list[str]:
    """Of the scan of a number: its keys, and what the figures are made of."""
    columns = [f"{_key(key, number, bind)} AS key_{place}" for place, key in enumerate(keys)]
    return [*columns, *(f"{expression(number, bind)} AS {name}" for name, expression in read.items())]


def _read(figure: Figure, fields: Sequence[Field]) -> dict[str, Column]:
    """Only what it is made of: each masked value costs the engine its time, whether somebody looks at it or not."""
    field, place = figure.field, fields.index(figure.field)
    match figure.measure:
        case Measure.VALUES:
            return {f"absent_{place}": lambda number, _: is_absent(field, number)}
        case Measure.DISTINCT:
            return {f"value_{place}": lambda number, bind: values_of([field], number, bind)["value_0"]}
        case _:
            return {f"number_{place}": lambda number, bind: _number(field, number, bind)}


def _key(key: Key, number: int, bind: Binder) -> str:
    match key:
        case TermKey(field, missing):
            value = values_of([field], number, bind)["value_0"]
            if missing is None:
                return value
            return f"ifNull(nullIf(toString({value}), {bind('')}), {bind(missing)})"
        case TimeKey(first, width):
            return f"intDiv({_MOMENT} - {bind(str(first), 'Int64')}, {bind(str(width), 'Int64')})"
        case EdgeKey(edges):
            return f"roundDown({_MOMENT}, {bind(str(list(edges)), 'Array(Int64)')})"
        case NumberKey(field, interval, offset):
            value = f"toFloat64({_number(field, number, bind)})"
            return f"toInt64(floor(({value} - {bind(repr(offset), 'Float64')}) / {bind(repr(interval), 'Float64')}))"
        case FilterKey(predicates):
            met = (f"if({condition_of(one[number], bind)}, {place}, 0)" for place, one in enumerate(predicates, start=1))
            return f"arrayJoin(arrayFilter(x -> x > 0, [{', '.join(met)}]))"
        case unreachable:
            assert_never(unreachable)


def _number(field: Field, number: int, bind: Binder) -> str:
    """A time counts as its milliseconds since 1970."""
    target = field.targets[number]
    if target.kind is Kind.TIME:
        return f"intDiv(toUnixTimestamp64Nano({stored(target)}), 1000000)"
    return number_of(field, number, bind)


def _figure(figure: Figure, fields: Sequence[Field]) -> str:
    place = fields.index(figure.field)
    names = {"number": f"number_{place}", "absent": f"absent_{place}"}
    if figure.measure is Measure.QUANTILES:
        return f"quantilesExact({', '.join(map(repr, figure.levels))})({_NUMBER.format(**names)})"
    if figure.measure is Measure.DISTINCT:
        return f"uniqIf(value_{place}, NOT {is_missing(figure.field, f'value_{place}')})"
    return _FIGURES[figure.measure].format(**names)


def _wanted(keys: Sequence[Key], kept: tuple[tuple[str, ...], ...] | None, bind: Binder) -> str:
    """WHERE: each key has a value, and those above the last are among the kept."""
    conditions = []
    for place, key in enumerate(keys):
        match key:
            case TermKey(field, None):
                conditions.append(f"NOT ({is_missing(field, f'key_{place}')})")
            case NumberKey():
                conditions.append(f"isNotNull(key_{place})")
    if kept is not None:
        depth = len(kept[0]) if kept else 1
        given = f"SELECT arrayJoin(JSONExtract({bind(json.dumps(kept, ensure_ascii=False))}, 'Array(Array(String))')) AS one"
        parts = ", ".join(f"one[{place + 1}]" for place in range(depth))
        texts = ", ".join(f"ifNull(toString(key_{place}), '')" for place in range(depth))
        conditions.append(f"({texts}) IN (SELECT {parts} FROM ({given}))")
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""
