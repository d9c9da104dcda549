"""Plan -> the rows that an analysis groups: those of each table that match, under names that no table has.

A value is shown as text, the one that `field:"text"` finds; numbers that every table types become text when they are grouped. A
row without the field has NULL in `value_…`, or the empty text where no table's field can be NULL. Only what is asked for is
read: one column of a field, and of the time nothing but the bucket. Masked values are grouped as they are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from bklog.query.extract import shown_from
from bklog.query.fields import Kind, Target
from bklog.query.outputs import NULLABLE, Field
from bklog.query.plan import Plan, Scan
from bklog.query.sql import iso, matching
from bklog.query.where import Binder, stored

Columns = Callable[[int], Mapping[str, str]]


def matching_rows(plan: Plan, bind: Binder, columns: Columns) -> str:
    """A FROM. `columns` are those of the scan of a number; they show nothing of a row but its time."""
    return _union(plan, columns, lambda scan: matching(scan, plan, bind))


def shown_rows(plan: Plan, bind: Binder, columns: Columns) -> str:
    """A FROM. `columns` are made from what the reader may see of a row."""
    return _union(plan, columns, lambda scan: shown_from(scan, plan, bind, ""))


def _union(plan: Plan, columns: Columns, source: Callable[[Scan], str]) -> str:
    scans = [
        f"SELECT {', '.join(f'{expression} AS {name}' for name, expression in columns(number).items())} FROM {source(scan)}"
        for number, scan in enumerate(plan.scans)
    ]
    return f"({' UNION ALL '.join(scans)})"


def values_of(fields: Iterable[Field], number: int, bind: Binder) -> dict[str, str]:
    return {f"value_{place}": value_of(field, number, bind) for place, field in enumerate(fields)}


def value_of(field: Field, number: int, bind: Binder) -> str:
    """In the table of the scan of this number."""
    target = field.targets[number]
    column = stored(target)
    if target.kind is Kind.TIME:
        return iso(column)
    if bind.masking:
        return _fitted(_masked(target, bind), field)
    if field.is_plain:
        return column
    if target.kind in NULLABLE:
        return f"CAST({column}, 'Nullable(String)')"
    return f"nullIf(CAST({column}, 'String'), '')" if field.is_nullable else column


def _masked(target: Target, bind: Binder) -> str:
    """The text as it is shown; NULL where a row has no such path."""
    if not target.inside:
        return bind.row.column(target.name)
    found = f"nullIf({bind.row.path(target.name)}, 'null')"
    return f"if(startsWith({found}, '\"'), JSONExtractString(assumeNotNull({found})), {found})"


def _fitted(text: str, field: Field) -> str:
    """A text that is empty is a value only of a path that no rule types."""
    if not field.is_nullable:
        return f"ifNull({text}, '')"
    return text if all(target.kind in NULLABLE for target in field.targets) else f"nullIf({text}, '')"


def number_of(field: Field, number: int, bind: Binder) -> str:
    """The value as a number, or NULL; whole numbers stay whole where every table has them so."""
    target = field.targets[number]
    column = stored(target)
    if target.kind in (Kind.BOOL, Kind.TIME):
        return "CAST(NULL, 'Nullable(Float64)')"
    if bind.masking:
        value = f"toFloat64OrNull({_masked(target, bind)})"
    elif target.kind is Kind.INT:
        return column if field.is_whole else f"toFloat64({column})"
    elif target.kind is Kind.FLOAT:
        value = column
    else:
        value = f"toFloat64OrNull(CAST({column}, '{'Nullable(String)' if target.kind in NULLABLE else 'String'}'))"
    return f"if(isFinite({value}), {value}, NULL)"


def is_missing(field: Field, name: str = "value_0") -> str:
    return f"isNull({name})" if field.is_nullable else f"{name} = ''"


def is_absent(field: Field, number: int) -> str:
    """Whether a row of the table has not the field, without a look at its value as text."""
    target = field.targets[number]
    if target.kind is Kind.TIME:
        return "false"
    return f"isNull({stored(target)})" if target.kind in NULLABLE else f"{stored(target)} = ''"
