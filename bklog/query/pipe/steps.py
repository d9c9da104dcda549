"""The steps of a pipe as frozen values; `str()` of a Piped is text that reads as an equal one.

Piped ─ Query, then any of: Stats, Histogram, Top, Sort, Take, Show, Dedup, Where(condition), Extract
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from dataclasses import field as part
from typing import Final, TypeAlias

from bklog.errors import Span
from bklog.query.tree import NOWHERE, Query, Regex, quote

RESERVED: Final = frozenset({"and", "or", "not", "in", "contains", "exists", "by", "as", "from", "grok", "bucket"})
PLAIN_NAME: Final = re.compile(r"[^\W\d][\w.@$-]*")
FUNCTIONS: Final = ("count", "distinct", "sum", "avg", "min", "max", "median", "percentile")
DEFAULT_TOP: Final = 10


@dataclass(frozen=True, slots=True)
class Name:
    """A field, or a column that a step before made."""

    text: str
    span: Span = part(default=NOWHERE, compare=False, repr=False)

    def __str__(self) -> str:
        if PLAIN_NAME.fullmatch(self.text) and self.text.lower() not in RESERVED:
            return self.text
        return "`" + self.text.replace("\\", "\\\\").replace("`", "\\`") + "`"


@dataclass(frozen=True, slots=True)
class Bucket:
    """The beginning of the time bucket in which a row lies; its column is called `time`."""

    interval: str
    span: Span = part(default=NOWHERE, compare=False, repr=False)

    def __str__(self) -> str:
        return f"bucket({self.interval})"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of each group. Only `count` may have no column, only `percentile` has a level, from 0 to 100."""

    function: str
    column: Name | None = None
    level: float | None = None
    alias: Name | None = None
    span: Span = part(default=NOWHERE, compare=False, repr=False)

    @property
    def call(self) -> str:
        given = [str(self.column)] if self.column else []
        return f"{self.function}({', '.join([*given, *([f'{self.level:g}'] if self.level is not None else [])])})"

    @property
    def name(self) -> str:
        """What its column is called."""
        return self.alias.text if self.alias else "count" if self.call == "count()" else self.call

    def __str__(self) -> str:
        return f"{self.call} as {self.alias}" if self.alias else self.call


Key: TypeAlias = Name | Bucket


@dataclass(frozen=True, slots=True)
class Stats:
    figures: tuple[Figure, ...]
    by: tuple[Key, ...] = ()

    def __str__(self) -> str:
        return f"stats {_list(self.figures)}" + (f" by {_list(self.by)}" if self.by else "")


@dataclass(frozen=True, slots=True)
class Histogram:
    bucket: Bucket
    by: tuple[Name, ...] = ()

    def __str__(self) -> str:
        return f"histogram {self.bucket.interval}" + (f" by {_list(self.by)}" if self.by else "")


@dataclass(frozen=True, slots=True)
class Top:
    number: int
    columns: tuple[Name, ...]

    def __str__(self) -> str:
        return f"top {self.number} {_list(self.columns)}"


@dataclass(frozen=True, slots=True)
class SortKey:
    column: Name
    descending: bool = False

    def __str__(self) -> str:
        return f"{'-' if self.descending else ''}{self.column}"


@dataclass(frozen=True, slots=True)
class Sort:
    keys: tuple[SortKey, ...]

    def __str__(self) -> str:
        return f"sort {_list(self.keys)}"


@dataclass(frozen=True, slots=True)
class Take:
    number: int

    def __str__(self) -> str:
        return f"limit {self.number}"


@dataclass(frozen=True, slots=True)
class Show:
    columns: tuple[Name, ...]

    def __str__(self) -> str:
        return f"fields {_list(self.columns)}"


@dataclass(frozen=True, slots=True)
class Dedup:
    """Of rows that have these values in common the first stays."""

    columns: tuple[Name, ...]

    def __str__(self) -> str:
        return f"dedup {_list(self.columns)}"


