"""date_histogram: rows over time, and of each of a field's most frequent values.

All buckets of the range are there, also empty ones; they are whole, so that the first and the last may reach beyond the range,
in which alone rows are counted: the counts add up to what a search of the same query and range counts. Where that takes long,
they are those of slices of the range, summed (`sliced`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

from bklog.query.buckets import DEFAULT_BUCKETS, MAX_BUCKETS, edges, read_interval, read_zone
from bklog.query.outputs import Histogram
from bklog.records import Rows
from bklog.records.timerange import EPOCH
from bklog.search.given import Given
from bklog.search.merged import MergedSeries
from bklog.search.question import KEYS, Answer, Question, Searched
from bklog.search.sliced import BUDGET, Asked, OneStatement, Sliced, budget_of

DEFAULT_SERIES: Final = 10
MAX_SERIES: Final = 100


SLICE_SERIES: Final = 1_000  # values that a slice is asked for: with more, they are only nearly the most frequent


def date_histogram(raw: Mapping[str, Any], *, now: datetime, searched: Searched) -> Answer:
    """Raises BadRequest: `interval`, `zone`, and as a search does."""
    return asked_histogram(raw, now=now, searched=searched).answer()


def asked_histogram(raw: Mapping[str, Any], *, now: datetime, searched: Searched) -> Asked:
    given = Given(raw, (*KEYS, BUDGET, "interval", "buckets", "zone", "field", "limit", "explain"))
    name, zone, budget = given.text("field"), read_zone(given.text("zone", "UTC")), budget_of(given)
    question = Question.read(given, *filter(None, [name]), now=now, searched=searched)
    buckets = given.whole("buckets", DEFAULT_BUCKETS, least=1, most=MAX_BUCKETS)
    interval = read_interval(given.text("interval", "auto"), start=question.start, end=question.end, buckets=buckets)
    output = Histogram(
        edges(interval, start=question.start, end=question.end, zone=zone),
        question.field(name) if name else None,
        given.whole("limit", DEFAULT_SERIES, least=1, most=MAX_SERIES),
    )
    if given.flag("explain"):
        return OneStatement(lambda: question.explained(output))
    about = {"interval": str(interval), "zone": given.text("zone", "UTC"), "approximate": False}
    of_a_slice = replace(output, limit=SLICE_SERIES)
    merging = MergedSeries(limit=output.limit, slice_limit=SLICE_SERIES)
    return Sliced(question, output, of_a_slice, merging, lambda rows: {**about, **_shape(rows, output, zone)}, budget)


def _shape(rows: Rows, output: Histogram, zone: tzinfo) -> Answer:
    starts = output.edges[:-1]
    numbers = {edge: number for number, edge in enumerate(starts)}
    empty = [0] * len(starts)
    series: dict[int, tuple[str, list[int]]] = {}
    for place, shown, _, buckets, counts in rows.rows:
        spread = list(empty)
        for bucket, n in zip(buckets, counts, strict=True):
            spread[int(bucket) if output.width else numbers[int(bucket)]] = int(n)
        series[int(place)] = (shown, spread)
    totals = [sum(column) for column in zip(*(counts for _, counts in series.values()), strict=True)] or empty
    texts = [_iso(edge, zone) for edge in output.edges]
    buckets = [{"start": texts[place], "end": texts[place + 1], "count": n} for place, n in enumerate(totals)]
    content: Answer = {"total": sum(totals), "buckets": buckets}
    return content | (_broken_down(output, series, empty) if output.field else {})


def _broken_down(output: Histogram, series: Mapping[int, tuple[str, list[int]]], empty: Sequence[int]) -> Answer:
    def counted(place: int) -> Answer:
        counts = series[place][1] if place in series else list(empty)
        return {"count": sum(counts), "counts": counts}

    shown = [{"key": key, **counted(place)} for place, (key, _) in series.items() if 0 < place <= output.limit]
    field = output.field.name if output.field else ""
    return {"field": field, "series": shown, "other": counted(output.limit + 1), "missing": counted(0)}


def _iso(nanoseconds: int, zone: tzinfo) -> str:
    moment = (EPOCH + timedelta(microseconds=nanoseconds // 1000)).astimezone(zone)
    return moment.isoformat().replace("+00:00", "Z")
