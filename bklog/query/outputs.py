"""What an analysis gives instead of rows: decided and checked, before any SQL. Its limits have no default."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, TypeAlias
from uuid import UUID

from bklog.query.fields import Kind, Target

NULLABLE: Final = (Kind.INT, Kind.FLOAT, Kind.BOOL, Kind.DYNAMIC)


def common_width(edges: Sequence[int]) -> int | None:
    widths = {after - before for before, after in pairwise(edges)}
    return widths.pop() if len(widths) == 1 else None


@dataclass(frozen=True, slots=True)
class Field:
    """A field by the name that it was asked by, and what it is in the table of each scan, in their order."""

    name: str
    targets: tuple[Target, ...]

    @property
    def is_nullable(self) -> bool:
        """Whether a row without it has NULL there; else it has the empty text."""
        return any(target.kind in NULLABLE for target in self.targets)

    @property
    def is_plain(self) -> bool:
        """Whether the column's own values can be grouped: every table has them of one type, which is not text."""
        kinds = {target.kind for target in self.targets}
        return len(kinds) == 1 and kinds <= {Kind.INT, Kind.FLOAT, Kind.BOOL}

    @property
    def is_whole(self) -> bool:
        return all(target.kind is Kind.INT for target in self.targets)


@dataclass(frozen=True, slots=True)
class Histogram:
    """Rows in each bucket; with a field also in each bucket of each of its `limit` most frequent values."""

    edges: tuple[int, ...]
    field: Field | None
    limit: int

    @property
    def width(self) -> int | None:
        """Nanoseconds of every bucket, None where they differ."""
        return common_width(self.edges)


@dataclass(frozen=True, slots=True)
class Terms:
    """The most frequent values of the first field, within each those of the second, and so on; all counts are exact.

    With a `prefix`, which is folded, only the rows are counted whose first field begins with it in any case.
    """

    fields: tuple[Field, ...]
    limits: tuple[int, ...]
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class TopValues:
    """The most frequent values in bounded memory: each count comes with the most that it may be too high."""

    field: Field
    limit: int
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Distinct:
    field: Field
    is_exact: bool


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the numbers of a field amount to; text that reads as a number is one. `percentiles` are from 0 to 100.

    With `has_ends` also the first and the last of all its values, in the order of their bytes.
    """

    field: Field
    percentiles: tuple[float, ...]
    is_exact: bool
    has_ends: bool


@dataclass(frozen=True, slots=True)
class SliceCounts:
    """Rows of each scan in each slice of the range."""

    edges: tuple[int, ...]

    @property
    def width(self) -> int | None:
        return common_width(self.edges)


@dataclass(frozen=True, slots=True)
class Slice:
    """The newest `limit` matching rows of a scan from `start` to `end`."""

    scan: int
    start: int
    end: int
    limit: int


@dataclass(frozen=True, slots=True)
class FieldSample:
    """Which fields the rows of the slices have; `typed` are the typed paths of each scan's table."""

    slices: tuple[Slice, ...]
    typed: tuple[tuple[Target, ...], ...]
    limit: int


@dataclass(frozen=True, slots=True)
class Located:
    """One row by its identity: where it stands, and what tells apart the streams."""

    time: int
    batch: UUID
    row: int


@dataclass(frozen=True, slots=True)
class Anchor:
    """The row that a context is asked for. `arrival` is in microseconds, `time` in nanoseconds since 1970."""

    time: int
    arrival: int
    batch: UUID
    row: int
    source: tuple[str, str, str]  # host, path, stream


@dataclass(frozen=True, slots=True)
class Neighbours:
    """`before` rows, the anchor and `after` rows, whose first `same` of host, path and stream are the anchor's.

    In the order of arrival, which is that of a stream; else by time, and by arrival where times are equal. `within_seconds`
    bounds how far from the anchor the first of the order may lie; None is without bound.
    """

    anchor: Anchor
    before: int
    after: int
    same: int
    by_arrival: bool
    within_seconds: int | None


@dataclass(frozen=True, slots=True)
class Arrival:
    """What one insert brought to one day (`YYYY-MM-DD`): its rows are seen all at once, or not yet.

    `time` is the time of the insert, in microseconds since 1970; `rows` are all that it brought, whatever they hold.
    """

    time: int
    batch: UUID
    day: str
    rows: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Arrived:
    """The matching rows of these arrivals as lines of JSON, in the order of their coming, up to `limit`.

    `columns` and `paths` are those of a page.
    """

    arrivals: tuple[Arrival, ...]
    columns: tuple[str, ...]
    paths: tuple[str, ...] | None
    limit: int


@dataclass(frozen=True, slots=True)
class ArrivedCount:
    """How many rows of these arrivals match."""

    arrivals: tuple[Arrival, ...]


Analysis: TypeAlias = Histogram | Terms | TopValues | Distinct | Numbers | SliceCounts | FieldSample