@dataclass(frozen=True, slots=True)
class Text:
    text: str

    def __str__(self) -> str:
        return quote(self.text)


@dataclass(frozen=True, slots=True)
class Number:
    value: int | float

    def __str__(self) -> str:
        return repr(self.value)


Operand: TypeAlias = Text | Number | Name | Regex


@dataclass(frozen=True, slots=True)
class Compared:
    """`=~` and `!~` have a Regex, `contains` has a Text; the others a Text, a Number or another column."""

    column: Name
    operator: str
    operand: Operand

    def __str__(self) -> str:
        return f"{self.column} {self.operator} {self.operand}"


@dataclass(frozen=True, slots=True)
class Among:
    column: Name
    operands: tuple[Text | Number, ...]

    def __str__(self) -> str:
        return f"{self.column} in ({_list(self.operands)})"


@dataclass(frozen=True, slots=True)
class Has:
    column: Name

    def __str__(self) -> str:
        return f"exists {self.column}"


@dataclass(frozen=True, slots=True)
class Opposite:
    condition: Condition

    def __str__(self) -> str:
        return f"not {_grouped(self.condition)}"


@dataclass(frozen=True, slots=True)
class Both:
    """All of these, two or more; none of them is a Both."""

    conditions: tuple[Condition, ...]

    def __str__(self) -> str:
        return " and ".join(map(_grouped, self.conditions))


@dataclass(frozen=True, slots=True)
class Either:
    conditions: tuple[Condition, ...]

    def __str__(self) -> str:
        return " or ".join(map(_grouped, self.conditions))


Condition: TypeAlias = Compared | Among | Has | Opposite | Both | Either


@dataclass(frozen=True, slots=True)
class Where:
    condition: Condition

    def __str__(self) -> str:
        return f"where {self.condition}"


@dataclass(frozen=True, slots=True)
class Extract:
    """What the named groups of an expression find in a column becomes columns; `grok` is the text that made `pattern`."""

    pattern: Regex
    column: Name | None = None
    grok: str = ""
    span: Span = part(default=NOWHERE, compare=False, repr=False)

    def __str__(self) -> str:
        found = f"grok {quote(self.grok)}" if self.grok else str(self.pattern)
        return f"extract {found}" + (f" from {self.column}" if self.column else "")


Step: TypeAlias = Stats | Histogram | Top | Sort | Take | Show | Dedup | Where | Extract


@dataclass(frozen=True, slots=True)
class Piped:
    """`place` is where in the text the query ends."""

    query: Query
    steps: tuple[Step, ...] = ()
    place: int = part(default=0, compare=False)

    def __str__(self) -> str:
        return " | ".join([str(self.query), *map(str, self.steps)])


def regexes_of(piped: Piped) -> list[tuple[str, Span]]:
    """Every regular expression of the steps, with the place of its step, or of the column that is compared with it."""
    return [found for step in piped.steps for found in _regexes(step)]


def _regexes(node: Step | Condition) -> Iterator[tuple[str, Span]]:
    match node:
        case Extract(Regex(pattern), span=span):
            yield pattern, span
        case Compared(column, operand=Regex(pattern)):
            yield pattern, column.span
        case Where(inner) | Opposite(inner):
            yield from _regexes(inner)
        case Both(conditions) | Either(conditions):
            for one in conditions:
                yield from _regexes(one)


def both(conditions: Iterable[Condition]) -> Condition:
    flat = [inner for one in conditions for inner in (one.conditions if isinstance(one, Both) else (one,))]
    return flat[0] if len(flat) == 1 else Both(tuple(flat))


def either(conditions: Iterable[Condition]) -> Condition:
    flat = [inner for one in conditions for inner in (one.conditions if isinstance(one, Either) else (one,))]
    return flat[0] if len(flat) == 1 else Either(tuple(flat))


def _list(items: Iterable[object]) -> str:
    return ", ".join(map(str, items))


def _grouped(condition: Condition) -> str:
    return f"({condition})" if isinstance(condition, Both | Either) else str(condition)
