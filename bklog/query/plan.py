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
from bklog.query.outputs import Analysis, Arrived, ArrivedCount, Field, Located, Neighbours
from bklog.query.pipe.table import Table
from bklog.query.tree import Wild
from bklog.query.view.output import View

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
    is_indexed: bool = True


class Order(StrEnum):
    NEWEST = "newest"
    OLDEST = "oldest"
    UNSORTED = "unsorted"


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in an order: these columns, and of `fields` the whole object (None) or only some paths.

    With `is_numbered` each row tells the number of the scan that it comes from.
    """

    limit: int
    columns: tuple[str, ...]
    paths: tuple[str, ...] | None
    cursor: Cursor | None = None
    order: Order = Order.NEWEST
    is_numbered: bool = False


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


@dataclass(frozen=True, slots=True)
class TermKey:
    """Rows by the value of a field. Those without one are left out, or stand under `missing`."""

    field: Field
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class TimeKey:
    """Rows by the bucket of their time: its number from `first` on, each `width` nanoseconds wide."""

    first: int
    width: int


@dataclass(frozen=True, slots=True)
class EdgeKey:
    """Rows by the bucket of their time: the edge that it begins with."""

    edges: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NumberKey:
    """Rows by the bucket of a field's number: the bucket's own number, which may be below 0."""

    field: Field
    interval: float
    offset: float


@dataclass(frozen=True, slots=True)
class FilterKey:
    """Rows by each of several conditions that they meet, numbered from 1; of each one predicate for each scan."""

    predicates: tuple[tuple[Predicate, ...], ...]


Key: TypeAlias = TermKey | TimeKey | EdgeKey | NumberKey | FilterKey


class Measure(StrEnum):
    VALUES = "values"  # rows that have the field
    NUMBERS = "numbers"  # rows in which it is a number
    LEAST = "least"
    MOST = "most"
    MEAN = "mean"
    SUM = "sum"
    SQUARES = "squares"
    VARIANCE = "variance"
    SAMPLE_VARIANCE = "sample_variance"
    DISTINCT = "distinct"
    QUANTILES = "quantiles"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number about a field in each group; for QUANTILES one for each of `levels`, which are from 0 to 1."""

    measure: Measure
    field: Field
    levels: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Ranking:
    """What groups are ordered by: their size, their last key, or the figure of a number and, of several, its place."""

    by: str  # size, key or figure
    descending: bool
    figure: int = 0
    place: int | None = None


@dataclass(frozen=True, slots=True)
class Groups:
    """Rows in groups by all of `keys`, each group with its size and figures; without keys one group of all rows.

    Of the last key the first `limit` groups within those of the keys before it, by `rankings`; None is all of them. `kept`
    are the only ones of the keys before it, as text. Beyond `most` groups the answer is cut. With `of_rows` no more rows of
    a scan are read than that.
    """

    keys: tuple[Key, ...]
    figures: tuple[Figure, ...]
    most: int
    kept: tuple[tuple[str, ...], ...] | None = None
    limit: int | None = None
    rankings: tuple[Ranking, ...] = ()
    least: int = 1
    of_rows: int | None = None


@dataclass(frozen=True, slots=True)
class GroupRows:
    """Of each group the first rows of a page; `kept` as in Groups."""

    keys: tuple[Key, ...]
    page: Page
    most: int
    kept: tuple[tuple[str, ...], ...] | None = None


Output: TypeAlias = (
    Page
    | Count
    | Extract
    | Spread
    | Breaks
    | Analysis
    | Located
    | Neighbours
    | Groups
    | GroupRows
    | Arrived
    | ArrivedCount
    | Table
    | View
)


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
        conditions = [scan.predicate for scan in self.scans]
        for leaf in (leaf for one in (*conditions, *grouping_conditions(self.output)) for leaf in all_leaves(one)):
            if not isinstance(leaf, Always | Present) and leaf.target != LOG and self.masking.covers(leaf.target):
                hint = f"ask for _exists_:{leaf.target.name}, or have the permission to read raw values and ask for them"
                message = f"{leaf.target.name} is masked: rows cannot be found by it"
                raise Forbidden(message, hint=hint, code="field_masked")


def grouping_conditions(output: Output) -> tuple[Predicate, ...]:
    keys = output.keys if isinstance(output, Groups | GroupRows) else ()
    return tuple(one for key in keys if isinstance(key, FilterKey) for each in key.predicates for one in each)


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
