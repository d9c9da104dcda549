"""Histogram, SliceCounts -> SQL: the rows in each bucket, and of a field's values in each.

rows ─▶ (bucket, value) ─ GROUP BY ─▶ values ranked by all their rows ─▶ a row for each series, its buckets as arrays
"""

from __future__ import annotations

from collections.abc import Sequence

from bklog.query.outputs import Field, Histogram, SliceCounts, common_width
from bklog.query.plan import Plan
from bklog.query.values import is_missing, matching_rows, shown_rows, values_of
from bklog.query.where import Binder


def render(plan: Plan, output: Histogram | SliceCounts, bind: Binder) -> str:
    if isinstance(output, SliceCounts):
        return _slice_counts(plan, output, bind)
    return _histogram_by(plan, output, output.field, bind) if output.field else _count_buckets(plan, output, bind)


def _count_buckets(plan: Plan, output: Histogram, bind: Binder) -> str:
    rows = matching_rows(plan, bind, lambda _: {"bucket": bucket_of(output.edges, bind)})
    return (
        "SELECT 1 AS place, '' AS shown, sum(n) AS total, groupArray(bucket) AS buckets, groupArray(n) AS counts"
        f" FROM (SELECT bucket, count() AS n FROM {rows} GROUP BY bucket)"
    )


def _histogram_by(plan: Plan, output: Histogram, field: Field, bind: Binder) -> str:
    """A row for each series: place 0 has no value, 1 to `limit` are the most frequent, and the last is all others."""
    rows = shown_rows(plan, bind, lambda number: {"bucket": bucket_of(output.edges, bind)} | values_of([field], number, bind))
    missing = is_missing(field)
    groups = f"SELECT bucket, value_0, count() AS n FROM {rows} GROUP BY bucket, value_0"
    summed = f"SELECT *, sum(n) OVER (PARTITION BY value_0) AS all_n FROM ({groups})"
    ranked = f"SELECT *, dense_rank() OVER (ORDER BY {missing}, all_n DESC, toString(value_0)) AS rank FROM ({summed})"
    placed = f"SELECT if({missing}, 0, least(rank, {output.limit + 1})) AS place, value_0, bucket, n FROM ({ranked})"
    collapsed = f"SELECT place, any(value_0) AS one, bucket, sum(n) AS bucket_n FROM ({placed}) GROUP BY place, bucket"
    return (
        f"SELECT place, if(place IN (0, {output.limit + 1}), '', toString(any(one))) AS shown, sum(bucket_n) AS total,"
        f" groupArray(bucket) AS buckets, groupArray(bucket_n) AS counts FROM ({collapsed}) GROUP BY place ORDER BY place"
    )


def _slice_counts(plan: Plan, output: SliceCounts, bind: Binder) -> str:
    rows = matching_rows(plan, bind, lambda number: {"scan": str(number), "bucket": bucket_of(output.edges, bind)})
    return f"SELECT scan, bucket, count() AS n FROM {rows} GROUP BY scan, bucket ORDER BY scan, bucket"


def bucket_of(edges: Sequence[int], bind: Binder, column: str = "time") -> str:
    """The bucket's number where all have one width, else the edge that it begins with: both are one step for a row."""
    moment, width = f"toUnixTimestamp64Nano({column})", common_width(edges)
    if width:  # two bytes, so that the groups' keys are short
        return f"toUInt16(intDiv({moment} - {bind(str(edges[0]), 'Int64')}, {bind(str(width), 'Int64')}))"
    return f"roundDown({moment}, {bind(str(list(edges[:-1])), 'Array(Int64)')})"
