"""A query -> what it means here, without searching: printed, its fields, notes, as conditions; or where it fails and a repair.

request ─▶ Asked ─▶ Plan ─▶ Inspection        the engine is asked only to read regular expressions
       └─ steps follow ─▶ Planned ─▶ Inspection, also of the steps and of the columns that they make
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from bklog.errors import BadRequest, Forbidden, QuerySyntax, Span
from bklog.query import Masking
from bklog.query.conditions import Condition, split
from bklog.query.notes import proposed, suspicions
from bklog.query.pipe.planning import names_of_rows
from bklog.query.pipe.reader import has_steps
from bklog.query.pipe.steps import Piped, regexes_of
from bklog.query.pipe.table import Column
from bklog.query.repair import proposing, repair_meaning
from bklog.query.sql import render_regex_check
from bklog.query.tree import Note, Regex, Term, leaves
from bklog.records import Limits
from bklog.search.catalogue import FieldCatalogue
from bklog.search.failures import BAD_REGEX_CODE
from bklog.search.question import Searched
from bklog.search.reading import Asked, read_request
from bklog.search.request import SearchRequest
from bklog.search.service import make_plan, select
from bklog.search.table import plan_piped, with_steps
from bklog.store import LogTable, Searching


@dataclass(frozen=True, slots=True)
class Inspection:
    """`query` is the printed form of text and conditions, empty with an `error`; `conditions` and `rest` say the text again,
    and where steps follow it, `steps` those; `columns` are the names and types of what the steps show.
    """

    text: str
    query: str = ""
    fields: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    conditions: tuple[Condition, ...] = ()
    rest: str = ""
    steps: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    ends: int | None = None  # where in the text the steps begin
    error: BadRequest | Forbidden | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "valid": self.error is None,
            "query": self.query,
            "fields": list(self.fields),
            "notes": [self._note(note) for note in self.notes],
            "addition": [condition.as_dict() for condition in self.conditions],
            "rest": self.rest,
            "steps": list(self.steps),
            "columns": [{"name": column.name, "type": column.type.value} for column in self.columns],
            "error": self.error.as_dict()["error"] if self.error else None,
        }

    def _note(self, note: Note) -> dict[str, Any]:
        """Steps follow a proposed query as they follow the one that was given."""
        asked, steps = self.text[: self.ends], self.text[self.ends :] if self.steps else ""
        repair = proposed(asked, note)
        return {
            "message": note.message,
            "start": note.span.start,
            "end": note.span.end,
            "repair": repair and f"{repair.rstrip()} {steps}".rstrip(),
        }


def inspect(
    request: SearchRequest,
    *,
    tables: Sequence[LogTable],
    masking: Masking,
    store: Searching,
    catalogue: FieldCatalogue,
    limits: Limits,
) -> Inspection:
    """Raises StoreError, Unavailable: the store. What is wrong with the query is part of the answer."""
    try:
        if has_steps(request.query):
            return _inspect_steps(request, Searched(tables, masking, store, catalogue, limits))
        asked = read_request(request)
        notes = (*asked.text.notes, *suspicions(request.query, asked.text))
        make_plan(asked, request, tables, masking, catalogue)
        _check_regexes(asked, store, limits)
    except (BadRequest, Forbidden) as error:
        return Inspection(request.query, error=error)
    conditions, rest = split(asked.text)
    return Inspection(request.query, str(asked.whole), asked.fields, notes, conditions, rest)


def _inspect_steps(request: SearchRequest, searched: Searched) -> Inspection:
    """The query as ever, and what follows it. A repair is one of the whole text."""
    planned = plan_piped(request, searched, zone=UTC)
    asked, piped, text = planned.question.asked, planned.piped, request.query
    try:
        planned.question.plan(planned.output)
        _check_regexes(asked, searched.store, searched.limits)
    except QuerySyntax as error:
        raise with_steps(error, text, piped) from error
    for pattern, span in regexes_of(piped):
        _check_regex(pattern, span, searched.store, searched.limits)
    notes = (*asked.text.notes, *suspicions(text[: piped.place], asked.text))
    names = tuple(dict.fromkeys((*asked.fields, *names_of_rows(piped))))
    conditions, rest = split(asked.text)
    steps, whole = tuple(map(str, piped.steps)), str(Piped(asked.whole, piped.steps))
    return Inspection(text, whole, names, notes, conditions, rest, steps, planned.output.shown, piped.place)


def _check_regexes(asked: Asked, store: Searching, limits: Limits) -> None:
    for leaf, _ in leaves(asked.whole.node):
        if isinstance(leaf, Term) and isinstance(leaf.value, Regex):
            try:
                _check_regex(leaf.value.pattern, leaf.span, store, limits)
            except QuerySyntax as error:
                raise proposing(error, repair_meaning(asked.text, error, lambda _: "")) from error


def _check_regex(pattern: str, span: Span, store: Searching, limits: Limits) -> None:
    """The engine's dialect is known to the engine alone."""
    try:
        select(render_regex_check(pattern), store, limits)
    except BadRequest as error:
        expected = "an expression of RE2"
        raise QuerySyntax(error.message, span=span, hint=error.hint, code=BAD_REGEX_CODE, expected=expected) from error
