"""str -> Query, with terms joined as Lucene's own parser joins them, for clients that expect that and not `parser.parse`.

Terms side by side are joined by the default operator, and AND, OR, +, - say of each term whether it must, may or must not hold:

    a b        a OR b              a AND b c    a AND b: c only changes the order of hits, which is that of time here
    a -b       a AND NOT b         a OR b AND c    b AND c, for the same reason

All else is the platform's query language.
"""

from __future__ import annotations

from enum import Enum

from bklog.query.parser import Parser, parse_by
from bklog.query.tree import Node, Not, Query, all_of, any_of


class Occurs(Enum):
    MUST = "must"
    MAY = "may"
    MUST_NOT = "must_not"


Clause = tuple[Occurs, Node]


def parse_lucene(text: str, *, all_must: bool) -> Query:
    """`all_must`: the default operator is AND. Raises QuerySyntax."""
    return parse_by(_AllMust if all_must else _AnyMay, text)


def joined(clauses: list[Clause]) -> Node:
    """What may hold decides only where nothing must."""
    must = [node for occurs, node in clauses if occurs is Occurs.MUST]
    may = [node for occurs, node in clauses if occurs is Occurs.MAY]
    kept = must or ([any_of(may)] if may else [])
    return all_of([*kept, *(Not(node) for occurs, node in clauses if occurs is Occurs.MUST_NOT)])


class _AnyMay(Parser):
    default = Occurs.MAY

    def any(self) -> Node:
        clauses: list[Clause] = []
        self.scan.skip_space()
        while not clauses or self.scan.peek() not in ("", ")"):
            self._clause(clauses)
            self.scan.skip_space()
        return joined(clauses)

    def _clause(self, clauses: list[Clause]) -> None:
        scan = self.scan
        is_and = bool(clauses) and scan.take_operator("AND")
        is_or = bool(clauses) and not is_and and scan.take_operator("OR")
        if clauses and (is_and or is_or):
            occurs, node = clauses[-1]
            changed = Occurs.MUST if is_and else self._beside_or(occurs)
            clauses[-1] = (occurs if occurs is Occurs.MUST_NOT else changed, node)
        scan.skip_space()
        self.enter()
        if scan.take_operator("NOT") or self.take_sign("!") or self.take_sign("-"):
            occurs = Occurs.MUST_NOT
        elif self.take_sign("+") or is_and:
            occurs = Occurs.MUST
        else:
            occurs = Occurs.MAY if is_or else self.default
        scan.skip_space()
        if scan.at_operator() or scan.peek() in ("", ")"):
            raise self.no_term()
        clauses.append((occurs, self.operand()))
        self.depth -= 1

    def _beside_or(self, occurs: Occurs) -> Occurs:
        return occurs


class _AllMust(_AnyMay):
    default = Occurs.MUST

    def _beside_or(self, occurs: Occurs) -> Occurs:
        return Occurs.MAY
