"""The page's structured conditions <-> trees of the language, in both directions.

    Condition(field, operator, values) ─ to_node ─▶ Node          all conditions and the text must hold together
    Query ─ split ─▶ conditions, and the text of what no condition can say

The operators are those of the BK-LOG page. Several values are joined by OR, with the `all` operators by AND; a negated
operator is NOT of what its positive one means. Values are text as it is; only after `=~` are `*` and `?` wild marks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from bklog.errors import BadRequest
from bklog.query.parser import MAX_NAME, MAX_TERMS
from bklog.query.scanner import MAX_WILD
from bklog.query.tree import (
    And,
    Bound,
    Everything,
    Exists,
    Node,
    Not,
    Or,
    Phrase,
    Query,
    Range,
    Term,
    Value,
    Wild,
    Wildcard,
    Word,
    all_of,
    any_of,
)

WHOLE_LINE: Final = "*"  # the name under which the page asks for a text without a field
WHOLE_LINE_NAMES: Final = (WHOLE_LINE, "__query_string__", "query_string", "querystring")
_MARK: Final = re.compile(r"\\([*?\\])|([*?])", re.DOTALL)
_SPECIAL: Final = re.compile(r"[*?\\]")


@dataclass(frozen=True, slots=True)
class Condition:
    """`field` is `*` for the whole line; `operator` is one of OPERATORS."""

    field: str
    operator: str
    values: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        return {"field": self.field, "operator": self.operator, "value": list(self.values)}


@dataclass(frozen=True, slots=True)
class _Meaning:
    """`value` makes the tree's value of a text, None for operators that take no value."""

    value: Callable[[str], Value] | None
    join_all: bool = False
    negated: bool = False
    many: bool = True


def _pattern(text: str) -> Value:
    pieces: list[str | Wild] = []
    last = 0
    for found in _MARK.finditer(text):
        _extend(pieces, text[last : found.start()])
        _extend(pieces, found[1] or Wild(found[2]))
        last = found.end()
    _extend(pieces, text[last:])
    if all(isinstance(piece, str) for piece in pieces):
        return Phrase("".join(str(piece) for piece in pieces))
    return Wildcard(tuple(pieces))


def _extend(pieces: list[str | Wild], piece: str | Wild) -> None:
    last = pieces[-1] if pieces else None
    if isinstance(piece, str) and isinstance(last, str):
        pieces[-1] = last + piece
    elif piece and not (piece is Wild.MANY and last is Wild.MANY):
        pieces.append(piece)


def _piece(text: str) -> Value:
    return Wildcard((Wild.MANY, text, Wild.MANY)) if text else Wildcard((Wild.MANY,))


def _above(text: str) -> Value:
    return Range(Bound(text, inclusive=False), None)


def _from(text: str) -> Value:
    return Range(Bound(text, inclusive=True), None)


def _below(text: str) -> Value:
    return Range(None, Bound(text, inclusive=False))


def _up_to(text: str) -> Value:
    return Range(None, Bound(text, inclusive=True))


_EQUAL, _UNEQUAL = _Meaning(Phrase), _Meaning(Phrase, negated=True)
OPERATORS: Final[Mapping[str, _Meaning]] = {
    "=": _EQUAL,
    "!=": _UNEQUAL,
    "contains": _Meaning(_piece),
    "not contains": _Meaning(_piece, negated=True),
    "contains match phrase": _EQUAL,
    "not contains match phrase": _UNEQUAL,
    "all contains match phrase": _Meaning(Phrase, join_all=True),
    "all not contains match phrase": _Meaning(Phrase, join_all=True, negated=True),
    "=~": _Meaning(_pattern),
    "!=~": _Meaning(_pattern, negated=True),
    "&=~": _Meaning(_pattern, join_all=True),
    "&!=~": _Meaning(_pattern, join_all=True, negated=True),
    "exists": _Meaning(None),
    "does not exists": _Meaning(None, negated=True),
    ">": _Meaning(_above, many=False),
    ">=": _Meaning(_from, many=False),
    "<": _Meaning(_below, many=False),
    "<=": _Meaning(_up_to, many=False),
}
# Other spellings that the page and its callers send.
SAME: Final[Mapping[str, str]] = {
    "is": "=",
    "is one of": "=",
    "eq": "=",
    "is not": "!=",
    "is not one of": "!=",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "not exists": "does not exists",
    "does not exist": "does not exists",
}
_FIXED: Final = {"is true": "true", "is false": "false"}


def to_node(condition: Condition) -> Node:
    """Raises BadRequest (`condition`)."""
    field = None if condition.field in WHOLE_LINE_NAMES else condition.field
    if condition.operator in _FIXED:
        return Term(Phrase(_FIXED[condition.operator]), field)
    meaning = OPERATORS.get(SAME.get(condition.operator, condition.operator))
    if meaning is None:
        known = ", ".join(OPERATORS)
        raise _refuse(condition, f"there is no operator {condition.operator!r}", f"known operators: {known}")
    _check(condition, meaning)
    if meaning.value is None:
        node: Node = Exists(field) if field else Everything()
    else:
        terms = [_term(meaning.value(text), field, condition) for text in condition.values]
        node = all_of(terms) if meaning.join_all else any_of(terms)
    return Not(node) if meaning.negated else node


