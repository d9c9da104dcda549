"""Index sets as one search sees them: their tables once each, all that is masked in any of them, and a shared time budget.

names ─▶ Index … ─▶ View ─ looking(node, arrived_by) ─▶ Looking ─ run(output) ─▶ rows
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

from bklog.elastic.keys import illegal
from bklog.elastic.reader import TIMESTAMP
from bklog.errors import BadRequest, QuerySyntax
from bklog.query import UNMASKED, Masking, Plan, Query, TableFields, find_field, plan_analysis, render
from bklog.query.fields import COLUMN_KINDS, Kind
from bklog.query.moment import EARLIEST, LATEST, read_moment
from bklog.query.outputs import Field
from bklog.query.parser import MAX_TERMS, TOO_LARGE
from bklog.query.plan import Output, Predicate, Spread
from bklog.query.planner import find_predicates
from bklog.query.tree import And, Bound, Everything, Node, Range, Term, leaves
from bklog.records import Limits, Rows, TimeRange
from bklog.records.timerange import EPOCH
from bklog.search.catalogue import FieldCatalogue
from bklog.search.failures import SearchTimeout
from bklog.search.service import select
from bklog.store import LogTable, Searching

T = TypeVar("T")
MIN_SECONDS: Final = 0.05
MAX_WIDTH: Final = 2**62  # nanoseconds, within the engine's 64 bits
ALL_TIME: Final = TimeRange(EPOCH + timedelta(microseconds=EARLIEST // 1000), EPOCH + timedelta(microseconds=LATEST // 1000))


@dataclass(frozen=True, slots=True)
class Index:
    """An index set under its name."""

    name: str
    tables: tuple[LogTable, ...]
    masking: Masking
    pk: int


@dataclass(frozen=True, slots=True)
class Parts:
    """What answers: `deadline` is the `time.monotonic()` at which a request has used up its time."""

    store: Searching
    catalogue: FieldCatalogue
    limits: Limits
    now: datetime
    deadline: float
    answers: list[Rows] = field(default_factory=list)  # of all statements, for what they cost

    def remaining(self) -> Limits:
        """Raises SearchTimeout."""
        seconds = self.deadline - time.monotonic()
        if seconds < MIN_SECONDS:
            raise self.too_late()
        return replace(self.limits, seconds=min(seconds, self.limits.seconds))

    def too_late(self) -> SearchTimeout:
        hint = "narrow the time range, ask for less at once, or send the searches one by one"
        return SearchTimeout(f"the request took longer than {self.limits.seconds:g} seconds and was stopped", hint=hint)


class View:
    """A table that stands in several index sets is read once, as the first of them."""

    def __init__(self, indexes: Sequence[Index], parts: Parts) -> None:
        self.indexes = tuple(indexes)
        self.parts = parts
        owned: dict[str, tuple[LogTable, str]] = {}
        for index in indexes:
            for table in index.tables:
                owned.setdefault(table.name, (table, index.name))
        self.tables = tuple(table for table, _ in owned.values())
        self.owners = tuple(owner for _, owner in owned.values())
        self.masking = _masking(indexes)
        self._store = parts.store.of(self.tables) if self.tables else parts.store

    @property
    def known_names(self) -> frozenset[str] | None:
        """Of index sets that hide values: the names that no row has made. Another, put together, may tell what is hidden."""
        if not self.masking:
            return None
        return frozenset(COLUMN_KINDS).union([TIMESTAMP], *(table.types for table in self.tables))

    def describe(self, names: Sequence[str]) -> tuple[TableFields, ...]:
        return self.parts.catalogue.describe(self.tables, names)

    def is_text(self, name: str) -> bool:
        found = (table.find(name) for table in self.describe([name]))
        return any(target.kind is Kind.TEXT for target in found if target)

    def field(self, name: str) -> Field:
        """Raises BadRequest (`unknown_field`)."""
        return find_field(name, self.describe([name]))

    def predicates(self, node: Node) -> tuple[Predicate, ...]:
        """What a condition means in each table. Raises BadRequest."""
        return _without_place(lambda: find_predicates(Query(node), self.describe(names_in(node))))

    def looking(self, node: Node, *, arrived_by: int | None = None) -> Looking:
        return Looking(self, node, time_range_of(node) or ALL_TIME, arrived_by)

    def select(self, plan: Plan) -> Rows:
        try:
            rows = select(render(plan), self._store, self.parts.remaining())
        except SearchTimeout as error:  # after what is left of the time of the whole request
            raise self.parts.too_late() from error
        self.parts.answers.append(rows)
        return rows


@dataclass(frozen=True, slots=True)
class Looking:
    """One query under way over a view."""

    view: View
    node: Node
    time_range: TimeRange
    arrived_by: int | None

    def plan(self, output: Output) -> Plan:
        require_few(self.node)
        known = self.view.describe(names_in(self.node))
        plan = _without_place(
            lambda: plan_analysis(
                Query(self.node), tables=known, time_range=self.time_range, output=output, masking=self.view.masking
            )
        )
        return replace(plan, arrived_by=self.arrived_by)

    def run(self, output: Output) -> Rows:
        return self.read(self.plan(output))

    def read(self, plan: Plan) -> Rows:
        return self.view.select(plan)

    def newest_arrival(self) -> int:
        """When the last of the matching rows arrived, in nanoseconds since 1970: what is there now, and no later row."""
        plan = self.plan(Spread(1))
        rows = self.read(replace(plan, output=Spread(min(plan.end - plan.start, MAX_WIDTH)))).rows
        return max((int(arrived) for _, _, arrived in rows), default=0)


def names_in(node: Node) -> list[str]:
    named = (leaf.field for leaf, _ in leaves(node) if not isinstance(leaf, Everything))
    return list(dict.fromkeys(name for name in named if name))


def require_few(node: Node) -> None:
    terms = sum(1 for _ in leaves(node))
    if terms > MAX_TERMS:
        message = f"the query has {terms} terms; at most {MAX_TERMS} are searched for"
        raise BadRequest(message, hint="ask in several searches", code=TOO_LARGE)


def time_range_of(node: Node) -> TimeRange | None:
    """What every match lies in, as far as the tree says it at its top; None where that is nothing or everything."""
    start, end = EARLIEST, LATEST
    for one in node.nodes if isinstance(node, And) else (node,):
        match one:
            case Term(Range(low, high), "time"):
                start, end = max(start, _nanoseconds(low, start)), min(end, _nanoseconds(high, end))
    first = EPOCH + timedelta(microseconds=start // 1000)
    last = EPOCH + timedelta(microseconds=-(-end // 1000))
    return TimeRange(first, last) if first < last else None


def _nanoseconds(bound: Bound | None, otherwise: int) -> int:
    """An end as `reader.between` writes it."""
    moment = read_moment(bound.text) if bound else None
    return moment.start if moment else otherwise


def _masking(indexes: Sequence[Index]) -> Masking:
    """What any of them hides is hidden in all: a row is never shown rawer than by a search of its own index set."""
    kinds = {index.masking for index in indexes}
    if len(kinds) <= 1:
        return kinds.pop() if kinds else UNMASKED
    try:
        return Masking(tuple(dict.fromkeys(rule for index in indexes for rule in index.masking.rules)))
    except BadRequest as error:
        message = f"these index sets hide values by rules that do not go together: {error.message}"
        raise illegal(message, "search them one by one") from error


def _without_place(plan: Callable[[], T]) -> T:
    """A place in a query's text means nothing in a body of JSON."""
    try:
        return plan()
    except QuerySyntax as error:
        raise BadRequest(error.message, hint=error.hint, code=error.stable_code) from error
