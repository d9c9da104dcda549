"""Plan: what a search reads, decided and checked, before any SQL. Table, time range and row limit have no default.

Each predicate is true or false for every row, never unknown, so that NOT means what a person expects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from bklog.query.cursor import Cursor
from bklog.query.fields import Target
from bklog.query.tree import Wild

Operand: TypeAlias = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Always:
    pass


@dataclass(frozen=True, slots=True)
class HasWords:
    """These words, one directly after the other."""

    target: Target
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NearWords:
    """These words in this order, with at most `slop` other words between them in all."""

    target: Target
    words: tuple[str, ...]
    slop: int


@dataclass(frozen=True, slots=True)
class Contains:
    """This piece of text anywhere; `text` is folded."""

    target: Target
    text: str


@dataclass(frozen=True, slots=True)
class HasPattern:
    """Folded texts with wild marks that stand for characters of one word; if so, from its start and to its end."""

    target: Target
    pieces: tuple[str | Wild, ...]
    from_start: bool
    to_end: bool


@dataclass(frozen=True, slots=True)
class Equals:
    target: Target
    text: str


@dataclass(frozen=True, slots=True)
class Glob:
    """The whole value is these texts, with anything for the wild marks."""

    target: Target
    pieces: tuple[str | Wild, ...]


@dataclass(frozen=True, slots=True)
class Matches:
    target: Target
    pattern: str


@dataclass(frozen=True, slots=True)
class Compare:
    """`operator` is = < <= > >=."""

    target: Target
    operator: str
    operand: Operand


@dataclass(frozen=True, slots=True)
class CompareTime:
    """`operator` is < or >=; `nanoseconds` count from 1970."""

    target: Target
    operator: str
    nanoseconds: int


@dataclass(frozen=True, slots=True)
class Present:
    target: Target


@dataclass(frozen=True, slots=True)
class Negation:
    predicate: Predicate


@dataclass(frozen=True, slots=True)
class AllOf:
    predicates: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    predicates: tuple[Predicate, ...]


Leaf: TypeAlias = (
    Always | HasWords | NearWords | Contains | HasPattern | Equals | Glob | Matches | Compare | CompareTime | Present
)
Predicate: TypeAlias = Leaf | Negation | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class Scan:
    """One table, by the quoted name that statements select from, and the rows of it that match."""

    table: str
    predicate: Predicate


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, newest first: these columns, and of `fields` the whole object (None) or only some paths."""

    limit: int
    columns: tuple[str, ...]
    paths: tuple[str, ...] | None
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """Only how many rows match."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`start` and `end` are nanoseconds since 1970, `start <= time < end`."""

    scans: tuple[Scan, ...]
    start: int
    end: int
    output: Page | Count


def positive_leaves(predicate: Predicate) -> tuple[Leaf, ...]:
    """What a matching row may show: every leaf that no negation hides."""
    match predicate:
        case Negation():
            return ()
        case AllOf(predicates) | AnyOf(predicates):
            return tuple(leaf for inner in predicates for leaf in positive_leaves(inner))
        case leaf:
            return (leaf,)
