"""Table: a pipe in which every name is a column of a type; an output of a Plan, from which `sql` writes one statement."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from bklog.query.outputs import Field


class Type(StrEnum):
    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    TIME = "time"
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class Column:
    """`place` is its number in the statement. `interval` is set where it is the beginning of a time bucket."""

    name: str
    place: int
    type: Type
    interval: str = ""

    @property
    def is_number(self) -> bool:
        return self.type in (Type.INTEGER, Type.NUMBER)


# What orders rows as long as they are rows: newest first.
IDENTITY: Final = (Column("time", -1, Type.TIME), Column("batch", -2, Type.TEXT), Column("row", -3, Type.INTEGER))


@dataclass(frozen=True, slots=True)
class Source:
    """A column that is read of the rows; without a field it is the whole of `fields`."""

    column: Column
    field: Field | None


@dataclass(frozen=True, slots=True)
class SortBy:
    column: Column
    descending: bool


@dataclass(frozen=True, slots=True)
class Constant:
    value: str | int | float


@dataclass(frozen=True, slots=True)
class Instant:
    """Nanoseconds since 1970."""

    nanoseconds: int


Side: TypeAlias = Column | Constant | Instant


@dataclass(frozen=True, slots=True)
class Comparison:
    """`as_numbers`: both sides by what they are worth; else as texts, or as times."""

    left: Column
    operator: str
    right: Side
    as_numbers: bool = False


@dataclass(frozen=True, slots=True)
class Containing:
    column: Column
    text: str


@dataclass(frozen=True, slots=True)
class Matching:
    column: Column
    pattern: str
    negated: bool


@dataclass(frozen=True, slots=True)
class Given:
    column: Column


@dataclass(frozen=True, slots=True)
class Inverse:
    test: Test


@dataclass(frozen=True, slots=True)
class Every:
    tests: tuple[Test, ...]


@dataclass(frozen=True, slots=True)
class Any:
    tests: tuple[Test, ...]


Test: TypeAlias = Comparison | Containing | Matching | Given | Inverse | Every | Any


@dataclass(frozen=True, slots=True)
class Filter:
    test: Test


@dataclass(frozen=True, slots=True)
class GroupKey:
    """With edges the column's values are put into buckets."""

    column: Column
    source: Column
    edges: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Aggregate:
    column: Column
    function: str
    source: Column | None
    level: float | None


@dataclass(frozen=True, slots=True)
class Group:
    """With `is_filled` the one key has buckets, the one figure counts, and buckets without rows are there with 0."""

    keys: tuple[GroupKey, ...]
    aggregates: tuple[Aggregate, ...]
    is_filled: bool = False


@dataclass(frozen=True, slots=True)
class Derive:
    """`pattern` has one group for each of the columns."""

    source: Column
    pattern: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class First:
    number: int
    order: tuple[SortBy, ...]


@dataclass(frozen=True, slots=True)
class OnePer:
    columns: tuple[Column, ...]
    order: tuple[SortBy, ...]


Stage: TypeAlias = Filter | Group | Derive | First | OnePer


@dataclass(frozen=True, slots=True)
class Table:
    sources: tuple[Source, ...]
    stages: tuple[Stage, ...]
    shown: tuple[Column, ...]
    order: tuple[SortBy, ...]
    limit: int
