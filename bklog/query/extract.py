"""Plan of a file -> SQL: all rows that match in the file's columns, how they spread over time, their line breaks.

What is read and what is masked is written as for a page, by `sql`.
"""

from __future__ import annotations

from typing import Final

from bklog.query.fields import FIELDS, Kind
from bklog.query.masked import quote_name
from bklog.query.plan import Breaks, Extract, Order, Plan, Scan, Shown, Spread
from bklog.query.sql import MASKING, NEWEST_FIRST, OLDEST_FIRST, masking_settings, matching, shown_of
from bklog.query.where import Binder, stored
from bklog.records import IDENTITY

_ORDERS: Final = {Order.NEWEST: f" ORDER BY {NEWEST_FIRST}", Order.OLDEST: f" ORDER BY {OLDEST_FIRST}", Order.UNSORTED: ""}
# A column of a file is called what the user calls it; in the conditions the name goes on meaning the table's column.
EXTRACT_SETTINGS: Final = "SETTINGS prefer_column_name_to_alias = 1"
MASKED_SETTINGS: Final = f"{EXTRACT_SETTINGS}, {MASKING}"


def render(plan: Plan, output: Extract | Spread | Breaks, bind: Binder) -> str:
    match output:
        case Extract() as extract:
            return _render_extract(plan, extract, bind)
        case Spread(width):
            return _render_spread(plan, width, bind)
        case Breaks(columns):
            return _render_breaks(plan, columns, bind)


def _render_extract(plan: Plan, extract: Extract, bind: Binder) -> str:
    """Under names that no condition can mean; of several tables the sorted rows are merged."""
    end = _ORDERS[extract.order] + ("" if extract.limit is None else f" LIMIT {extract.limit}")
    settings = MASKED_SETTINGS if plan.masking else EXTRACT_SETTINGS
    if len(plan.scans) == 1:
        named = ", ".join(f"{_value(one, bind)} AS {quote_name(one.name)}" for one in extract.columns)
        return f"SELECT {named} FROM {shown_from(plan.scans[0], plan, bind, end)}{end} {settings}"
    inner = ", ".join([*IDENTITY, *(f"{_value(one, bind)} AS c{place}" for place, one in enumerate(extract.columns))])
    scans = [f"SELECT * FROM (SELECT {inner} FROM {shown_from(scan, plan, bind, end)}{end})" for scan in plan.scans]
    outer = ", ".join(f"c{place} AS {quote_name(one.name)}" for place, one in enumerate(extract.columns))
    return f"SELECT {outer} FROM ({' UNION ALL '.join(scans)}){end} {settings}"


def _render_spread(plan: Plan, width: int, bind: Binder) -> str:
    slot = f"intDiv(toUnixTimestamp64Nano(time) - {bind(str(plan.start), 'Int64')}, {bind(str(width), 'Int64')})"
    scans = [
        f"SELECT {slot} AS slot, count() AS n, max(ingest_time) AS last FROM {matching(scan, plan, bind)} GROUP BY slot"
        for scan in plan.scans
    ]
    sums = "slot, sum(n) AS number, toUnixTimestamp64Nano(toDateTime64(max(last), 9, 'UTC')) AS arrived"
    return f"SELECT {sums} FROM ({' UNION ALL '.join(scans)}) GROUP BY slot ORDER BY slot{masking_settings(plan)}"


def _render_breaks(plan: Plan, columns: tuple[Shown, ...], bind: Binder) -> str:
    found = " + ".join(f"countSubstrings(ifNull(toString({_value(one, bind)}), ''), '\\n')" for one in columns)
    sums = [f"SELECT sum({found}) AS n FROM {shown_from(scan, plan, bind, '')}" for scan in plan.scans]
    return f"SELECT sum(n) AS n FROM ({' UNION ALL '.join(sums)}){masking_settings(plan)}"


def shown_from(scan: Scan, plan: Plan, bind: Binder, end: str) -> str:
    """FROM: the rows that match, as their reader may see them. A limit comes before the masking, which it spares."""
    rows = matching(scan, plan, bind)
    if not plan.masking:
        return rows
    return shown_of(f"(SELECT * FROM {rows}{end})", scan, bind)


def _value(one: Shown, bind: Binder) -> str:
    """What a file gets of a column. NULL stands for a path that a row does not have."""
    if bind.masking:
        return _masked_value(one, bind)
    column = stored(one.target)
    if not one.is_text:
        return f"CAST({column}, 'Dynamic')" if one.target.inside and one.target.kind is Kind.DYNAMIC else column
    return f"CAST({column}, 'Nullable(String)')" if one.target.inside else bind.row.document()


def _masked_value(one: Shown, bind: Binder) -> str:
    """A mask may make a text of any value: of a path no type is left but that of its JSON."""
    if not one.target.inside:
        column = bind.row.document() if one.target == FIELDS else bind.row.column(one.target.name)
        return column if one.is_text or one.target != FIELDS else f"CAST({column}, 'JSON')"
    value = f"nullIf({bind.row.path(one.target.name)}, 'null')"
    if one.target.kind is Kind.DYNAMIC and not one.is_text:
        return f"JSONExtract(ifNull({value}, 'null'), 'Dynamic')"
    return f"if(startsWith({value}, '\"'), JSONExtractString({value}), {value})"
