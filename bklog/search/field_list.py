"""field_list: which fields the rows of a query have, of which types, and which share of the rows has each.

count of each slice ─▶ all rows where they are few, else of each slice the newest, as many as is its share ─▶ names and types

What it costs is bounded: the query is counted once, and of `fields`, the widest column, no more rows are read than the sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from bklog.query.fields import COLUMN_KINDS, PREFIX, RULE_KINDS, Kind, Target
from bklog.query.outputs import FieldSample, Slice, SliceCounts
from bklog.records import Rows
from bklog.search.given import Given
from bklog.search.question import KEYS, Answer, Question, Searched

DEFAULT_SAMPLE: Final = 20_000
MAX_SAMPLE: Final = 1_000_000
SLICES: Final = 16
MAX_NAMES: Final = 5_000  # names and types: what a page can show is less
_TYPES: Final = {
    "String": "string",
    "Int64": "int",
    "UInt64": "int",
    "Float64": "float",
    "Bool": "bool",
}


def field_list(raw: Mapping[str, Any], *, now: datetime, searched: Searched) -> Answer:
    given = Given(raw, (*KEYS, "sample"))
    sample = given.whole("sample", DEFAULT_SAMPLE, least=1, most=MAX_SAMPLE)
    question = Question.read(given, now=now, searched=searched)
    counted = SliceCounts(_edges(question.start, question.end))
    counts = {(int(scan), int(bucket)): int(n) for scan, bucket, n in question.ask(counted).rows}
    total = sum(counts.values())
    slices = _slices(counts, counted, question, share=min(1.0, sample / total) if total else 1.0)
    typed = tuple(_typed(table.types) for table in searched.tables)
    rows = question.ask(FieldSample(slices, typed, MAX_NAMES)) if slices else None
    types = {name: kind for table in searched.tables for name, kind in table.types.items()}
    fields, read = _fields(rows, types) if rows else ([], 0)
    about = {"total": total, "sampled": read, "approximate": read < total}
    return question.answer({**about, "truncated": rows is not None and len(rows.rows) >= MAX_NAMES, "fields": fields})


def _edges(start: int, end: int) -> tuple[int, ...]:
    return tuple(dict.fromkeys(start + (end - start) * number // SLICES for number in range(SLICES + 1)))


def _slices(
    counts: Mapping[tuple[int, int], int], counted: SliceCounts, question: Question, *, share: float
) -> tuple[Slice, ...]:
    """All rows of a table in one piece, or of each slice its share of them: at least one, so that none is passed over."""
    if share >= 1:
        return tuple(
            Slice(scan, question.start, question.end, sum(counts.values())) for scan in sorted({key[0] for key in counts})
        )
    numbers = {edge: number for number, edge in enumerate(counted.edges)}
    places = {key: key[1] if counted.width else numbers[key[1]] for key in counts}
    return tuple(
        Slice(scan, counted.edges[places[scan, bucket]], counted.edges[places[scan, bucket] + 1], max(1, round(n * share)))
        for (scan, bucket), n in counts.items()
    )


def _typed(types: Mapping[str, str]) -> tuple[Target, ...]:
    return tuple(Target(name, RULE_KINDS[kind], inside=True) for name, kind in types.items())


def _fields(rows: Rows, types: Mapping[str, str]) -> tuple[list[Answer], int]:
    """Of the sample: every field by the name that a query knows it by, the most frequent first."""
    read = sum(int(n) for place, _, _, n in rows.rows if not place)
    found: dict[tuple[str, str], dict[str, int]] = {}
    for place, name, kind, n in rows.rows:
        if place:
            shown = types[name] if place == "rule" else _column_type(name) if place == "column" else _type(kind)
            kinds = found.setdefault((_origin(place), _name(place, name)), {})
            kinds[shown] = kinds.get(shown, 0) + int(n)
    always = {("column", name): {"time": read} for name, kind in COLUMN_KINDS.items() if kind is Kind.TIME and read}
    fields = [_field(name, origin, kinds, read) for (origin, name), kinds in {**always, **found}.items()]
    return sorted(fields, key=lambda field: (-field["rows"], field["name"])), read


def _field(name: str, origin: str, kinds: Mapping[str, int], read: int) -> Answer:
    rows = sum(kinds.values())
    kind = next(iter(kinds)) if len(kinds) == 1 else "mixed"
    return {"name": name, "from": origin, "type": kind, "types": dict(kinds), "rows": rows, "coverage": round(rows / read, 6)}


def _origin(place: str) -> str:
    return "column" if place == "column" else "fields"


def _name(place: str, name: str) -> str:
    """A path that is called like a column is asked for with its prefix."""
    return f"{PREFIX}{name}" if place != "column" and name in COLUMN_KINDS else name


def _column_type(name: str) -> str:
    return "string" if COLUMN_KINDS[name] is Kind.TEXT else "keyword"


def _type(engine_type: str) -> str:
    if engine_type.startswith("Array"):
        return "array"
    return _TYPES.get(engine_type, engine_type)
