"""A text that cannot be read -> a text near it that can: a proposal, never run without being asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bklog.errors import Edit, QuerySyntax
from bklog.query.parser import TOO_LARGE, parse
from bklog.query.tree import (
    Everything,
    Exists,
    Near,
    Node,
    Phrase,
    Query,
    Regex,
    Term,
    Word,
    leaves,
    quote,
    replace_leaf,
)

MAX_EDITS: Final = 20  # a text that needs more is not the query that was meant


def read(text: str) -> Query:
    """`parse`, whose error proposes a repair."""
    try:
        return parse(text)
    except QuerySyntax as error:
        raise proposing(error, repair(text, error)) from error


def proposing(error: QuerySyntax, proposed: str) -> QuerySyntax:
    return QuerySyntax(
        error.message,
        span=error.span,
        hint=error.hint,
        code=error.stable_code,
        expected=error.expected,
        edit=error.edit,
        repair=proposed,
    )


def repair_meaning(query: Query, error: QuerySyntax, nearest: Callable[[str], str]) -> str:
    """For a text that was read but means nothing here: the nearest field instead of an unknown one, else the value anywhere.

    `nearest` gives the known field that a name is most like, or an empty text.
    """
    leaf = next((leaf for leaf, _ in leaves(query.node) if not isinstance(leaf, Everything) and leaf.span == error.span), None)
    if leaf is None:
        return ""
    name = nearest(leaf.field) if leaf.field and error.stable_code == "unknown_field" else ""
    return str(Query(replace_leaf(query.node, leaf, _meant(leaf, name))))


def _meant(leaf: Term | Exists, name: str) -> Node:
    match leaf:
        case Exists(field):
            return Exists(name) if name else Term(Phrase(field))
        case Term(value, _) if name:
            return Term(value, name)
        case Term(Word(text) | Phrase(text), str() as field) if field and text:
            return Term(Phrase(f"{field}:{text}"))
        case Term(Near(text)) if text:
            return Term(Phrase(text))
        case Term(Regex(pattern)):
            return Term(Phrase(pattern))
    return Term(Phrase(str(leaf)))


def repair(text: str, error: QuerySyntax, reader: Callable[[str], object] = parse) -> str:
    """Edits one after the other, or all of it in quotes; empty where the text is too large for any.

    `reader` reads the language that the text is of. A pipe in quotes would be something else: it stays without a proposal.
    """
    edited = text
    found: QuerySyntax | None = error
    for _ in range(MAX_EDITS):
        if found is None or found.edit is None:
            break
        edited = apply(edited, found.edit)
        found = _error(edited, reader)
    if found is None and edited.strip():  # nothing left would find everything
        return edited
    return "" if error.stable_code == TOO_LARGE or reader is not parse else readable(quote(text))


def apply(text: str, edit: Edit) -> str:
    return text[: edit.start] + edit.text + text[edit.end :]


def readable(text: str) -> str:
    """The text, or an empty one where it cannot be read."""
    return "" if _error(text) else text


def _error(text: str, reader: Callable[[str], object] = parse) -> QuerySyntax | None:
    try:
        reader(text)
    except QuerySyntax as error:
        return error
    return None
