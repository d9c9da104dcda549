"""SearchRequest -> Asked: the tree of the text, and the tree of text and conditions together.

What a text means nothing by is refused with its place and a proposed repair; what a condition means nothing by has no place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bklog.errors import BadRequest, QuerySyntax
from bklog.query import Query, TableFields
from bklog.query.conditions import to_node
from bklog.query.fields import nearest
from bklog.query.parser import MAX_TERMS, TOO_LARGE
from bklog.query.repair import proposing, read, repair_meaning
from bklog.query.tree import NOWHERE, Everything, all_of, leaves
from bklog.search.request import SearchRequest


@dataclass(frozen=True, slots=True)
class Asked:
    """`whole` is what is searched."""

    text: Query
    whole: Query

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field that is named, once, in order."""
        named = (leaf.field for leaf, _ in leaves(self.whole.node) if not isinstance(leaf, Everything))
        return tuple(dict.fromkeys(name for name in named if name))


def read_request(request: SearchRequest) -> Asked:
    """
    Raises:
        QuerySyntax: the text cannot be read.
        BadRequest: `condition`, `query_too_large`.
    """
    text = read(request.query)
    if not request.conditions:
        return Asked(text, text)
    nodes = [text.node, *(to_node(condition) for condition in request.conditions)]
    kept = [node for node in nodes if node != Everything()] or [Everything()]
    whole = Query(all_of(kept), text.notes)
    terms = sum(1 for _ in leaves(whole.node))
    if terms > MAX_TERMS:
        message = f"text and conditions have {terms} terms; at most {MAX_TERMS} are searched for"
        raise BadRequest(message, hint="ask in several searches", code=TOO_LARGE)
    return Asked(text, whole)


def placed(error: QuerySyntax, asked: Asked, tables: Sequence[TableFields]) -> BadRequest:
    """What the planner refuses: at its place in the text with a repair, or, of a condition, without a place."""
    if error.span == NOWHERE:
        return BadRequest(error.message, hint=error.hint, code=error.stable_code)
    return proposing(error, repair_meaning(asked.text, error, lambda name: nearest(name, tables)))
