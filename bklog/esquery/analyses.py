"""Aggregations over time and by value: what to ask `bklog.elastic`, and the original's shapes of its answers.

body ─▶ aggregations of Elasticsearch ─▶ answer ─▶ {"aggs": …}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from typing import Any, Final

from bklog.elastic.reader import TIMESTAMP
from bklog.esquery.names import our_name
from bklog.esquery.question import whole_of
from bklog.esquery.times import MILLISECOND, milliseconds
from bklog.query.buckets import read_zone
from bklog.records import TimeRange
from bklog.records.timerange import EPOCH
from bklog.search.context import ALL_TIME
from bklog.search.given import Given, refuse

Shown = dict[str, Any]
BY_TIME: Final = "group_by_histogram"
TERMS_KEYS: Final = ("fields", "size", "order", "time_dimension", "interval", "begin", "sort_list")
HISTOGRAM_KEYS: Final = ("fields", "group_field", "interval", "size", "begin", "sort_list")
DEFAULT_TERMS: Final = 100
MAX_TERMS: Final = 1_000
MAX_FIELDS: Final = 20
METRICS: Final = ("avg", "max", "min", "sum", "value_count", "cardinality")
ORDERS: Final = ({"_count": "asc"}, {"_count": "desc"}, {"_key": "asc"}, {"_key": "desc"})
_AUTO: Final = (  # up to which range, the interval
    (timedelta(minutes=1), "1s"),
    (timedelta(hours=1), "1m"),
    (timedelta(hours=6), "5m"),
    (timedelta(hours=72), "1h"),
)
_FORMS: Final = {"1m": "%H:%M", "5m": "%H:%M", "1h": "%Y-%m-%d %H", "1d": "%Y-%m-%d"}
_WHOLE_FORM: Final = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True)
class Broken:
    """By which field a histogram is broken down, and which figure of another is shown for each value instead of a count."""

    field: str
    kind: str = ""
    of: str = ""


def read_terms(given: Given) -> tuple[Sequence[str], dict[str, Any]]:
    """The names as they came, and an aggregation for each. Raises BadRequest."""
    names = given.names("fields", most=MAX_FIELDS)
    size = whole_of(given, "size", DEFAULT_TERMS, least=1, most=MAX_TERMS)
    order = given.raw("order", {"_count": "desc"})
    if order not in ORDERS:
        raise refuse(f"order is {str(order)[:60]}", 'order is {"_count": "desc"}, or by _key, or asc')
    return names, {name: {"terms": {"field": our_name(name), "size": size, "order": order}} for name in names}


def show_terms(names: Sequence[str], answers: Mapping[str, Any]) -> Shown:
    found = {name: answers[name]["buckets"] if name in answers else [] for name in names}
    return {
        "aggs": {name: [[one["key"], one["doc_count"]] for one in buckets] for name, buckets in found.items()},
        "aggs_items": {name: [one["key"] for one in buckets] for name, buckets in found.items()},
    }


def read_interval(given: Given, time_range: TimeRange) -> str:
    text = given.text("interval", "auto")
    if text not in ("", "auto"):
        return text
    length = time_range.end - time_range.start - MILLISECOND
    return next((interval for most, interval in _AUTO if length <= most), "1d")


def read_broken(given: Given) -> list[Broken]:
    """`fields` of {term_filed, metric_type, metric_field}: the first key is spelled so. Raises BadRequest."""
    raw = given.raw("fields", [])
    if not isinstance(raw, list) or len(raw) > MAX_FIELDS:
        raise refuse("fields is no list, or a long one", 'fields is [{"term_filed": "level"}]')
    return [_broken(one) for one in raw]


def _broken(raw: object) -> Broken:
    of_field = Given(raw if isinstance(raw, dict) else {"term_filed": raw}, ("term_filed", "metric_type", "metric_field"))
    field, kind, of = (of_field.text(key) for key in ("term_filed", "metric_type", "metric_field"))
    if not field:
        raise refuse("a field of the histogram has no term_filed", 'fields is [{"term_filed": "level"}]')
    if kind not in ("", *METRICS) or bool(kind) != bool(of):
        hint = f"both, or none; there are {', '.join(METRICS)}"
        raise refuse(f"metric_type is {kind[:40]!r} and metric_field {of[:40]!r}", hint)
    return Broken(field, kind, of)


def histogram_body(interval: str, time_range: TimeRange, zone: str, broken: Sequence[Broken], size: int) -> dict[str, Any]:
    own: dict[str, Any] = {"field": TIMESTAMP, "interval": interval, "time_zone": zone}
    if time_range != ALL_TIME:
        last = time_range.end - MILLISECOND
        own["extended_bounds"] = {"min": milliseconds(time_range.start), "max": milliseconds(max(last, time_range.start))}
    inner = {one.field: _terms_of(one, size) for one in broken}
    return {BY_TIME: {"date_histogram": own, **({"aggs": inner} if inner else {})}}


def _terms_of(one: Broken, size: int) -> dict[str, Any]:
    terms: dict[str, Any] = {"terms": {"field": our_name(one.field), "size": size}}
    return {**terms, "aggs": {"figure": {one.kind: {"field": our_name(one.of)}}}} if one.kind else terms


def show_by_time(answers: Mapping[str, Any], interval: str, zone: str) -> Shown:
    """All buckets; inside of each those of a field by which it is broken down."""
    clocks = read_zone(zone)
    buckets = answers.get(BY_TIME, {"buckets": []})["buckets"]
    return {"aggs": {BY_TIME: {"buckets": [{**one, "key_as_string": _label(one["key"], interval, clocks)} for one in buckets]}}}


def show_by_field(answers: Mapping[str, Any], interval: str, zone: str, broken: Sequence[Broken]) -> Shown:
    """Of each field a line for each of its values."""
    buckets = show_by_time(answers, interval, zone)["aggs"][BY_TIME]["buckets"]
    labels = [one["key_as_string"] for one in buckets]
    return {"aggs": {one.field: {"labels": labels, "datasets": _datasets(one, buckets)} for one in broken}}


def _datasets(broken: Broken, buckets: Sequence[Mapping[str, Any]]) -> list[Shown]:
    lines: dict[Any, list[Shown]] = {}
    for bucket in buckets:
        for one in bucket.get(broken.field, {}).get("buckets", ()):
            count = one["doc_count"]
            value = (one["figure"]["value"] or 0) if broken.kind else count
            lines.setdefault(one["key"], []).append({"label": bucket["key_as_string"], "value": value, "count": count})
    return [{"label": key, "data": data} for key, data in lines.items()]


def _label(key: int, interval: str, zone: tzinfo) -> str:
    return f"{(EPOCH + key * MILLISECOND).astimezone(zone):{_FORMS.get(interval, _WHOLE_FORM)}}"
