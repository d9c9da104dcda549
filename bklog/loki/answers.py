"""Rows of the store -> Loki's shapes: streams, matrix, vector."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from bklog.errors import BadRequest
from bklog.query.logql.samples_sql import MAX_SAMPLE_SERIES, Times
from bklog.query.logql.tree import quote
from bklog.query.logql.units import SECOND
from bklog.records import Rows

Answer = dict[str, Any]
Series = list[tuple[dict[str, str], list[int], list[str]]]
_UNUSUAL: Final = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}


def streams(rows: Rows) -> list[Answer]:
    """One pass over a page: lines of the same labels together, each stream in the order of the page."""
    found: dict[tuple[tuple[str, str], ...], Answer] = {}
    for nanoseconds, line, labels in rows.rows:
        key = tuple(sorted(labels.items()))
        stream = found.setdefault(key, {"stream": dict(key), "values": []})
        stream["values"].append([str(nanoseconds), line])
    return list(found.values())


def read_series(rows: Rows) -> Series:
    """Raises BadRequest: more series than are answered, or a sample that was made of what could not be read."""
    for labels, _, _, failure in rows.rows:
        if failure:
            raise BadRequest(_pipeline_error(failure, labels), hint="", code="loki_pipeline")
    if len(rows.rows) > MAX_SAMPLE_SERIES:
        message = f"maximum of series ({MAX_SAMPLE_SERIES}) reached for a single query"
        raise BadRequest(message, hint="sum by fewer labels, or narrow the selector", code="loki_series")
    return [(dict(labels), list(places), list(values)) for labels, places, values, _ in rows.rows]


def _pipeline_error(failure: str, labels: dict[str, str]) -> str:
    series = ", ".join(f"{name}={quote(value)}" for name, value in labels.items())
    return (
        f"pipeline error: '{failure}' for series: '{{{series}}}'.\n"
        f'Use a label filter to intentionally skip this error. (e.g | __error__!="{failure}").\n'
        'To skip all potential errors you can match empty errors.(e.g __error__="")'
    )


def matrix(series: Series, times: Times) -> list[Answer]:
    moments = [_seconds(times.start + place * times.step) for place in range(times.count)]
    return [
        {"metric": labels, "values": [[moments[int(i)], _number(value)] for i, value in zip(places, values, strict=True)]}
        for labels, places, values in series
    ]


def vector(series: Series, moment: int) -> list[Answer]:
    return [{"metric": labels, "value": [_seconds(moment), _number(values[0])]} for labels, _, values in series]


def constant(value: float, times: Times) -> Series:
    return [({}, list(range(times.count)), [_text(value)] * times.count)]


def scalar(value: float, moment: int) -> list[Any]:
    return [_seconds(moment), _number(_text(value))]


def succeeded(kind: str, result: Sequence[Any], answers: Iterable[Rows], *, entries: int = 0) -> Answer:
    return {"status": "success", "data": {"resultType": kind, "result": result, "stats": _statistics(answers, entries)}}


def _statistics(answers: Iterable[Rows], entries: int) -> Answer:
    found = list(answers)
    seconds = sum(rows.seconds for rows in found)
    size, lines = sum(rows.bytes_read for rows in found), sum(rows.rows_read for rows in found)
    summary = {
        "bytesProcessedPerSecond": round(size / seconds) if seconds else 0,
        "linesProcessedPerSecond": round(lines / seconds) if seconds else 0,
        "totalBytesProcessed": size,
        "totalLinesProcessed": lines,
        "execTime": round(seconds, 6),
        "queueTime": 0,
        "subqueries": 0,
        "totalEntriesReturned": entries,
        "splits": 0,
        "shards": 0,
        "totalPostFilterLines": 0,
        "totalStructuredMetadataBytesProcessed": 0,
    }
    return {"summary": summary}


def _seconds(nanoseconds: int) -> int | float:
    """Milliseconds are the least that Loki's points tell."""
    whole, rest = divmod(nanoseconds // 1_000_000, SECOND // 1_000_000)
    return whole + rest / 1000 if rest else whole


def _number(text: str) -> str:
    return _UNUSUAL.get(text, text)


def _text(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
