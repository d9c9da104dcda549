"""Predicate -> whether an index answers it whole, so that what does not match is not read: what else is asked may be a scan."""

from __future__ import annotations

from bklog.query.fields import LOG
from bklog.query.plan import AllOf, Always, AnyOf, HasPattern, HasWords, Plan, Predicate
from bklog.query.sql import MIN_INDEXED_PIECE


def is_indexed(plan: Plan) -> bool:
    """Of tables that have an index. What a masking alters is compared row by row."""
    return not plan.masking and all(_is_answered(scan.predicate) for scan in plan.scans)


def _is_answered(predicate: Predicate) -> bool:
    match predicate:
        case Always():
            return True
        case HasWords(target):
            return target == LOG
        case HasPattern(target, pieces):
            longest = max((len(piece) for piece in pieces if isinstance(piece, str)), default=0)
            return target == LOG and longest >= MIN_INDEXED_PIECE
        case AllOf(predicates) | AnyOf(predicates):
            return all(_is_answered(inner) for inner in predicates)
        case _:
            return False
