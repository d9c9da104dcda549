"""Of one field: how many rows have it, how many values there are, the most frequent of them, and what its numbers amount to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bklog.esquery.names import our_name
from bklog.search.given import Given, refuse

Shown = dict[str, Any]
KEYS: Final = ("index_set_ids", "agg_field", "field_type", "limit")
DEFAULT_TOP: Final = 5
MAX_TOP: Final = 10_000
NUMBERS: Final = ("integer", "long", "int", "float", "double", "short", "byte")


def read_field(given: Given) -> str:
    """In our names. Raises BadRequest."""
    name = given.text("agg_field")
    if not name:
        raise refuse("agg_field is missing", "agg_field names the field, such as level")
    return our_name(name)


def top_body(field: str, limit: int) -> dict[str, Any]:
    return {**_counts(field), "top": {"terms": {"field": field, "size": limit}}}


def info_body(field: str, field_type: str) -> dict[str, Any]:
    if field_type not in NUMBERS:
        return _counts(field)
    median = {"percentiles": {"field": field, "percents": [50]}}
    return {**_counts(field), "stats": {"stats": {"field": field}}, "median": median}


def _counts(field: str) -> dict[str, Any]:
    return {"have": {"value_count": {"field": field}}, "distinct": {"cardinality": {"field": field}}}


def show_top(name: str, limit: int, total: int, answers: Mapping[str, Any]) -> Shown:
    """A value, its rows, and which share it is of the rows that have the field."""
    counts = _shown_counts(total, answers)
    buckets = answers["top"]["buckets"] if answers else []
    return {
        "name": name,
        "columns": ["_value", "_count", "_percent"],
        "limit": limit,
        **counts,
        "values": [[one["key"], one["doc_count"], round(one["doc_count"] / counts["field_count"], 4)] for one in buckets],
    }


def show_info(total: int, answers: Mapping[str, Any]) -> Shown:
    counts = _shown_counts(total, answers)
    shown = {**counts, "field_percent": round(counts["field_count"] / total, 2) if total else 0}
    if "stats" not in answers:
        return shown
    stats, (median,) = answers["stats"], answers["median"]["values"].values()
    return {**shown, "value_analysis": {"max": stats["max"], "min": stats["min"], "avg": stats["avg"], "median": median}}


def _shown_counts(total: int, answers: Mapping[str, Any]) -> Shown:
    """Where no table is, nothing was asked."""
    have, distinct = (answers[name]["value"] if answers else 0 for name in ("have", "distinct"))
    return {"total_count": total, "field_count": have, "distinct_count": distinct}
