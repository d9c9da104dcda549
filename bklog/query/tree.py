"""The query as a tree of frozen values; `str()` of any node is text that parses to an equal node.

Query ─ node ─┬ Everything                 *
              ├ Term(field, value) ─────── Word, Phrase, Near, Wildcard, Regex, Range
              ├ Exists(field)              _exists_:field
              └ Not, And, Or               And holds no And and Or no Or: `all_of` and `any_of` flatten them
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import field as part
from enum import Enum
from typing import Final, TypeAlias

from bklog.errors import Edit, Span

NOWHERE: Final = Span(0, 0)
_SPECIAL: Final = re.compile(r'[\\"():*?~^\s]')
_SPECIAL_AT_START: Final = re.compile(r"[-+!/\[{]|\|(?!\|)|(?:AND|OR|NOT|&&|\|\|)\Z")
_SPECIAL_AT_START_OF_VALUE: Final = re.compile(r"[/<>\[{]|(?:AND|OR|NOT|&&|\|\|)\Z")
_PLAIN_BOUND: Final = re.compile(r'(?!TO\Z|[=/<>])[^\\"()*?~^\[\]{}\s]+')


class Wild(Enum):
    MANY = "*"
    ONE = "?"


@dataclass(frozen=True, slots=True)
class Word:
    text: str

    def __str__(self) -> str:
        return _SPECIAL.sub(r"\\\g<0>", self.text)


@dataclass(frozen=True, slots=True)
class Phrase:
    text: str

    def __str__(self) -> str:
        return quote(self.text)


@dataclass(frozen=True, slots=True)
class Near:
    """The words of `text` in this order with at most `slop`, one or more, other words between them in all."""

    text: str
    slop: int

    def __str__(self) -> str:
        return f"{quote(self.text)}~{self.slop}"


@dataclass(frozen=True, slots=True)
class Wildcard:
    """Texts and wild marks in order; no two texts and no two MANY stand side by side."""

    pieces: tuple[str | Wild, ...]

    def __str__(self) -> str:
        return "".join(piece.value if isinstance(piece, Wild) else _SPECIAL.sub(r"\\\g<0>", piece) for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Regex:
    pattern: str

    def __str__(self) -> str:
        return "/" + re.sub(r"\\.|/", lambda match: r"\/" if match[0] == "/" else match[0], self.pattern, flags=re.S) + "/"


@dataclass(frozen=True, slots=True)
class Bound:
    text: str
    inclusive: bool


@dataclass(frozen=True, slots=True)
class Range:
    """`low` and `high` are not both None: that is Exists."""

    low: Bound | None
    high: Bound | None

    def __str__(self) -> str:
        match self.low, self.high:
            case Bound() as low, None:
                return f"{'>=' if low.inclusive else '>'}{_bound(low.text)}"
            case None, Bound() as high:
                return f"{'<=' if high.inclusive else '<'}{_bound(high.text)}"
            case Bound() as low, Bound() as high:
                ends = "[" if low.inclusive else "{", "]" if high.inclusive else "}"
                return f"{ends[0]}{_bound(low.text)} TO {_bound(high.text)}{ends[1]}"
        raise ValueError("a range needs an end")


Whole: TypeAlias = Word | Phrase | Wildcard | Regex | Range
Value: TypeAlias = Whole | Near


@dataclass(frozen=True, slots=True)
class Everything:
    def __str__(self) -> str:
        return "*"


@dataclass(frozen=True, slots=True)
class Term:
    """`field` is None for a bare word: the raw line is searched."""

    value: Value
    field: str | None = None
    span: Span = part(default=NOWHERE, compare=False, repr=False)

    def __str__(self) -> str:
        if self.field is None:
            return _escape_start(self.value, _SPECIAL_AT_START)
        return f"{escape(self.field)}:{_escape_start(self.value, _SPECIAL_AT_START_OF_VALUE)}"


@dataclass(frozen=True, slots=True)
class Exists:
    field: str
    span: Span = part(default=NOWHERE, compare=False, repr=False)

    def __str__(self) -> str:
        return f"_exists_:{escape(self.field)}"


@dataclass(frozen=True, slots=True)
class Not:
    node: Node

    def __str__(self) -> str:
        return f"NOT {_grouped(self.node)}"


@dataclass(frozen=True, slots=True)
class And:
    nodes: tuple[Node, ...]

    def __str__(self) -> str:
        return " ".join(_grouped(node) for node in self.nodes)


@dataclass(frozen=True, slots=True)
class Or:
    nodes: tuple[Node, ...]

    def __str__(self) -> str:
        return " OR ".join(_grouped(node) for node in self.nodes)


Node: TypeAlias = Everything | Term | Exists | Not | And | Or


@dataclass(frozen=True, slots=True)
class Note:
    """What was read in another way than its writer may think; `edit` is what was perhaps meant."""

    message: str
    span: Span
    edit: Edit | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """`notes` say what of the text was passed over: it changes no row."""

    node: Node
    notes: tuple[Note, ...] = part(default=(), compare=False)

    def __str__(self) -> str:
        return str(self.node)


def all_of(nodes: Sequence[Node]) -> Node:
    flat = [inner for node in nodes for inner in (node.nodes if isinstance(node, And) else (node,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def any_of(nodes: Sequence[Node]) -> Node:
    flat = [inner for node in nodes for inner in (node.nodes if isinstance(node, Or) else (node,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def leaves(node: Node, *, negated: bool = False) -> Iterator[tuple[Everything | Term | Exists, bool]]:
    """Every leaf, with whether an odd number of NOTs stands above it."""
    match node:
        case Not(inner):
            yield from leaves(inner, negated=not negated)
        case And(nodes) | Or(nodes):
            for inner in nodes:
                yield from leaves(inner, negated=negated)
        case leaf:
            yield leaf, negated


def replace_leaf(node: Node, old: Node, new: Node) -> Node:
    """The tree with every leaf that equals `old` made `new`."""
    match node:
        case Not(inner):
            return Not(replace_leaf(inner, old, new))
        case And(nodes):
            return all_of([replace_leaf(inner, old, new) for inner in nodes])
        case Or(nodes):
            return any_of([replace_leaf(inner, old, new) for inner in nodes])
    return new if node == old else node


def escape(name: str) -> str:
    """A field's name as the language writes it before the colon."""
    return _escape_start(Word(name), _SPECIAL_AT_START)


def quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _escape_start(value: Value, special: re.Pattern[str]) -> str:
    text = str(value)
    return "\\" + text if isinstance(value, Word | Wildcard) and special.match(text) else text


def _bound(text: str) -> str:
    return text if _PLAIN_BOUND.fullmatch(text) else quote(text)


def _grouped(node: Node) -> str:
    return f"({node})" if isinstance(node, And | Or) else str(node)
