"""table: the rows of a query as the steps after its `|` make them; with types, and what a chart would draw.

text ─▶ Piped ─ query ─▶ Question ─ steps ─▶ Table ─▶ one statement ─▶ columns, rows
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any, Final

from bklog.errors import QuerySyntax
from bklog.query import MAX_ROWS
from bklog.query.buckets import read_zone
from bklog.query.pipe.planning import Around, names_of_rows, plan_table
from bklog.query.pipe.reader import parse_piped, read_piped
from bklog.query.pipe.steps import Piped
from bklog.query.pipe.table import Column, Table, Type
from bklog.query.repair import proposing, repair
from bklog.records import Rows
from bklog.search.given import Given
from bklog.search.question import KEYS, Answer, Question, Searched, asked_by
from bklog.search.request import SearchRequest

DEFAULT_ROWS: Final = 1_000


def table(raw: Mapping[str, Any], *, now: datetime, searched: Searched) -> Answer:
    """Raises QuerySyntax and BadRequest as a search does; places are those of the whole text."""
    given = Given(raw, (*KEYS, "limit", "zone", "explain"))
    limit = given.whole("limit", DEFAULT_ROWS, least=1, most=MAX_ROWS)
    zone = read_zone(given.text("zone", "UTC"))
    planned = plan_piped(asked_by(given, now=now), searched, zone=zone, limit=limit)
    shown = {"query": str(planned.piped)}
    try:
        return planned.question.ask_or_explain(given, planned.output, lambda rows: {**shown, **_shape(rows, planned.output)})
    except QuerySyntax as error:
        raise with_steps(error, given.text("query"), planned.piped) from error


@dataclass(frozen=True, slots=True)
class Planned:
    piped: Piped
    question: Question
    output: Table


def plan_piped(request: SearchRequest, searched: Searched, *, zone: tzinfo, limit: int = DEFAULT_ROWS) -> Planned:
    """What a text means whose query steps follow, without asking for a row. Raises QuerySyntax, and BadRequest."""
    text = request.query
    piped = read_piped(text)
    try:
        question = Question(replace(request, query=text[: piped.place]), names_of_rows(piped), searched)
        around = Around(question.known, question.start, question.end, zone, is_masked=bool(searched.masking))
        return Planned(piped, question, _plan(text, piped, around, limit))
    except QuerySyntax as error:
        raise with_steps(error, text, piped) from error


def _plan(text: str, piped: Piped, around: Around, limit: int) -> Table:
    try:
        return plan_table(piped, around, limit)
    except QuerySyntax as error:
        raise proposing(error, repair(text, error, parse_piped) if error.edit else "") from error


def with_steps(error: QuerySyntax, text: str, piped: Piped) -> QuerySyntax:
    """What repairs the query alone is followed by the steps again."""
    if not error.repair or error.span.start >= piped.place or not piped.steps or "|" in error.repair:
        return error
    return proposing(error, f"{error.repair} {text[piped.place :]}")


def _shape(rows: Rows, output: Table) -> Answer:
    readers = [_READERS.get(column.type) for column in output.shown]
    found = [_row(row, readers) for row in rows.rows[: output.limit]]
    columns = [{"name": column.name, "type": column.type.value} for column in output.shown]
    return {"columns": columns, "rows": found, "more": len(rows.rows) > output.limit, "chart": _chart(output.shown)}


def _row(row: Sequence[Any], readers: Sequence[Callable[[Any], Any] | None]) -> list[Any]:
    return [value if value is None or read is None else read(value) for value, read in zip(row, readers, strict=True)]


_READERS: Final[Mapping[Type, Callable[[Any], Any]]] = {Type.INTEGER: int, Type.OBJECT: json.loads, Type.NUMBER: float}


def _chart(columns: Sequence[Column]) -> Answer | None:
    """How to draw the table over time; None where it is none."""
    time = next((column for column in columns if column.interval), None)
    values = [column.name for column in columns if column.is_number]
    if time is None or not values:
        return None
    series = [column.name for column in columns if column.type is Type.TEXT]
    return {"time": time.name, "interval": time.interval, "series": series, "values": values}
