"""detected_fields and their values: what the newest lines of a query have beside the labels of their streams.

query ─▶ sources with every stored field as a label ─▶ the stages ─▶ labels of the newest `line_limit` lines, each of one type

Stored fields are named without a parser, so that none is told with one; a query that parses is told what its parsers find.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bklog.errors import BadRequest, NotFound
from bklog.loki.answers import Answer
from bklog.loki.labels import NAMED, label_name, stream_labels
from bklog.loki.service import Place, read_limit
from bklog.loki.sources import NamedTables, chosen, make_sources
from bklog.loki.times import Parameters, bounds, one
from bklog.query.fields import COLUMN_KINDS
from bklog.query.logql.fields_sql import render_field_values, render_fields
from bklog.query.logql.needs import parses
from bklog.query.logql.parser import parse
from bklog.query.logql.rows import Source
from bklog.query.logql.tree import Groups, Json, Logfmt, LogQuery, Stage

DEFAULT_LINES: Final = 1_000
DEFAULT_FIELDS: Final = 1_000
MAX_FIELDS: Final = 1_000  # of the stored ones, those that the clean rules type come first


def detected_fields(parameters: Parameters, *, now: datetime, place: Place) -> Answer:
    """The cardinality is that of these lines, and approximate."""
    asked = _Asked(parameters, now, place)
    limit = asked.limit
    statement = render_fields(asked.sources, asked.query.stages, without=asked.streams, lines=asked.lines, limit=limit)
    rows = place.run(statement, asked.sources, asked.index_sets).rows
    parsers = _parsers(asked.query.stages)
    fields = [
        {"label": label, "type": kind, "cardinality": int(count), "parsers": parsers or None} for label, count, kind in rows
    ]
    return {"fields": fields, "limit": limit, "lineLimit": asked.lines, "approximate": True}


def detected_values(parameters: Parameters, name: str, *, now: datetime, place: Place) -> Answer:
    asked = _Asked(parameters, now, place)
    statement = render_field_values(asked.sources, asked.query.stages, name, lines=asked.lines, limit=asked.limit)
    rows = place.run(statement, asked.sources, asked.index_sets).rows
    return {"values": [value for (value,) in rows], "limit": asked.limit, "lineLimit": asked.lines, "approximate": True}


def patterns(parameters: Parameters, *, now: datetime, place: Place) -> Answer:
    """Loki answers so where its pattern ingester is off, which Grafana knows."""
    del parameters, now, place
    hint = "count by a field instead; detected_fields tells which there are"
    raise NotFound("patterns of lines are not found here", hint=hint, code="loki_patterns")


class _Asked:
    def __init__(self, parameters: Parameters, now: datetime, place: Place) -> None:
        start, end = bounds(parameters, now=now)
        self.query = _query(parameters)
        self.lines = read_limit(parameters, "line_limit", DEFAULT_LINES)
        self.limit = read_limit(parameters, _limit_name(parameters), DEFAULT_FIELDS)
        self.index_sets = chosen(self.query.matchers, place.index_sets)
        tables = [table for each in self.index_sets for table in each.tables]
        self.streams = {*NAMED, *stream_labels(tables)}
        stored = () if parses(self.query.stages) else _stored(self.index_sets, place)
        self.sources: Sequence[Source] = make_sources(
            self.query, self.index_sets, start=start, end=end, catalogue=place.catalogue, grouped_by=stored
        )


def _query(parameters: Parameters) -> LogQuery:
    text = one(parameters, "query").strip()
    expression = parse(text) if text and text != "{}" else LogQuery(())
    if not isinstance(expression, LogQuery):
        hint = 'query={index_set="…"}, and the stages of a query of lines'
        raise BadRequest("fields are found in lines, not in a metric", hint=hint, code="loki_parameter")
    return expression


def _limit_name(parameters: Parameters) -> str:
    """As it was called before."""
    return "field_limit" if "field_limit" in parameters else "limit"


def _stored(index_sets: Sequence[NamedTables], place: Place) -> list[str]:
    """Every field that rows of these index sets have, by the name that a query gives it."""
    known = place.catalogue.describe_all([table for each in index_sets for table in each.tables])
    paths = [*(path for table in known for path in table.types), *(path for table in known for path in sorted(table.paths))]
    names = dict.fromkeys(label_name(path) for path in paths if path not in COLUMN_KINDS)
    return list(names)[:MAX_FIELDS]


def _parsers(stages: Sequence[Stage]) -> list[str]:
    found = {Json: "json", Logfmt: "logfmt", Groups: "regexp"}
    return list(dict.fromkeys(found[type(stage)] for stage in stages if isinstance(stage, Json | Logfmt | Groups)))
