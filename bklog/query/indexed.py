"""Predicate -> what an index does for it: whether it answers it whole, so that what does not match is not read, and whether it
finds a page at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bklog.query.fields import LOG
from bklog.query.plan import AllOf, Always, AnyOf, HasPattern, HasWords, Plan, Predicate

MIN_INDEXED_PIECE: Final = 4  # the engine looks no shorter piece up in the words of its index


def is_indexed(plan: Plan) -> bool:
    """Whatever else is asked may be a scan. What a masking alters is compared row by row."""
    return _all(plan, _is_answered)


def is_found(plan: Plan) -> bool:
    """A page of it is whole before a second thread is of use. Phrases and patterns are read for in many granules."""
    return _all(plan, _is_word)


def _all(plan: Plan, holds: Callable[[Predicate], bool]) -> bool:
    return not plan.masking and all(scan.is_indexed and _each(scan.predicate, holds) for scan in plan.scans)


def _each(predicate: Predicate, holds: Callable[[Predicate], bool]) -> bool:
    match predicate:
        case Always():
            return True
        case AllOf(predicates) | AnyOf(predicates):
            return all(_each(inner, holds) for inner in predicates)
        case _:
            return holds(predicate)


def _is_answered(leaf: Predicate) -> bool:
    match leaf:
        case HasWords(target):
            return target == LOG
        case HasPattern(target, pieces):
            longest = max((len(piece) for piece in pieces if isinstance(piece, str)), default=0)
            return target == LOG and longest >= MIN_INDEXED_PIECE
        case _:
            return False


def _is_word(leaf: Predicate) -> bool:
    return isinstance(leaf, HasWords) and leaf.target == LOG and len(leaf.words) == 1
