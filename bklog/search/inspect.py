"""A query -> what it means here, without searching: printed, its fields, notes, as conditions; or where it fails and a repair.

request ─▶ Asked ─▶ Plan ─▶ Inspection        the engine is asked only to read regular expressions
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bklog.errors import BadRequest, Forbidden, QuerySyntax
from bklog.query import Masking
from bklog.query.conditions import Condition, split
from bklog.query.notes import proposed, suspicions
from bklog.query.repair import proposing, repair_meaning
from bklog.query.sql import render_regex_check
from bklog.query.tree import Note, Regex, Term, leaves
from bklog.records import Limits
from bklog.search.catalogue import FieldCatalogue
from bklog.search.failures import BAD_REGEX_CODE
from bklog.search.reading import Asked, read_request
from bklog.search.request import SearchRequest
from bklog.search.service import make_plan, select
from bklog.store import LogTable, Searching


@dataclass(frozen=True, slots=True)
class Inspection:
    """`query` is the printed form of text and conditions, empty with an `error`; `conditions` and `rest` say the text again."""

    text: str
    query: str = ""
    fields: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    conditions: tuple[Condition, ...] = ()
    rest: str = ""
    error: BadRequest | Forbidden | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "valid": self.error is None,
            "query": self.query,
            "fields": list(self.fields),
            "notes": [_note(note, self.text) for note in self.notes],
            "addition": [condition.as_dict() for condition in self.conditions],
            "rest": self.rest,
            "error": self.error.as_dict()["error"] if self.error else None,
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
        asked = read_request(request)
        notes = (*asked.text.notes, *suspicions(request.query, asked.text))
        make_plan(asked, request, tables, masking, catalogue)
        _check_regexes(asked, store, limits)
    except (BadRequest, Forbidden) as error:
        return Inspection(request.query, error=error)
    conditions, rest = split(asked.text)
    return Inspection(request.query, str(asked.whole), asked.fields, notes, conditions, rest)


def _check_regexes(asked: Asked, store: Searching, limits: Limits) -> None:
    """The engine's dialect is known to the engine alone."""
    for leaf, _ in leaves(asked.whole.node):
        if isinstance(leaf, Term) and isinstance(leaf.value, Regex):
            try:
                select(render_regex_check(leaf.value.pattern), store, limits)
            except BadRequest as error:
                placed = QuerySyntax(
                    error.message, span=leaf.span, hint=error.hint, code=BAD_REGEX_CODE, expected="an expression of RE2"
                )
                raise proposing(placed, repair_meaning(asked.text, placed, lambda _: "")) from error


def _note(note: Note, text: str) -> dict[str, Any]:
    return {"message": note.message, "start": note.span.start, "end": note.span.end, "repair": proposed(text, note)}
