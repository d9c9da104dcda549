"""What the clauses of the query DSL share: their reader, names of fields, times, and how clauses are joined."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb
from typing import Any, Final

from bklog.elastic.dates import Clock, write_date
from bklog.elastic.keys import Keys, illegal, single, text_of, wrong
from bklog.query.moment import Moment
from bklog.query.parser import MAX_DEPTH
from bklog.query.tree import Bound, Everything, Node, Not, Phrase, Range, Term, Value, all_of, any_of

TIMESTAMP: Final = "@timestamp"
TIME_FIELDS: Final = ("time", "ingest_time")
NOTHING: Final = Not(Everything())
MAX_CHOICES: Final = 100
UNRANKED: Final = ("boost", "_name")  # they change the score and the name of a clause, and never which hits there are


@dataclass(frozen=True, slots=True)
class Reader:
    """`is_text` tells of a field's name whether it is compared by words."""

    clock: Clock
    is_text: Callable[[str], bool]
    clauses: Mapping[str, Callable[[Reader, Any], Node]]
    depth: int = 0

    def node(self, raw: object) -> Node:
        """Raises BadRequest; QuerySyntax of a query string."""
        if self.depth > MAX_DEPTH:
            raise illegal(f"the query is nested more than {MAX_DEPTH} deep")
        kind, body = single(raw, "query")
        clause = self.clauses.get(kind)
        if clause is None:
            raise wrong(f"the query [{kind[:60]}] is not supported", f"there are {', '.join(sorted(self.clauses))}")
        return clause(replace(self, depth=self.depth + 1), body)


def field_name(name: str) -> str:
    """The platform's name of a field."""
    return "time" if name == TIMESTAMP else name


def shown_field(name: str) -> str:
    return TIMESTAMP if name == "time" else name


def every(nodes: Sequence[Node]) -> Node:
    kept = [node for node in nodes if node != Everything()]
    return all_of(kept) if kept else Everything()


def minimum(raw: object, count: int) -> int:
    """`2`, `-1` (all but one), `75%`, `-25%`. Raises BadRequest for the conditional forms."""
    found = re.fullmatch(r"(-?)(\d{1,4})(%?)", str(raw), re.ASCII)
    if not found or isinstance(raw, bool):
        raise illegal(f"minimum_should_match [{str(raw)[:40]}] is not supported", "write 1, -1, 75% or -25%")
    number = int(found[2]) * count // 100 if found[3] else int(found[2])
    return max(0, count - number if found[1] else number)


def at_least(nodes: Sequence[Node], least: int) -> Node:
    if least > len(nodes):
        return NOTHING
    if least == 1:
        return any_of(nodes)
    if comb(len(nodes), least) > MAX_CHOICES:
        raise illegal(f"there are too many ways to choose {least} of {len(nodes)} clauses", "write the groups that you mean")
    return any_of([all_of(chosen) for chosen in combinations(nodes, least)])


def of_field(body: Any, value_key: str, known: Sequence[str], where: str) -> tuple[str, Keys]:
    """`{field: value}` and `{field: {value_key: value, …}}` are one."""
    name, raw = single(
        {key: one for key, one in body.items() if key not in UNRANKED} if isinstance(body, dict) else body, where
    )
    return field_name(name), Keys(raw if isinstance(raw, Mapping) else {value_key: raw}, (value_key, *known, *UNRANKED), where)


def term(name: str, value: Value) -> Node:
    return Term(value, None if name == "log" else name)


def exactly(reader: Reader, name: str, value: object, where: str) -> Node:
    if name in TIME_FIELDS:
        return within(name, reader.clock.read(value))
    return term(name, Phrase(text_of(value, where)))


def time_range(name: str, ends: Mapping[str, Moment]) -> Node:
    low: int | None = None
    high: int | None = None
    for end, moment in ends.items():
        match end:
            case "gte":
                low = moment.start
            case "gt":
                low = moment.end
            case "lte":
                high = moment.end
            case _:
                high = moment.start
    return between(name, low, high)


def between(name: str, low: int | None, high: int | None) -> Node:
    """`low <= time < high`, in nanoseconds."""
    return Term(Range(_instant(low, inclusive=True), _instant(high, inclusive=False)), name)


def within(name: str, moment: Moment) -> Node:
    return between(name, moment.start, moment.end)


def _instant(nanoseconds: int | None, *, inclusive: bool) -> Bound | None:
    return None if nanoseconds is None else Bound(write_date(nanoseconds, "strict_date_optional_time_nanos"), inclusive)
