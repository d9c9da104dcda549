"""The key `aggs` of a search -> Agg: a tree of bucket aggregations with metrics, all checked before anything is asked.

{"2": {"terms": {"field": "level"}, "aggs": {"1": {"avg": {"field": "ms"}}}}} ─▶ Agg("2", ByTerm(…), (Agg("1", Metric(…)),))
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any, Final

from bklog.elastic.buckets import Buckets, ByFilter, ByNumber, ByTerm, ByTime
from bklog.elastic.dates import COUNTS, DATES, Clock, read_formats
from bklog.elastic.dsl import read_query
from bklog.elastic.hits import HitForm, read_hit_form
from bklog.elastic.intervals import calendar_key, fixed_key, fixed_width, is_calendar
from bklog.elastic.keys import Keys, illegal, items, real_of, single, whole, wrong
from bklog.elastic.metrics import MEASURES, Metric, read_metric
from bklog.elastic.reader import field_name
from bklog.elastic.view import View
from bklog.query.buckets import read_zone
from bklog.query.outputs import Field
from bklog.query.plan import FilterKey, NumberKey, Ranking, TermKey
from bklog.query.tree import Bound, Exists, Node, Not, Range, Term

MAX_AGGREGATIONS: Final = 100
MAX_DEPTH: Final = 6
MAX_TERMS: Final = 9_000
MAX_TOP_HITS: Final = 100
DEFAULT_TERMS: Final = 10
DEFAULT_TOP_HITS: Final = 3
_ORDER_BY: Final = re.compile(r"(?P<name>[^\[\].>]{1,200})(?:\.(?P<part>[^\[\]>]{1,40})|\[(?P<inside>[^\[\]>]{1,40})\])?")


@dataclass(frozen=True, slots=True)
class TopHits:
    """The first rows of each group, as hits."""

    size: int
    skipped: int
    form: HitForm


@dataclass(frozen=True, slots=True)
class Agg:
    name: str
    kind: Metric | TopHits | Buckets
    inner: tuple[Agg, ...] = ()
    meta: Mapping[str, Any] | None = None


@dataclass(slots=True)
class AggReader:
    """`extent` says from when to when the rows of the query are, in nanoseconds, where it has no range itself."""

    view: View
    clock: Clock
    extent: Callable[[], tuple[int, int]]
    count: int = 0

    def read(self, raw: object, depth: int = 1) -> tuple[Agg, ...]:
        """Raises BadRequest."""
        if not isinstance(raw, Mapping):
            raise wrong("[aggs] is no object")
        self.count += len(raw)
        if depth > MAX_DEPTH or self.count > MAX_AGGREGATIONS:
            raise illegal(f"there are more than {MAX_AGGREGATIONS} aggregations, or more than {MAX_DEPTH} inside each other")
        return tuple(self._one(whole(str(name)), body, depth) for name, body in raw.items())

    def _one(self, name: str, body: object, depth: int) -> Agg:
        given = dict(body) if isinstance(body, Mapping) else {}
        inner = self.read(given.pop("aggs", given.pop("aggregations", {})), depth + 1)
        meta = given.pop("meta", None)
        kind, own = single(given, f"aggregation {name[:60]}")
        if kind in MEASURES or kind == "top_hits":
            if inner:
                raise wrong(f"the aggregation [{name[:60]}] of type [{kind}] cannot hold others")
            return Agg(name, self._top_hits(own) if kind == "top_hits" else read_metric(kind, own, self.view.field), (), meta)
        read = BUCKETS.get(kind)
        if read is None:
            known = ", ".join(sorted((*BUCKETS, *MEASURES, "top_hits")))
            raise wrong(f"the aggregation [{kind[:60]}] is not supported", f"there are {known}")
        return Agg(name, read(self, own, inner), inner, meta)

    def node(self, raw: object) -> Node:
        return read_query(raw, clock=self.clock, is_text=self.view.is_text)

    def field(self, given: Keys) -> Field:
        return self.view.field(field_name(given.text("field")))

    def _top_hits(self, body: object) -> TopHits:
        form, given = read_hit_form(body, ("size", "from"), "top_hits", is_sorted=False)
        size = given.number("size", DEFAULT_TOP_HITS, least=0, most=MAX_TOP_HITS)
        return TopHits(size, given.number("from", 0, least=0, most=MAX_TOP_HITS - size), form)


def _terms(reader: AggReader, body: Any, inner: tuple[Agg, ...]) -> Buckets:
    known = ("field", "size", "order", "missing", "min_doc_count", "shard_size", "show_term_doc_count_error", "execution_hint")
    given = Keys(body, known, "terms")
    missing = given.value("missing") if "missing" in given else None
    return ByTerm(
        TermKey(reader.field(given), missing),
        given.number("size", DEFAULT_TERMS, least=1, most=MAX_TERMS),
        tuple(_ranking(one, inner) for one in items(given.raw("order", {"_count": "desc"}))),
        given.number("min_doc_count", 1, least=1, most=2**53),
        bool(reader.view.masking),
    )


def _ranking(raw: object, inner: Sequence[Agg]) -> Ranking:
    by, direction = single(raw, "order")
    descending = _is_descending(direction)
    if by in ("_count", "_key", "_term"):
        return Ranking("size" if by == "_count" else "key", descending)
    found = _ORDER_BY.fullmatch(by)
    start = 0
    for agg in inner:
        if isinstance(agg.kind, Metric):
            if found and agg.name == found["name"]:
                figure, place = agg.kind.place_of(found["part"] or found["inside"] or "")
                return Ranking("figure", descending, start + figure, place)
            start += len(agg.kind.figures)
    raise illegal(f"buckets cannot be ordered by [{by[:60]}]", "order by _count, _key, or a metric directly inside")


def _is_descending(direction: object) -> bool:
    if not isinstance(direction, str) or direction.lower() not in ("asc", "desc"):
        raise wrong("an order is asc or desc")
    return direction.lower() == "desc"


def _date_histogram(reader: AggReader, body: Any, inner: tuple[Agg, ...]) -> Buckets:
    known = (
        "field", "fixed_interval", "calendar_interval", "interval", "time_zone", "min_doc_count", "extended_bounds", "format",
        "order", "offset", "keyed", "missing",
    )  # fmt: skip
    given = Keys(body, known, "date_histogram")
    if field_name(given.text("field")) != "time":
        raise illegal(f"a date_histogram is made of @timestamp, not of [{given.text('field')[:60]}]")
    given.only("keyed", False)
    given.only("offset", "", "0", "0s", "0ms", 0)
    zone = read_zone(given.text("time_zone", "UTC"))
    formats = read_formats(given.text("format")) if "format" in given else ()
    clock = replace(reader.clock, zone=zone, formats=formats)
    bounds = Keys(given.raw("extended_bounds", {}), ("min", "max"), "extended_bounds")
    first, last = (clock.read(bounds.raw(end)).start if end in bounds else None for end in ("min", "max"))
    start, end = reader.extent()
    reach = {
        "start": min(start, first if first is not None else start),
        "end": max(end, (last if last is not None else start) + 1),
    }
    order, direction = single(given.raw("order", {"_key": "asc"}), "order")
    if order not in ("_key", "_time"):
        raise illegal("the buckets of a date_histogram are ordered by _key")
    return ByTime(
        _interval(given)(**reach, zone=zone),
        UTC if formats and formats[0] in COUNTS else zone,
        formats[0] if formats else DATES[0],
        given.number("min_doc_count", 0, least=0, most=2**53),
        first,
        last,
        _is_descending(direction),
    )


def _interval(given: Keys) -> Callable[..., Any]:
    named = [key for key in ("fixed_interval", "calendar_interval", "interval") if key in given]
    if len(named) != 1:
        raise wrong("a [date_histogram] needs one interval", 'write "fixed_interval": "1m", or "calendar_interval": "1d"')
    text = given.text(named[0])
    if named[0] == "calendar_interval" and not is_calendar(text):
        raise illegal(f"the calendar_interval [{text[:40]}] cannot be read", "write 1m, 1h, 1d, 1w, 1M, 1q or 1y")
    if named[0] != "fixed_interval" and is_calendar(text):
        return lambda **reach: calendar_key(text, **reach)
    width = fixed_width(text)
    return lambda **reach: fixed_key(width, **reach)


def _histogram(reader: AggReader, body: Any, inner: tuple[Agg, ...]) -> Buckets:
    given = Keys(body, ("field", "interval", "offset", "min_doc_count", "extended_bounds", "keyed"), "histogram")
    given.only("keyed", False)
    bounds = Keys(given.raw("extended_bounds", {}), ("min", "max"), "extended_bounds")
    first, last = (bounds.real(end) if end in bounds else None for end in ("min", "max"))
    interval = given.real("interval")
    if interval <= 0:
        raise illegal("[interval] must be above 0")
    key = NumberKey(reader.field(given), interval, given.real("offset", 0.0))
    return ByNumber(key, given.number("min_doc_count", 0, least=0, most=2**53), first, last)


def _filter_key(reader: AggReader, nodes: Sequence[Node]) -> FilterKey:
    return FilterKey(tuple(reader.view.predicates(node) for node in nodes))


def _filter(reader: AggReader, body: Any, inner: tuple[Agg, ...]) -> Buckets:
    return ByFilter(_filter_key(reader, [reader.node(body)]), ({},), is_single=True)


def _filters(reader: AggReader, body: Any, inner: tuple[Agg, ...]) -> Buckets:
    given = Keys(body, ("filters", "other_bucket", "keyed"), "filters")
    given.only("other_bucket", False)
    given.only("keyed", True)
    raw = given.raw("filters")
    if not raw or not isinstance(raw, list | Mapping):
        raise wrong("[filters] needs at least one filter")
    names = tuple(whole(str(name)) for name in raw) if isinstance(raw, Mapping) else None
    nodes = [reader.node(one) for one in (raw.values() if isinstance(raw, Mapping) else raw)]
    return ByFilter(_filter_key(reader, nodes), ({},) * len(nodes), names)


def _missing(reader: AggReader, body: Any, inner: tuple[Agg, ...]) -> Buckets:
    name = field_name(Keys(body, ("field",), "missing").text("field"))
    return ByFilter(_filter_key(reader, [Not(Exists(name))]), ({},), is_single=True)


def _range(reader: AggReader, body: Any, inner: tuple[Agg, ...]) -> Buckets:
    given = Keys(body, ("field", "ranges", "keyed"), "range")
    name = field_name(given.text("field"))
    ranges = [Keys(one, ("from", "to", "key"), "ranges") for one in items(given.raw("ranges"))]
    if not ranges:
        raise wrong("[range] needs [ranges]")
    found = [{end: real_of(one.raw(end), end) for end in ("from", "to") if end in one} for one in ranges]
    nodes = [_between(name, ends) for ends in found]
    named = zip(ranges, found, strict=True)
    keys = tuple(one.text("key") if "key" in one else f"{ends.get('from', '*')}-{ends.get('to', '*')}" for one, ends in named)
    is_keyed = given.flag("keyed", default=False)
    labels = tuple(ends if is_keyed else {"key": key, **ends} for key, ends in zip(keys, found, strict=True))
    return ByFilter(_filter_key(reader, nodes), labels, keys if is_keyed else None)


def _between(name: str, ends: Mapping[str, float]) -> Node:
    if not ends:
        return Exists(name)
    low = Bound(repr(ends["from"]), inclusive=True) if "from" in ends else None
    high = Bound(repr(ends["to"]), inclusive=False) if "to" in ends else None
    return Term(Range(low, high), name)


BUCKETS: Final[Mapping[str, Callable[[AggReader, Any, tuple[Agg, ...]], Buckets]]] = {
    "terms": _terms,
    "date_histogram": _date_histogram,
    "histogram": _histogram,
    "filter": _filter,
    "filters": _filters,
    "missing": _missing,
    "range": _range,
}
