"""Plan: what a search reads, decided and checked, before any SQL. Table, time range, row limit and masking have no default.

Each predicate is true or false for every row, never unknown, so that NOT means what a person expects.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from bklog.errors import Forbidden
from bklog.query.cursor import Cursor
from bklog.query.fields import LOG, Kind, Target
from bklog.query.masking import Masking
from bklog.query.outputs import Analysis, Located, Neighbours
from bklog.query.tree import Wild

# Numbers and times are compared as they are stored: a number that a rule alters matches nothing.
STORED_KINDS: Final = (Kind.INT, Kind.FLOAT, Kind.BOOL, Kind.TIME)
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


class Order(StrEnum):
    NEWEST = "newest"
    OLDEST = "oldest"
    UNSORTED = "unsorted"


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in an order: these columns, and of `fields` the whole object (None) or only some paths."""

    limit: int
    columns: tuple[str, ...]
    paths: tuple[str, ...] | None
    cursor: Cursor | None = None
    order: Order = Order.NEWEST


@dataclass(frozen=True, slots=True)
class Count:
    """Only how many rows match."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A column of a file: what it is called there, and what stands in it. `is_text` writes a value as its text."""

    name: str
    target: Target
    is_text: bool = False


@dataclass(frozen=True, slots=True)
class Extract:
    """All rows, for a file: these columns, in this order."""

    columns: tuple[Shown, ...]
    order: Order
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """How many rows match in each `width` nanoseconds from the start of the range, and when the last of them arrived."""

    width: int


@dataclass(frozen=True, slots=True)
class Breaks:
    """How many line breaks stand within the values of these columns."""

    columns: tuple[Shown, ...]


Output: TypeAlias = Page | Count | Extract | Spread | Breaks | Analysis | Located | Neighbours


@dataclass(frozen=True, slots=True)
class Plan:
    """`start` and `end` are nanoseconds since 1970, `start <= time < end`; `masking` is what the reader may not see.

    `arrived_by`: what arrived later is left out.
    """

    scans: tuple[Scan, ...]
    start: int
    end: int
    output: Output
    masking: Masking
    arrived_by: int | None = None

    def __post_init__(self) -> None:
        """Raises Forbidden (`field_masked`): to find rows by a hidden value is to learn it."""
        for leaf in (leaf for scan in self.scans for leaf in all_leaves(scan.predicate)):
            if not isinstance(leaf, Always | Present) and leaf.target != LOG and self.masking.covers(leaf.target):
                hint = f"ask for _exists_:{leaf.target.name}, or have the permission to read raw values and ask for them"
                message = f"{leaf.target.name} is masked: rows cannot be found by it"
                raise Forbidden(message, hint=hint, code="field_masked")


def all_leaves(predicate: Predicate) -> tuple[Leaf, ...]:
    match predicate:
        case Negation(inner):
            return all_leaves(inner)
        case AllOf(predicates) | AnyOf(predicates):
            return tuple(leaf for inner in predicates for leaf in all_leaves(inner))
        case leaf:
            return (leaf,)


def certain_part(predicate: Predicate) -> Predicate:
    """What the stored row of a match has for certain, whatever a masking hides of it; Always where that is nothing.

    A word counts although a masking may write words that the line has not: those are not found. An expression never does:
    what matches its one side in the shown line could match the other in the stored one, and so tell it.
    """
    match predicate:
        case HasWords(target, words) | NearWords(target, words) if target == LOG:
            return AllOf(tuple(HasWords(target, (word,)) for word in words))
        case Compare(target) | CompareTime(target) | Present(target) if target.kind in STORED_KINDS or isinstance(
            predicate, Present
        ):
            return predicate
        case AllOf(predicates):
            certain = tuple(one for inner in predicates if (one := certain_part(inner)) != Always())
            return AllOf(certain) if certain else Always()
        case AnyOf(predicates):
            parts = tuple(certain_part(inner) for inner in predicates)
            return Always() if Always() in parts else AnyOf(parts)
        case _:
            return Always()


def positive_leaves(predicate: Predicate) -> tuple[Leaf, ...]:
    """What a matching row may show: every leaf that no negation hides."""
    match predicate:
        case Negation():
            return ()
        case AllOf(predicates) | AnyOf(predicates):
            return tuple(leaf for inner in predicates for leaf in positive_leaves(inner))
        case leaf:
            return (leaf,)
