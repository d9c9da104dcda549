"""Plan -> the rows that an analysis groups: those of each table that match, under names that no table has.

A value is shown as text, the one that `field:"text"` finds; numbers that every table types become text when they are grouped. A
row without the field has NULL in `value_…`, or the empty text where no table's field can be NULL. Only what is asked for is
read: one column of a field, and of the time nothing but the bucket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from bklog.query.fields import Kind
from bklog.query.outputs import NULLABLE, Field
from bklog.query.plan import Plan
from bklog.query.sql import Binder, column_of, iso, where


def matching_rows(plan: Plan, bind: Binder, columns: Callable[[int], Mapping[str, str]]) -> str:
    """The matching rows of all tables under names that no table has. `columns` are those of the scan of a number."""
    scans = [
        f"SELECT {', '.join(f'{expression} AS {name}' for name, expression in columns(number).items())}"
        f" FROM {scan.table} WHERE {where(scan, plan, bind)}"
        for number, scan in enumerate(plan.scans)
    ]
    return f"({' UNION ALL '.join(scans)})"


def values_of(fields: Iterable[Field], number: int) -> dict[str, str]:
    return {f"value_{place}": _value(field, number) for place, field in enumerate(fields)}


def _value(field: Field, number: int) -> str:
    target = field.targets[number]
    column = column_of(target)
    if target.kind is Kind.TIME:
        return iso(column)
    if field.is_plain:
        return column
    if target.kind in NULLABLE:
        return f"CAST({column}, 'Nullable(String)')"
    return f"nullIf(CAST({column}, 'String'), '')" if field.is_nullable else column


def number_of(field: Field, number: int) -> str:
    """The value as a number, or NULL; whole numbers stay whole where every table has them so."""
    target = field.targets[number]
    column = column_of(target)
    match target.kind:
        case Kind.INT if field.is_whole:
            return column
        case Kind.INT | Kind.FLOAT:
            value = f"toFloat64({column})"
        case Kind.BOOL | Kind.TIME:
            return "CAST(NULL, 'Nullable(Float64)')"
        case Kind.DYNAMIC:
            value = f"toFloat64OrNull(CAST({column}, 'Nullable(String)'))"
        case Kind.TEXT | Kind.KEYWORD | Kind.CASELESS:
            value = f"toFloat64OrNull(CAST({column}, 'String'))"
    return f"if(isFinite({value}), {value}, NULL)"


def is_missing(field: Field, name: str = "value_0") -> str:
    return f"isNull({name})" if field.is_nullable else f"{name} = ''"


def is_absent(field: Field, number: int) -> str:
    """Whether a row of the table has not the field, without a look at its value as text."""
    target = field.targets[number]
    if target.kind is Kind.TIME:
        return "false"
    return f"isNull({column_of(target)})" if target.kind in NULLABLE else f"{column_of(target)} = ''"
