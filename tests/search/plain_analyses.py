"""Each analysis as a plain computation over the rows of a test: no SQL, no windows, one row after the other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bklog.query import parse
from tests.search.lines import TYPES
from tests.search.reference import COLUMNS, as_text, look_up, matches

Row = dict[str, Any]


_MATCHING: dict[tuple[int, str], list[Row]] = {}


def matching(rows: list[Row], query: str) -> list[Row]:
    """Kept, as lines of thousands of words take their time; the rows of the tests are made once."""
    key = id(rows), query
    if key not in _MATCHING:
        node = parse(query).node
        _MATCHING[key] = [row for row in rows if matches(node, row)]
    return _MATCHING[key]


def value(row: Row, field: str) -> str | None:
    """None for a row without the field; a text that is empty is none, but for a field that the rule does not type."""
    if field == "time":
        return f"{row['time'].replace(' ', 'T')}Z"
    stored = look_up(row, field)
    if stored is None:
        return None
    is_text = field in COLUMNS or TYPES.get(field) in ("string", "keyword")
    return None if is_text and stored == "" else as_text(stored)


def by_count(counts: Counter[str]) -> list[tuple[str, int]]:
    """The most frequent first; what is as frequent in the order of its bytes."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0].encode()))


def terms(rows: Sequence[Row], fields: Sequence[str], limits: Sequence[int]) -> dict[str, Any]:
    values = [value(row, fields[0]) for row in rows]
    counts = Counter(one for one in values if one is not None)
    shown = by_count(counts)[: limits[0]]
    buckets: list[dict[str, Any]] = []
    for key, count in shown:
        below = [row for row, one in zip(rows, values, strict=True) if one == key]
        nested = {"terms": terms(below, fields[1:], limits[1:])} if len(fields) > 1 else {}
        buckets.append({"key": key, "count": count, **nested})
    return {
        "field": fields[0],
        "total": len(rows),
        "missing": values.count(None),
        "distinct": {"value": len(counts), "approximate": False},
        "buckets": buckets,
        "other": counts.total() - sum(count for _, count in shown),
    }


def bucket_start(row: Row, interval: str, zone: str) -> str:
    """The local time at which the row's bucket begins; for zones whose clocks do not change among the rows."""
    moment = datetime.fromisoformat(row["time"][:26]).replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if interval == "1w":
        start = midnight - timedelta(days=midnight.weekday())
    elif interval in ("1d", "1M"):
        start = midnight.replace(day=1) if interval == "1M" else midnight
    else:
        width = {"7s": 7, "30s": 30, "5m": 300, "1h": 3600}[interval]
        start = midnight + timedelta(seconds=(moment - midnight) // timedelta(seconds=width) * width)
    return start.isoformat().replace("+00:00", "Z")


def number(row: Row, field: str) -> float | int | None:
    stored = look_up(row, field)
    if isinstance(stored, bool) or not isinstance(stored, int | float | str):
        return None
    if not isinstance(stored, str):
        return stored
    try:
        found = float(stored)
    except ValueError:
        return None
    return found if math.isfinite(found) and stored == stored.strip() and "_" not in stored and stored.isascii() else None


def percentile(ordered: Sequence[float | int], level: float) -> float | int:
    return ordered[min(int(level / 100 * len(ordered)), len(ordered) - 1)]


def paths(found: Any, prefix: str = "") -> dict[str, Any]:
    """Every path of a row's fields with its value; what is null is not there."""
    if not isinstance(found, dict):
        return {} if found is None else {prefix: found}
    return {
        path: one for key, inner in found.items() for path, one in paths(inner, f"{prefix}.{key}" if prefix else key).items()
    }
