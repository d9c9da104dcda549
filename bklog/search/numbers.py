"""numbers, statistics: what the numbers of a field amount to, and all that is worth knowing of one field.

Numbers that stand in text count as numbers; what reads as none is counted beside them. A percentile is a value that occurs.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from bklog.errors import BadRequest
from bklog.query.outputs import Numbers
from bklog.records import Rows
from bklog.search.given import Given
from bklog.search.question import KEYS, Answer, Question, Searched
from bklog.search.terms import DEFAULT_TERMS, MAX_TERMS, shape_values, value_output

DEFAULT_PERCENTILES: Final = (50, 90, 95, 99)
MAX_PERCENTILES: Final = 20


def numbers(raw: Mapping[str, Any], *, now: datetime, searched: Searched) -> Answer:
    """Raises BadRequest: `percentiles`, and as a search does."""
    given = Given(raw, (*KEYS, "field", "percentiles", "approximate", "explain"))
    name = given.text("field")
    question = Question.read(given, name, now=now, searched=searched)
    output = Numbers(question.field(name), _percentiles(given), is_exact=not given.flag("approximate"), has_ends=False)
    return question.ask_or_explain(given, output, lambda rows: {"field": name, **_shape(rows, output)})


def statistics(raw: Mapping[str, Any], *, now: datetime, searched: Searched) -> Answer:
    """Of a field: how many rows have it, distinct and most frequent values, the first and last of them, its numbers."""
    given = Given(raw, (*KEYS, "field", "limit", "percentiles", "approximate"))
    name, approximate = given.text("field"), given.flag("approximate")
    question = Question.read(given, name, now=now, searched=searched)
    field = question.field(name)
    limit = given.whole("limit", DEFAULT_TERMS, least=1, most=MAX_TERMS)
    values = value_output(field, limit, "", approximate=approximate)
    amounts = Numbers(field, _percentiles(given), is_exact=not approximate, has_ends=True)
    found = shape_values(question.ask(values), values)
    rows = question.ask(amounts)
    ends = {"first": rows.rows[0][-2], "last": rows.rows[0][-1]} if found["distinct"]["value"] else None
    shown = {key: found[key] for key in ("total", "missing", "distinct", "buckets", "other", "approximate")}
    return question.answer({"field": name, **shown, "ends": ends, "numbers": _shape(rows, amounts)})


def _shape(rows: Rows, output: Numbers) -> Answer:
    total, lost, count, least, most, mean, summed, quantiles = rows.rows[0][:8]
    counts = {"total": int(total), "missing": int(lost), "count": int(count), "not_numbers": int(total - lost - count)}
    if not count:
        return {**counts, **dict.fromkeys(("min", "max", "avg", "sum", "percentiles"))}
    values = dict(zip(map(_name, output.percentiles), quantiles, strict=True))
    amounts = {"min": least, "max": most, "avg": mean, "sum": _number(summed)}
    return {**counts, **amounts, "percentiles": {"values": values, "approximate": not output.is_exact}}


def _number(text: str) -> int | float:
    """Sums of whole numbers are exact, beyond the engine's 64 bits too: they come as text."""
    try:
        return int(text)
    except ValueError:
        return float(text)


def _name(percentile: float) -> str:
    return f"{percentile:g}"


def _percentiles(given: Given) -> tuple[float, ...]:
    if "percentiles" not in given:
        return DEFAULT_PERCENTILES
    found = given.items("percentiles", int, float, most=MAX_PERCENTILES, example="[50, 99.9]")
    if not all(0 <= one <= 100 for one in found):
        raise BadRequest(f"the percentiles are {list(found)}", hint="each is from 0 to 100", code="percentiles")
    return tuple(dict.fromkeys(found))