def _term(value: Value, field: str | None, condition: Condition) -> Node:
    if isinstance(value, Wildcard) and sum(isinstance(piece, Wild) for piece in value.pieces) > MAX_WILD:
        raise _refuse(condition, f"a value has more than {MAX_WILD} wild marks", "write the part that you know")
    if value == Wildcard((Wild.MANY,)):
        return Exists(field) if field else Everything()
    if isinstance(value, Range) and field is None:
        raise _refuse(condition, "the whole line has no order", "name a field to compare")
    return Term(value, field)


def _check(condition: Condition, meaning: _Meaning) -> None:
    count = len(condition.values)
    if not condition.field or len(condition.field) > MAX_NAME:
        raise _refuse(condition, "there is no field's name", f'name a field with at most {MAX_NAME} characters, or "*"')
    if meaning.value is None and count > 0:
        raise _refuse(condition, "it takes no value", "leave the value out")
    if meaning.value and not count:
        raise _refuse(condition, "it has no value", "give a value, or leave the condition out")
    if count > (MAX_TERMS if meaning.many else 1):
        most = MAX_TERMS if meaning.many else 1
        raise _refuse(condition, f"it has {count} values; at most {most} can be compared", "write several conditions")


def _refuse(condition: Condition, message: str, hint: str) -> BadRequest:
    shown = f"{condition.field[:80]} {condition.operator[:80]}"
    return BadRequest(f"condition {shown}: {message}", hint=hint, code="condition")


def split(query: Query) -> tuple[tuple[Condition, ...], str]:
    """What conditions can say, and the text of the rest: together they find the same rows. An empty text is everything."""
    nodes = query.node.nodes if isinstance(query.node, And) else (query.node,)
    conditions: list[Condition] = []
    rest: list[Node] = []
    for node in nodes:
        found = _conditions(node)
        conditions += found
        if not found and node != Everything():
            rest.append(node)
    return tuple(conditions), str(Query(all_of(rest))) if rest else ""


def _conditions(node: Node) -> tuple[Condition, ...]:
    """Empty where no condition says the same."""
    match node:
        case Term(Range(Bound() as low, Bound() as high), str() as field):
            ends = (Range(low, None), Range(None, high))
            return tuple(one for end in ends if (one := _positive(Term(end, field))))
        case Not(Not()):
            return ()
        case Not(inner):
            positive = _positive(inner)
            negated = positive and _NEGATED.get(positive.operator)
            return (Condition(positive.field, negated, positive.values),) if positive and negated else ()
    positive = _positive(node)
    return (positive,) if positive else ()


_NEGATED: Final = {
    "=": "!=",
    "contains": "not contains",
    "=~": "!=~",
    "exists": "does not exists",
    "all contains match phrase": "all not contains match phrase",
    "&=~": "&!=~",
}


def _positive(node: Node) -> Condition | None:
    match node:
        case Exists(field) if field not in WHOLE_LINE_NAMES:
            return Condition(field, "exists")
        case Term():
            return _of_term(node)
        case Or(nodes):
            return _joined(nodes, {"=": "=", "contains": "contains", "=~": "=~"})
        case And(nodes):  # under a NOT: elsewhere each is a condition of its own
            return _joined(nodes, {"=": "all contains match phrase", "=~": "&=~"})
    return None


def _joined(nodes: tuple[Node, ...], operators: Mapping[str, str]) -> Condition | None:
    """Terms of one field and one kind as the values of one condition."""
    found = [_of_term(node) if isinstance(node, Term) else None for node in nodes]
    first = found[0]
    if first is None or first.operator not in operators or len(found) > MAX_TERMS:
        return None
    if any(one is None or (one.field, one.operator) != (first.field, first.operator) for one in found):
        return None
    return Condition(first.field, operators[first.operator], tuple(text for one in found if one for text in one.values))


def _of_term(term: Term) -> Condition | None:
    if term.field in WHOLE_LINE_NAMES:  # such a field of the data has no condition
        return None
    field = term.field or WHOLE_LINE
    match term.value:
        case Word(text) | Phrase(text):
            return Condition(field, "=", (text,))
        case Wildcard((Wild.MANY, str() as text, Wild.MANY)):
            return Condition(field, "contains", (text,))
        case Wildcard(pieces):
            written = (_SPECIAL.sub(r"\\\g<0>", piece) if isinstance(piece, str) else piece.value for piece in pieces)
            return Condition(field, "=~", ("".join(written),))
        case Range() as one_end:
            return _of_range(field, one_end)
    return None


def _of_range(field: str, value: Range) -> Condition | None:
    match value:
        case Range(Bound(text, is_inclusive), None):
            return Condition(field, ">=" if is_inclusive else ">", (text,))
        case Range(None, Bound(text, is_inclusive)):
            return Condition(field, "<=" if is_inclusive else "<", (text,))
    return None
