"""Which fields the rows of an index set have -> the original's list of them, its mapping, and its list of operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bklog.elastic.mapping import mapping_of
from bklog.esquery.names import BATCH, HOST, NANOSECONDS, PLACE, TIME, their_name
from bklog.query.conditions import OPERATORS, SAME
from bklog.query.fields import COLUMN_KINDS
from bklog.query.plan import Order

Shown = dict[str, Any]
SCOPES: Final = ("default", "search_context")
DISPLAYED: Final = (TIME, "log")
OF_CONTEXT: Final = (TIME, HOST, "path", "log")
# Shown, and of no use to find rows by.
IN_ROWS: Final[Mapping[str, str]] = {NANOSECONDS: "date_nanos", BATCH: "long", PLACE: "integer"}
_COMPARED: Final = ("=", "!=", ">", ">=", "<", "<=", "exists", "does not exists")
_WORDS: Final = tuple(name for name in (*OPERATORS, *SAME) if name not in (">", ">=", "<", "<=", "gt", "gte", "lt", "lte"))
TYPES: Final[Mapping[str, Sequence[str]]] = {
    **dict.fromkeys(("text", "keyword"), _WORDS),
    **dict.fromkeys(("integer", "long", "double", "date"), _COMPARED),
    "boolean": ("is true", "is false", "exists", "does not exists"),
}


def list_fields(fields: Mapping[str, str], displayed: Sequence[str], order: str, scope: str) -> Shown:
    """`fields` are ours, each with its type in a mapping; `displayed` and `order` those of the index set."""
    shown = OF_CONTEXT if scope == "search_context" else tuple(map(their_name, displayed)) or DISPLAYED
    named = {**{their_name(name): kind for name, kind in fields.items()}, **IN_ROWS}
    direction = "asc" if order == Order.OLDEST else "desc"
    return {
        "config": [],
        "display_fields": list(shown),
        "fields": [_field(name, kind, is_displayed=name in shown) for name, kind in sorted(named.items())],
        "sort_list": [[name, direction] for name in (TIME, BATCH, PLACE)],
        "time_field": TIME,
        "time_field_type": "date",
        "time_field_unit": "millisecond",
    }


def _field(name: str, kind: str, *, is_displayed: bool) -> Shown:
    return {
        "field_name": name,
        "field_alias": "",
        "field_type": kind,
        "description": "",
        "is_display": is_displayed,
        "is_editable": True,
        "is_analyzed": kind == "text",
        "is_built_in": name in COLUMN_KINDS or name in (TIME, HOST, *IN_ROWS),
        "es_doc_values": kind != "text" and name not in IN_ROWS,
    }


def mapping(fields: Mapping[str, str]) -> Shown:
    named = {their_name(name): kind for name, kind in fields.items()}
    return {"mappings": mapping_of({**named, **IN_ROWS})}


def list_operators() -> Shown:
    return {kind: [{"operator": name, "label": name} for name in names] for kind, names in TYPES.items()}
