"""labels, values, series, stats, volume, detected labels: what there is to ask for, and how much of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bklog.errors import BadRequest
from bklog.loki import service
from bklog.loki.answers import Answer
from bklog.loki.labels import INDEX_SET, NAMED, stream_labels
from bklog.loki.service import Place
from bklog.loki.sources import NamedTables, chosen, make_sources
from bklog.loki.times import Parameters, bounds, one, steps
from bklog.query.logql.entries_sql import render_amounts, render_cardinalities, render_label_sets, render_label_values
from bklog.query.logql.parser import parse, parse_selector
from bklog.query.logql.tree import Grouping, LogQuery, Matcher, RangeAggregation, VectorAggregation

MAX_VALUES: Final = 10_000
MAX_SERIES: Final = 5_000


def labels(parameters: Parameters, *, now: datetime, place: Place) -> Answer:
    """The names that rows can have; which of them have a value, `values` tells."""
    bounds(parameters, now=now)
    found = chosen(_selector(parameters, "query"), place.index_sets)
    names = sorted({*NAMED, *(name for each in found for name in stream_labels(each.tables))}) if found else []
    return {"status": "success", "data": names}


def values(parameters: Parameters, name: str, *, now: datetime, place: Place) -> Answer:
    start, end = bounds(parameters, now=now)
    matchers = _selector(parameters, "query")
    found = chosen(matchers, place.index_sets)
    if name in NAMED and not [matcher for matcher in matchers if matcher.name not in NAMED]:
        return {"status": "success", "data": _names(name, found)}
    query = LogQuery(matchers)
    sources = make_sources(query, found, start=start, end=end, catalogue=place.catalogue, labels=(name,), grouped_by=(name,))
    rows = place.run(render_label_values(sources, name, limit=MAX_VALUES), sources, found)
    return {"status": "success", "data": [value for (value,) in rows.rows]}


def _names(name: str, found: Sequence[NamedTables]) -> list[str]:
    if name == INDEX_SET:
        return sorted(each.name for each in found)
    return sorted({collector for each in found for collector, _ in each.collectors})


def series(parameters: Parameters, *, now: datetime, place: Place) -> Answer:
    start, end = bounds(parameters, now=now)
    texts = [*parameters.get("match[]", ()), *parameters.get("match", ())]
    if not texts:
        raise BadRequest("no match[] parameter provided", hint='match[]={index_set="…"}', code="loki_parameter")
    sets: dict[tuple[tuple[str, str], ...], None] = {}
    for text in texts[:20]:
        query = LogQuery(parse_selector(text))
        found = chosen(query.matchers, place.index_sets)
        sources = make_sources(query, found, start=start, end=end, catalogue=place.catalogue)
        rows = place.run(render_label_sets(sources, limit=MAX_SERIES), sources, found)
        sets |= {tuple(sorted(one_set.items())): None for (one_set,) in rows.rows}
    return {"status": "success", "data": [dict(one_set) for one_set in sets]}


def stats(parameters: Parameters, *, now: datetime, place: Place) -> Answer:
    """Streams are counted approximately; a chunk is a collector's table."""
    start, end = bounds(parameters, now=now)
    query = LogQuery(parse_selector(one(parameters, "query")))
    found = chosen(query.matchers, place.index_sets)
    sources = make_sources(query, found, start=start, end=end, catalogue=place.catalogue)
    rows = place.run(render_amounts(sources), sources, found).rows
    streams, lines, size = rows[0] if rows else (0, 0, 0)
    tables = sum(len(each.tables) for each in found)
    return {"streams": int(streams), "chunks": tables, "entries": int(lines), "bytes": int(size)}


def volume(parameters: Parameters, *, now: datetime, place: Place) -> Answer:
    """Bytes of each series of the target labels, the largest first."""
    start, end = bounds(parameters, now=now)
    expression = _volume_query(parameters, max(1, end - start))
    found = service.query({"query": [str(expression)], "time": [str(end)]}, now=now, place=place)
    found["data"]["result"].sort(key=lambda each: -float(each["value"][1]))
    return found


def volume_range(parameters: Parameters, *, now: datetime, place: Place) -> Answer:
    start, end = bounds(parameters, now=now)
    step = steps(parameters, start, end).step
    expression = _volume_query(parameters, step)
    asked = {"query": [str(expression)], "start": [str(start)], "end": [str(end)], "step": [f"{step}ns"]}
    return service.query_range(asked, now=now, place=place)


def _volume_query(parameters: Parameters, width: int) -> VectorAggregation:
    if one(parameters, "aggregateBy", "series") != "series":
        raise BadRequest("aggregateBy is only series here", hint="leave it out", code="loki_parameter")
    expression = parse(one(parameters, "query"))
    if not isinstance(expression, LogQuery):
        raise BadRequest("the volume is asked of a selector", hint='query={index_set="…"}', code="loki_parameter")
    targets = tuple(name for name in one(parameters, "targetLabels").split(",") if name)
    names = targets or tuple(dict.fromkeys(matcher.name for matcher in expression.matchers))
    summed = VectorAggregation("sum", RangeAggregation("bytes_over_time", expression, width), Grouping(names))
    return VectorAggregation("topk", summed, parameter=service.read_limit(parameters))


def detected_labels(parameters: Parameters, *, now: datetime, place: Place) -> Answer:
    start, end = bounds(parameters, now=now)
    query = LogQuery(_selector(parameters, "query"))
    found = chosen(query.matchers, place.index_sets)
    sources = make_sources(query, found, start=start, end=end, catalogue=place.catalogue)
    rows = place.run(render_cardinalities(sources, limit=MAX_VALUES), sources, found).rows
    return {"detectedLabels": [{"label": name, "cardinality": int(count)} for name, count in rows]}


def _selector(parameters: Parameters, name: str) -> tuple[Matcher, ...]:
    text = one(parameters, name).strip()
    return parse_selector(text) if text and text != "{}" else ()
