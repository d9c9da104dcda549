"""What rows amount to: aggs/terms, aggs/date_histogram, of one index set or several, and the statistics of a field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from bklog.api.original import Call, answering
from bklog.api.requests import by_method
from bklog.collect.searchable import Searchable
from bklog.esquery import statistics
from bklog.esquery.analyses import (
    DEFAULT_TERMS,
    HISTOGRAM_KEYS,
    MAX_TERMS,
    TERMS_KEYS,
    Broken,
    histogram_body,
    read_broken,
    read_interval,
    read_terms,
    show_by_field,
    show_by_time,
    show_terms,
)
from bklog.esquery.question import COMMON_KEYS, Asked, read_ids, read_question, whole_of
from bklog.search.given import Given

Data = dict[str, Any]
IDS: Final = "index_set_ids"
ALL_DAYS: Final = -1


def _asked(call: Call, sets: Sequence[Searchable], asked: Asked, aggs: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """How many rows match, and the answers; none where no table is."""
    body = {"query": asked.in_elastic, "size": 0, "track_total_hits": True, **({"aggs": aggs} if aggs else {})}
    with call.let_in(sets, asked.typed, asked.query):
        found = call.elastic(body, call.indexes(sets, asked))
    return int(found["hits"]["total"]["value"]), dict(found.get("aggregations", {}))


@answering("terms")
def terms(call: Call, index_set_id: int) -> Data:
    given = Given(call.body, (*COMMON_KEYS, *TERMS_KEYS))
    return _terms(call, given, [call.one_set(index_set_id)])


@answering("union_terms")
def union_terms(call: Call) -> Data:
    given = Given(call.body, (*COMMON_KEYS, *TERMS_KEYS, IDS))
    return _terms(call, given, call.sets(read_ids(given.raw(IDS, []), IDS)))


def _terms(call: Call, given: Given, sets: Sequence[Searchable]) -> Data:
    names, aggs = read_terms(given)
    days = whole_of(given, "time_dimension", 1, least=ALL_DAYS, most=3_650)
    body = {**call.body, "use_time_range": False} if days == ALL_DAYS else call.body
    asked = read_question(Given(body, tuple(body)), now=call.now, zone=call.zone, usual=timedelta(days=max(1, days)))
    _, found = _asked(call, sets, asked, aggs)
    return show_terms(names, found)


@answering("date_histogram")
def date_histogram(call: Call, index_set_id: int) -> Data:
    given = Given(call.body, (*COMMON_KEYS, *HISTOGRAM_KEYS))
    return _histogram(call, given, [call.one_set(index_set_id)])


@answering("union_date_histogram")
def union_date_histogram(call: Call) -> Data:
    given = Given(call.body, (*COMMON_KEYS, *HISTOGRAM_KEYS, IDS, "union_configs"))
    return _histogram(call, given, call.sets(read_ids(given.raw(IDS, []), IDS)))


def _histogram(call: Call, given: Given, sets: Sequence[Searchable]) -> Data:
    asked = read_question(given, now=call.now, zone=call.zone)
    interval, fields, group = read_interval(given, asked.time_range), read_broken(given), given.text("group_field")
    size = whole_of(given, "size", DEFAULT_TERMS, least=0, most=MAX_TERMS) or DEFAULT_TERMS
    broken = [*fields, *([Broken(group)] if group else [])]
    _, found = _asked(call, sets, asked, histogram_body(interval, asked.time_range, asked.zone, broken, size))
    return show_by_field(found, interval, asked.zone, fields) if fields else show_by_time(found, interval, asked.zone)


@answering("statistics_total")
def total(call: Call) -> Data:
    _, sets, asked = _of_sets(call)
    count, _ = _asked(call, sets, asked, {})
    return {"total_count": count}


@answering("statistics_info")
def info(call: Call) -> Data:
    given, sets, asked = _of_sets(call)
    count, found = _asked(call, sets, asked, statistics.info_body(statistics.read_field(given), given.text("field_type")))
    return statistics.show_info(count, found)


@answering("topk")
def topk(call: Call) -> Data:
    given, sets, asked = _of_sets(call)
    limit = whole_of(given, "limit", statistics.DEFAULT_TOP, least=1, most=statistics.MAX_TOP)
    count, found = _asked(call, sets, asked, statistics.top_body(statistics.read_field(given), limit))
    return statistics.show_top(given.text("agg_field"), limit, count, found)


def _of_sets(call: Call) -> tuple[Given, list[Searchable], Asked]:
    given = Given(call.body, (*COMMON_KEYS, *statistics.KEYS))
    return given, call.sets(read_ids(given.raw(IDS, []), IDS)), read_question(given, now=call.now, zone=call.zone)


terms_of_one = by_method(POST=terms)
terms_of_several = by_method(POST=union_terms)
histogram_of_one = by_method(POST=date_histogram)
histogram_of_several = by_method(POST=union_date_histogram)
totals = by_method(POST=total)
infos = by_method(POST=info)
topks = by_method(POST=topk)
