"""The LogQL query as a tree of frozen values; `str()` of any node is text that parses to an equal node.

LogQuery(matchers, stages)                 {app="a"} |= "x" | json | status >= 500
RangeAggregation(function, range, …)       rate({app="a"}[5m])
VectorAggregation(operator, inner, …)      sum by (app) (…)
Binary(operator, left, right), Number, VectorOf
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from dataclasses import field as part
from typing import Final, TypeAlias

from bklog.query.logql.units import duration_text

PARSE_ERROR: Final = "__error__"
PARSE_ERROR_DETAILS: Final = "__error_details__"


@dataclass(frozen=True, slots=True)
class Matcher:
    """`operator` is = != =~ !~; an expression matches the whole value."""

    name: str
    operator: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}{self.operator}{quote(self.value)}"


@dataclass(frozen=True, slots=True)
class LineFilter:
    """`operator` is |= != |~ !~; a line passes that has any of `texts`, or of the negated ones none."""

    operator: str
    texts: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.operator} {' or '.join(quote(text) for text in self.texts)}"


@dataclass(frozen=True, slots=True)
class Extraction:
    """`label` gets what stands at `path`."""

    label: str
    path: str

    def __str__(self) -> str:
        return f"{self.label}={quote(self.path)}"


@dataclass(frozen=True, slots=True)
class Json:
    only: tuple[Extraction, ...] = ()

    def __str__(self) -> str:
        return f"| json {_listed(self.only)}".rstrip()


@dataclass(frozen=True, slots=True)
class Logfmt:
    only: tuple[Extraction, ...] = ()

    def __str__(self) -> str:
        return f"| logfmt {_listed(self.only)}".rstrip()


@dataclass(frozen=True, slots=True)
class Groups:
    """`| regexp` and `| pattern`: `names` are the labels of the groups of `expression`, the empty name of one for none."""

    stage: str
    text: str
    expression: str = part(compare=False)
    names: tuple[str, ...] = part(compare=False)

    def __str__(self) -> str:
        return f"| {self.stage} {quote(self.text)}"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number that a label is compared with: `unit` is number, duration (then in seconds) or bytes."""

    value: float
    unit: str
    written: str = part(compare=False)

    def __str__(self) -> str:
        return self.written


@dataclass(frozen=True, slots=True)
class Compared:
    """`operator` is = != > >= < <=."""

    name: str
    operator: str
    quantity: Quantity

    def __str__(self) -> str:
        return f"{self.name} {self.operator} {self.quantity}"


@dataclass(frozen=True, slots=True)
class Both:
    left: LabelCondition
    right: LabelCondition

    def __str__(self) -> str:
        return f"{_nested(self.left)} and {_nested(self.right)}"


@dataclass(frozen=True, slots=True)
class Either:
    left: LabelCondition
    right: LabelCondition

    def __str__(self) -> str:
        return f"{_nested(self.left)} or {_nested(self.right)}"


LabelCondition: TypeAlias = Matcher | Compared | Both | Either


@dataclass(frozen=True, slots=True)
class LabelFilter:
    condition: LabelCondition

    def __str__(self) -> str:
        return f"| {self.condition}"


@dataclass(frozen=True, slots=True)
class Template:
    """Texts, and between them the labels whose values stand there."""

    written: str
    pieces: tuple[str | Placed, ...] = part(compare=False)

    def __str__(self) -> str:
        return quote(self.written)


@dataclass(frozen=True, slots=True)
class Placed:
    """The value of a label; of the empty name, the line."""

    label: str


@dataclass(frozen=True, slots=True)
class LineFormat:
    template: Template

    def __str__(self) -> str:
        return f"| line_format {self.template}"


@dataclass(frozen=True, slots=True)
class Renamed:
    label: str
    source: str

    def __str__(self) -> str:
        return f"{self.label}={self.source}"


