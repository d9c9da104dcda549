"""The rows of slices, each those of a statement over a part of the range -> the rows that one statement would have given.

slice, slice … ─▶ counts summed by value ─▶ ranked, the first of them, what is left over

A slice that had more values than it was asked for lacks the others. None of those had more rows in it than the least one that
it tells: by so many a count may be too low.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from bklog.records import Rows

OF_ONE_LEVEL = ("shown_0", "missing_0", "total_0", "lost_0", "distinct_0", "total")


class MergedTerms:
    """Of one field: rows (value, is missing, count, count of the missing, distinct, count of all)."""

    def __init__(self, *, limit: int, slice_limit: int) -> None:
        self._limit = limit
        self._slice_limit = slice_limit
        self._counts: Counter[str] = Counter()
        self._lost = self._total = 0
        self.lacking = 0

    def merged(self, rows: Rows) -> Rows:
        if rows.rows:
            self._add(rows)
        found = len(self._counts)
        ranked = sorted(self._counts.items(), key=lambda one: (-one[1], one[0]))[: self._limit]
        tail = (self._lost, found, self._total)
        shown = [(value, 0, count, *tail) for value, count in ranked]
        if self._lost and len(shown) < self._limit:
            shown.append(("", 1, self._lost, *tail))
        return replace(rows, columns=OF_ONE_LEVEL, rows=shown)

    def _add(self, rows: Rows) -> None:
        told = [(str(shown), int(count)) for shown, is_missing, count, *_ in rows.rows if not is_missing]
        _, _, _, lost, distinct, total = rows.rows[0]
        self._counts.update(dict(told))
        self._lost += int(lost)
        self._total += int(total)
        if int(distinct) > len(told):
            self.lacking += told[-1][1] if told else 0


class MergedSeries:
    """Of a histogram: rows (place, value, count, buckets, count of each). Place 0 has no value, the last one is all others."""

    def __init__(self, *, limit: int, slice_limit: int) -> None:
        self._limit = limit
        self._others_at = slice_limit + 1
        self._series: dict[str, Counter[int]] = {}
        self._missing: Counter[int] = Counter()
        self._others: Counter[int] = Counter()
        self.lacking = 0

    def merged(self, rows: Rows) -> Rows:
        self._add(rows)
        ranked = sorted(self._series.items(), key=lambda one: (-one[1].total(), one[0]))
        others = sum((counts for _, counts in ranked[self._limit :]), self._others)
        found = [(0, "", self._missing), *((place, *one) for place, one in enumerate(ranked[: self._limit], start=1))]
        found.append((self._limit + 1, "", others))
        shown = [(place, value, n.total(), list(n), list(n.values())) for place, value, n in found if n]
        return replace(rows, columns=("place", "shown", "total", "buckets", "counts"), rows=shown)

    def _add(self, rows: Rows) -> None:
        least = 0
        for place, shown, total, buckets, counts in rows.rows:
            spread = Counter({int(bucket): int(n) for bucket, n in zip(buckets, counts, strict=True)})
            if not place:
                self._missing += spread
            elif place == self._others_at:
                self._others += spread
                self.lacking += least
            else:
                self._series[shown] = self._series.get(shown, Counter()) + spread
                least = int(total)
