"""The query language, pure: text -> Query -> Plan -> Statement. No Django, no engine, no I/O.

parse(text) ─▶ Query ─ plan_… (tables, time range, output, masking) ─▶ Plan ─ render ─▶ Statement
     │           └─ conditions: the page's filters as trees, and trees as filters
     └─ repair, notes: a text near one that cannot be read; what is perhaps meant in another way
"""

from bklog.query.cursor import Cursor, read_cursor
from bklog.query.fields import TableFields
from bklog.query.masking import UNMASKED, Masking
from bklog.query.parser import parse
from bklog.query.plan import Plan
from bklog.query.planner import MAX_ROWS, find_field, plan_analysis, plan_count, plan_extract, plan_page
from bklog.query.render import render
from bklog.query.tree import Query

__all__ = [
    "MAX_ROWS",
    "UNMASKED",
    "Cursor",
    "Masking",
    "Plan",
    "Query",
    "TableFields",
    "find_field",
    "parse",
    "plan_analysis",
    "plan_count",
    "plan_extract",
    "plan_page",
    "read_cursor",
    "render",
]
