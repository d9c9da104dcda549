"""A text that cannot be read -> a text near it that can: a proposal, never run without being asked for."""

from __future__ import annotations

from typing import Final

from bklog.errors import Edit, QuerySyntax
from bklog.query.parser import TOO_LARGE, parse
from bklog.query.tree import Query, quote

MAX_EDITS: Final = 20  # a text that needs more is not the query that was meant


def read(text: str) -> Query:
    """`parse`, whose error proposes a repair."""
    try:
        return parse(text)
    except QuerySyntax as error:
        proposed = repair(text, error)
        raise QuerySyntax(
            error.message,
            span=error.span,
            hint=error.hint,
            code=error.stable_code,
            expected=error.expected,
            edit=error.edit,
            repair=proposed,
        ) from error


def repair(text: str, error: QuerySyntax) -> str:
    """Edits one after the other, or all of it in quotes; empty where the text is too large for any."""
    edited = text
    found: QuerySyntax | None = error
    for _ in range(MAX_EDITS):
        if found is None or found.edit is None:
            break
        edited = apply(edited, found.edit)
        found = _error(edited)
    if found is None:
        return edited
    quoted = quote(text)
    return "" if error.stable_code == TOO_LARGE or _error(quoted) else quoted


def apply(text: str, edit: Edit) -> str:
    return text[: edit.start] + edit.text + text[edit.end :]


def _error(text: str) -> QuerySyntax | None:
    try:
        parse(text)
    except QuerySyntax as error:
        return error
    return None
