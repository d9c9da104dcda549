"""Steps + what is known of the tables -> Table: every name becomes a column, every column has a type.

What has no meaning (an unknown column, the average of a time, a bucket where no time is left) is refused with its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from difflib import get_close_matches
from typing import Final, assert_never

from bklog.errors import BadRequest, Edit, QuerySyntax, Span
from bklog.query.buckets import DEFAULT_BUCKETS, edges, read_interval
from bklog.query.fields import COLUMN_KINDS, Kind, TableFields, nearest
from bklog.query.outputs import Field
from bklog.query.pipe.comparing import plan_test
from bklog.query.pipe.groups import named_groups
from bklog.query.pipe.steps import (
    Bucket,
    Dedup,
    Extract,
    Figure,
    Histogram,
    Key,
    Name,
    Piped,
    Show,
    Sort,
    SortKey,
    Stats,
    Step,
    Take,
    Top,
    Where,
)
from bklog.query.pipe.table import (
    IDENTITY,
    Aggregate,
    Column,
    Derive,
    Filter,
    First,
    Given,
    Group,
    GroupKey,
    OnePer,
    SortBy,
    Source,
    Stage,
    Table,
    Type,
)
from bklog.query.planner import find_field

DEFAULT_COLUMNS: Final = ("time", "host", "path", "stream", "level", "log", "fields")
NEWEST_FIRST: Final = tuple(SortBy(column, descending=True) for column in IDENTITY)
_NUMERIC: Final = ("sum", "avg", "min", "max", "median", "percentile")
_PLAIN_TYPES: Final = {Kind.INT: Type.INTEGER, Kind.FLOAT: Type.NUMBER}


@dataclass(frozen=True, slots=True)
class Around:
    """What a pipe is planned in. `start` and `end` are nanoseconds since 1970; `is_masked` makes texts of all values."""

    tables: Sequence[TableFields]
    start: int
    end: int
    zone: tzinfo
    is_masked: bool


def plan_table(piped: Piped, around: Around, limit: int) -> Table:
    """Raises QuerySyntax: `unknown_field`, `bad_value`, `interval`."""
    planner = _Planner(around)
    for step in piped.steps:
        planner.add(step)
    shown = planner.shown()
    return Table(tuple(planner.sources.values()), tuple(planner.stages), shown, planner.order, limit)


class _Planner:
    """`columns` are those that can be named now; while `rows` are left, every field can be, too."""

    def __init__(self, around: Around) -> None:
        self.around = around
        self.sources: dict[str, Source] = {}
        self.stages: list[Stage] = []
        self.columns: dict[str, Column] = {}
        self.order: tuple[SortBy, ...] = NEWEST_FIRST
        self.chosen = False  # `fields` or a group said which columns there are
        self.rows = True
        self.earliest = around.start
        self.places = 0

    def add(self, step: Step) -> None:
        match step:
            case Stats() | Histogram() | Top():
                self._group_by(step)
            case Sort(keys):
                self._sort(keys)
            case Take(number):
                self.stages.append(First(number, self.order))
            case Show(columns):
                self._show(columns)
            case Dedup(columns):
                self.stages.append(OnePer(self._find_all(columns), self.order))
            case Where(condition):
                self.stages.append(Filter(plan_test(condition, self.find)))
            case Extract():
                self._extract(step)
            case unreachable:
                assert_never(unreachable)

    def _group_by(self, step: Stats | Histogram | Top) -> None:
        match step:
            case Stats(figures, by):
                self._group(figures, by)
            case Histogram(bucket, by):
                self._group((Figure("count"),), (bucket, *by), is_filled=not by)
            case Top(number, columns):
                self._top(number, columns)

    def shown(self) -> tuple[Column, ...]:
        if self.chosen:
            return tuple(self.columns.values())
        names = dict.fromkeys([*DEFAULT_COLUMNS, *self.columns])
        return tuple(self.columns.get(name) or self._read(Name(name)) for name in names)

    def find(self, name: Name) -> Column:
        found = self.columns.get(name.text)
        if found is None and self.rows and not self.chosen:
            found = self._read(name)
        if found is None:
            raise self._unknown(name)
        return found

    def _find_all(self, names: Iterable[Name]) -> tuple[Column, ...]:
        return tuple(dict.fromkeys(self.find(name) for name in names))

    def _read(self, name: Name) -> Column:
        known = self.sources.get(name.text)
        if known is None:
            known = Source(*self._source(name))
            self.sources[name.text] = known
        return known.column

    def _source(self, name: Name) -> tuple[Column, Field | None]:
        if name.text == "fields":
            return self._new("fields", Type.OBJECT), None
        try:
            field = find_field(name.text, self.around.tables)
        except BadRequest as error:
            close = nearest(name.text, self.around.tables)
            edit = Edit(name.span.start, name.span.end, str(Name(close))) if close else None
            raise _misread(error.message, error.hint, name.span, "a field that a row has", "unknown_field", edit) from error
        return self._new(name.text, self._type(field)), field

    def _type(self, field: Field) -> Type:
        kind = field.targets[0].kind
        if kind is Kind.TIME:
            return Type.TIME
        return _PLAIN_TYPES.get(kind, Type.TEXT) if field.is_plain and not self.around.is_masked else Type.TEXT

    def _new(self, name: str, kind: Type, interval: str = "") -> Column:
        self.places += 1
        return Column(name, self.places, kind, interval)

    def _unknown(self, name: Name) -> QuerySyntax:
        close = get_close_matches(name.text, list(self.columns), n=1)
        edit = Edit(name.span.start, name.span.end, str(Name(close[0]))) if close else None
        hint = f"columns are: {', '.join(list(self.columns)[:20])}"
        message = f"the table has no column {name.text} here"
        return _misread(message, hint, name.span, "a column of the step before", "unknown_field", edit)

    def _group(self, figures: Sequence[Figure], by: Sequence[Key], *, is_filled: bool = False) -> None:
        keys = tuple(self._key(one) for one in by)
        aggregates = tuple(self._aggregate(one) for one in figures)
        columns = [*(key.column for key in keys), *(one.column for one in aggregates)]
        names = [column.name for column in columns]
        for place, name in enumerate(names):
            if name in names[:place]:
                span = figures[max(0, place - len(keys))].span
                message = f"two columns are called {name}"
                raise _misread(message, "give one another name with as", span, "a name of its own", "bad_value")
        self.stages.append(Group(keys, aggregates, is_filled))
        self.columns = {column.name: column for column in columns}
        self.order = tuple(SortBy(key.column, descending=False) for key in keys)
        self.chosen, self.rows = True, False

    def _key(self, key: Key) -> GroupKey:
        if isinstance(key, Name):
            source = self.find(key)
            if source.type is Type.OBJECT:
                raise _misread("fields is an object", "name one of its fields", key.span, "a field", "bad_value")
            return GroupKey(self._new(key.text, source.type, source.interval), source)
        source = self.find(Name("time", span=key.span))
        if source.type is not Type.TIME:
            raise _misread("no time is left to make buckets of", "group by bucket first", key.span, "a column", "bad_value")
        cut, interval = self._edges(key)
        self.earliest = cut[0]
        return GroupKey(self._new("time", Type.TIME, interval), source, cut)

    def _edges(self, bucket: Bucket) -> tuple[tuple[int, ...], str]:
        around = self.around
        try:
            interval = read_interval(bucket.interval, start=self.earliest, end=around.end, buckets=DEFAULT_BUCKETS)
        except BadRequest as error:
            raise _misread(error.message, error.hint, bucket.span, "a width", error.stable_code) from error
        return edges(interval, start=self.earliest, end=around.end, zone=around.zone), str(interval)

    def _aggregate(self, figure: Figure) -> Aggregate:
        source = self.find(figure.column) if figure.column else None
        kind = Type.INTEGER
        if source and figure.function in _NUMERIC:
            if source.type is Type.OBJECT or (source.type is Type.TIME and figure.function not in ("min", "max")):
                hint = "name a column of numbers; of a time there are min and max"
                message = f"{figure.function} of {source.name} has no meaning"
                raise _misread(message, hint, figure.span, "a column of numbers", "bad_value")
            is_kept = figure.function != "avg" and source.type in (Type.INTEGER, Type.TIME)
            kind = source.type if is_kept else Type.NUMBER
        level = 50.0 if figure.function == "median" else figure.level
        return Aggregate(self._new(figure.name, kind), figure.function, source, level)

    def _top(self, number: int, names: Sequence[Name]) -> None:
        for column in self._find_all(names):
            self.stages.append(Filter(Given(column)))
        self._group((Figure("count"),), tuple(dict.fromkeys(names)))
        count = self.columns["count"]
        self.order = (SortBy(count, descending=True), *self.order)
        self.stages.append(First(number, self.order))

    def _sort(self, keys: Sequence[SortKey]) -> None:
        """Rows that are equal by these keys keep the order that they had."""
        first = [SortBy(self.find(key.column), key.descending) for key in keys]
        for one, key in zip(first, keys, strict=True):
            if one.column.type is Type.OBJECT:
                raise _misread("fields is an object", "name one of its fields", key.column.span, "a field", "bad_value")
        self.order = (*first, *(one for one in self.order if one.column not in [key.column for key in first]))

    def _show(self, names: Sequence[Name]) -> None:
        columns = {name.text: self.find(name) for name in names}
        self.columns = {text: replace(column, name=text) for text, column in columns.items()}
        self.chosen = True

    def _extract(self, step: Extract) -> None:
        pattern, names = named_groups(step.pattern.pattern)
        source = self.find(step.column or Name("log", span=step.span))
        if source.type is not Type.TEXT:
            raise _misread(f"{source.name} is no text", "name a column of text", step.span, "a column of text", "bad_value")
        columns = tuple(self._new(name, Type.TEXT) for name in names)
        self.stages.append(Derive(source, pattern, columns))
        self.columns |= {column.name: column for column in columns}


Find = Callable[[Name], Column]


def _misread(message: str, hint: str, span: Span, expected: str, code: str, edit: Edit | None = None) -> QuerySyntax:
    return QuerySyntax(message, span=span, hint=hint, expected=expected, code=code, edit=edit)


def names_of_rows(piped: Piped) -> tuple[str, ...]:
    """The names that may be fields: what no step made. Some of them are columns only; the catalogue passes over those."""
    found: dict[str, None] = {}
    for step in piped.steps:
        for name in _names(step):
            found[name] = None
        if isinstance(step, Stats | Histogram | Top | Show):
            break
    return tuple(name for name in found if name not in COLUMN_KINDS and name != "fields")


def _names(node: object) -> Iterable[str]:
    """Every Name below a step, whatever holds it."""
    if isinstance(node, Name):
        yield node.text
    elif isinstance(node, tuple):
        for inner in node:
            yield from _names(inner)
    elif hasattr(node, "__dataclass_fields__"):
        for part in node.__dataclass_fields__:
            if part != "alias":
                yield from _names(getattr(node, part))
