"""terms, values, distinct: which values a field has, and how many rows have each.

A value is text, the one that `field:"text"` finds. Counts are exact; with `approximate` they come out of bounded memory, are
marked, and each says by how much it may be too high.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from bklog.errors import BadRequest
from bklog.query import MAX_ROWS
from bklog.query.outputs import Distinct, Field, Terms, TopValues
from bklog.query.words import fold
from bklog.records import Rows
from bklog.search.given import Given
from bklog.search.merged import MergedTerms
from bklog.search.question import KEYS, Answer, Question, Searched
from bklog.search.sliced import BUDGET, Asked, OneStatement, Sliced, budget_of

MAX_LEVELS: Final = 3
DEFAULT_TERMS: Final = 10
MAX_TERMS: Final = 1_000
SLICE_TERMS: Final = 10_000  # values that a slice is asked for: with more, the counts are only nearly exact
DEFAULT_VALUES: Final = 100
MAX_PREFIX: Final = 1_000
LEVEL_COLUMNS: Final = 5  # shown, missing, total, lost, distinct: of each level in a row of the answer


def terms(raw: Mapping[str, Any], *, now: datetime, searched: Searched) -> Answer:
    """Raises BadRequest as a search does."""
    return asked_terms(raw, now=now, searched=searched).answer()


def asked_terms(raw: Mapping[str, Any], *, now: datetime, searched: Searched) -> Asked:
    """Those of one field come in slices; nested ones, and what bounded memory counts, cannot be put together."""
    given = Given(raw, (*KEYS, BUDGET, "fields", "limits", "approximate", "explain"))
    names = given.names("fields", most=MAX_LEVELS) if "fields" in given else ("",)
    limits, budget = _limits(given, names), budget_of(given)
    question = Question.read(given, *names, now=now, searched=searched)
    fields = tuple(question.field(name) for name in names)
    is_whole = given.flag("approximate") or len(names) > 1
    if is_whole and budget:
        raise BadRequest(
            "only the exact terms of one field are counted in slices",
            hint="leave budget_seconds out, or name one field and leave approximate out",
            code="limit",
        )
    if given.flag("approximate"):
        return OneStatement(lambda: _approximate(question, given, fields, limits[0]))
    output = Terms(fields, limits)
    if is_whole or given.flag("explain"):
        return OneStatement(lambda: question.ask_or_explain(given, output, lambda rows: shape_terms(rows, names)))
    return sliced_terms(question, output, lambda rows: shape_terms(rows, names), budget)


def sliced_terms(question: Question, output: Terms, shape: Callable[[Rows], Answer], budget: float | None) -> Sliced:
    most = min(SLICE_TERMS, question.limits.result_rows)
    merging = MergedTerms(limit=output.limits[0], slice_limit=most)
    return Sliced(question, output, replace(output, limits=(most,)), merging, shape, budget)


def _approximate(question: Question, given: Given, fields: Sequence[Field], limit: int) -> Answer:
    if len(fields) > 1:
        raise BadRequest("nested terms are always exact", hint="leave approximate out, or name one field", code="limit")
    top = TopValues(fields[0], limit)
    return question.ask_or_explain(given, top, lambda rows: {"field": fields[0].name, **shape_top(rows)})


def values(raw: Mapping[str, Any], *, now: datetime, searched: Searched) -> Answer:
    """For completion: the values that begin with `prefix` in any case, the most frequent first."""
    given = Given(raw, (*KEYS, "field", "prefix", "limit", "approximate", "explain"))
    name, prefix = given.text("field"), given.text("prefix")
    if len(prefix) > MAX_PREFIX:
        hint = f"at most {MAX_PREFIX} characters are looked for"
        raise BadRequest(f"the prefix has {len(prefix)} characters", hint=hint, code="limit")
    question = Question.read(given, name, now=now, searched=searched)
    limit = given.whole("limit", DEFAULT_VALUES, least=1, most=MAX_ROWS)
    output = value_output(question.field(name), limit, fold(prefix), approximate=given.flag("approximate"))
    return question.ask_or_explain(given, output, lambda rows: _shape_values(name, shape_values(rows, output)))


def distinct(raw: Mapping[str, Any], *, now: datetime, searched: Searched) -> Answer:
    given = Given(raw, (*KEYS, "field", "approximate", "explain"))
    name, approximate = given.text("field"), given.flag("approximate")
    question = Question.read(given, name, now=now, searched=searched)
    output = Distinct(question.field(name), is_exact=not approximate)

    def shape(rows: Rows) -> Answer:
        ((total, lost, found),) = rows.rows
        return {"field": name, "total": int(total), "missing": int(lost), "distinct": figure(found, approximate=approximate)}

    return question.ask_or_explain(given, output, shape)


def figure(value: Any, *, approximate: bool) -> Answer:
    return {"value": int(value), "approximate": approximate}


def value_output(field: Field, limit: int, prefix: str, *, approximate: bool) -> Terms | TopValues:
    return TopValues(field, limit, prefix) if approximate else Terms((field,), (limit,), prefix)


def shape_values(rows: Rows, output: Terms | TopValues) -> Answer:
    return shape_top(rows) if isinstance(output, TopValues) else shape_terms(rows, [output.fields[0].name])


def shape_terms(rows: Rows, names: Sequence[str]) -> Answer:
    total = int(rows.rows[0][rows.columns.index("total")]) if rows.rows else 0
    level = [[row[place * LEVEL_COLUMNS : (place + 1) * LEVEL_COLUMNS] for place in range(len(names))] for row in rows.rows]
    return {**_level(level, names, total), "approximate": False}


def _level(rows: Sequence[Sequence[Sequence[Any]]], names: Sequence[str], total: int) -> Answer:
    """`rows` have the columns of each level that is left, in the order of the groups."""
    buckets: list[Answer] = []
    for (shown, is_missing, count), group in groupby(rows, key=lambda row: tuple(row[0][:3])):
        if is_missing:
            continue
        below = [row[1:] for row in group]
        nested = {"terms": _level(below, names[1:], int(count))} if len(names) > 1 else {}
        buckets.append({"key": shown, "count": int(count), **nested})
    lost, found = (int(rows[0][0][3]), int(rows[0][0][4])) if rows else (0, 0)
    other = total - lost - sum(bucket["count"] for bucket in buckets)
    counts = {"total": total, "missing": lost, "distinct": figure(found, approximate=False)}
    return {"field": names[0], **counts, "buckets": buckets, "other": other}


def shape_top(rows: Rows) -> Answer:
    ((total, lost, found, shown, counts, errors),) = rows.rows
    buckets = [
        {"key": key, "count": int(count), "error": int(error)} for key, count, error in zip(shown, counts, errors, strict=True)
    ]
    other = max(0, int(total) - int(lost) - sum(bucket["count"] for bucket in buckets))
    content = {"total": int(total), "missing": int(lost), "distinct": figure(found, approximate=True)}
    return {**content, "buckets": buckets, "other": other, "approximate": True}


def _shape_values(name: str, found: Answer) -> Answer:
    more = found["distinct"]["value"] > len(found["buckets"])
    return {"field": name, "values": found["buckets"], "more": more, "approximate": found["approximate"]}


def _limits(given: Given, names: Sequence[str]) -> tuple[int, ...]:
    if "limits" not in given:
        return (DEFAULT_TERMS,) * len(names)
    limits = given.items("limits", int, most=MAX_LEVELS, example="[10, 5]")
    if len(limits) != len(names):
        hint = "give a limit for each of the fields"
        raise BadRequest(f"there are {len(names)} fields and {len(limits)} limits", hint=hint, code="limit")
    if min(limits) < 1 or max(limits) > MAX_TERMS or math.prod(limits) > MAX_ROWS:
        hint = f"each is from 1 to {MAX_TERMS}, and multiplied they are at most {MAX_ROWS}"
        raise BadRequest(f"the limits are {list(limits)}", hint=hint, code="limit")
    return limits