@dataclass(frozen=True, slots=True)
class Formatted:
    label: str
    template: Template

    def __str__(self) -> str:
        return f"{self.label}={self.template}"


@dataclass(frozen=True, slots=True)
class LabelFormat:
    changes: tuple[Renamed | Formatted, ...]

    def __str__(self) -> str:
        return f"| label_format {_listed(self.changes)}"


@dataclass(frozen=True, slots=True)
class Kept:
    """`| keep` and `| drop`: labels by their names, or only where they have a value."""

    stage: str
    labels: tuple[str | Matcher, ...]

    def __str__(self) -> str:
        return f"| {self.stage} {_listed(self.labels)}"


@dataclass(frozen=True, slots=True)
class Decolorize:
    def __str__(self) -> str:
        return "| decolorize"


@dataclass(frozen=True, slots=True)
class Unwrap:
    """The label whose value a metric is made of; `conversion` is empty, duration or bytes."""

    label: str
    conversion: str = ""

    def __str__(self) -> str:
        return f"| unwrap {f'{self.conversion}({self.label})' if self.conversion else self.label}"


Stage: TypeAlias = LineFilter | Json | Logfmt | Groups | LabelFilter | LineFormat | LabelFormat | Kept | Decolorize | Unwrap


@dataclass(frozen=True, slots=True)
class LogQuery:
    matchers: tuple[Matcher, ...]
    stages: tuple[Stage, ...] = ()

    def __str__(self) -> str:
        return " ".join([f"{{{_listed(self.matchers)}}}", *map(str, self.stages)])


@dataclass(frozen=True, slots=True)
class Grouping:
    """By these labels, or with `without` by all others."""

    names: tuple[str, ...]
    without: bool = False

    def __str__(self) -> str:
        return f"{'without' if self.without else 'by'} ({', '.join(self.names)})"


@dataclass(frozen=True, slots=True)
class RangeAggregation:
    """Over the lines of the last `width` nanoseconds before `offset` ago; `parameter` is the quantile."""

    function: str
    query: LogQuery
    width: int
    offset: int = 0
    parameter: float | None = None
    grouping: Grouping | None = None

    def __str__(self) -> str:
        shift = f" offset {duration_text(self.offset)}" if self.offset else ""
        inner = f"{self.query} [{duration_text(self.width)}]{shift}"
        given = "" if self.parameter is None else f"{_number(self.parameter)}, "
        by = f" {self.grouping}" if self.grouping else ""
        return f"{self.function}({given}{inner}){by}"


@dataclass(frozen=True, slots=True)
class VectorAggregation:
    operator: str
    inner: Metric
    grouping: Grouping = Grouping(())
    parameter: int | None = None

    def __str__(self) -> str:
        given = "" if self.parameter is None else f"{self.parameter}, "
        by = f" {self.grouping}" if self.grouping != Grouping(()) else ""
        return f"{self.operator}{by}{' ' if by else ''}({given}{self.inner})"


@dataclass(frozen=True, slots=True)
class Number:
    value: float

    def __str__(self) -> str:
        return _number(self.value)


@dataclass(frozen=True, slots=True)
class VectorOf:
    value: float

    def __str__(self) -> str:
        return f"vector({_number(self.value)})"


@dataclass(frozen=True, slots=True)
class Binary:
    """With `as_bool` a comparison gives 1 or 0; without, it keeps the samples for which it holds."""

    operator: str
    left: Metric
    right: Metric
    as_bool: bool = False

    def __str__(self) -> str:
        return f"({self.left} {self.operator}{' bool' if self.as_bool else ''} {self.right})"


Metric: TypeAlias = RangeAggregation | VectorAggregation | Number | VectorOf | Binary
Expression: TypeAlias = LogQuery | Metric


def quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _listed(parts: tuple[object, ...]) -> str:
    return ", ".join(map(str, parts))


def _nested(condition: LabelCondition) -> str:
    return f"({condition})" if isinstance(condition, Both | Either) else str(condition)


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
