"""View -> SQL: the statement of a person with the rows of the index set, as they are shown, in place of each `logs`."""

from __future__ import annotations

from typing import Final

from bklog.query.extract import shown_from
from bklog.query.fields import FIELDS
from bklog.query.plan import Plan
from bklog.query.view.names import COLUMNS, VIEW
from bklog.query.view.output import View
from bklog.query.where import Binder, stored

# `limit` cuts the outermost result, whatever the statement's own LIMIT; the rest is a second lock behind `check`.
_SETTINGS: Final = "readonly = 1, allow_ddl = 0, allow_introspection_functions = 0, read_in_order_use_virtual_row = 0"
# See `sql.MASKING`; but a person's own bounds of time are carried down to the table.
_MASKED: Final = ", query_plan_merge_expressions = 0"


def render(plan: Plan, view: View, bind: Binder) -> str:
    rows = _rows(plan, bind)
    text, last = "", 0
    for use in view.checked.uses:
        text += view.checked.text[last : use.start] + rows + ("" if use.has_alias else f" AS {VIEW}")
        last = use.end
    text += view.checked.text[last:]
    return f"{text} SETTINGS limit = {view.limit + 1}, {_SETTINGS}{_MASKED if plan.masking else ''}"


def _rows(plan: Plan, bind: Binder) -> str:
    columns = ", ".join(f"{_shown(name, plan, bind)} AS {name}" for name in COLUMNS)
    scans = [f"SELECT {columns} FROM {shown_from(scan, plan, bind, '')}" for scan in plan.scans]
    # A column of the view may stand for what is shown: in the conditions the name must go on meaning the table's.
    return f"({' UNION ALL '.join(f'{scan} SETTINGS prefer_column_name_to_alias = 1' for scan in scans)})"


def _shown(name: str, plan: Plan, bind: Binder) -> str:
    if name == "time":
        return "time"
    if name != FIELDS.name:
        return bind.row.column(name)
    if plan.masking or len(plan.scans) > 1:  # tables may type their fields in different ways
        return f"CAST({bind.row.document()}, 'JSON')"
    return stored(FIELDS)
