"""Plan -> Rows: one statement to the store, and what its refusal and its cost mean to who asked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from bklog.errors import BadRequest, BklogError, StoreError
from bklog.query import Query
from bklog.query.tree import Everything, leaves
from bklog.records import Limits, Rows, Statement
from bklog.store import Store

# ClickHouse's numbers: TIMEOUT_EXCEEDED and TOO_SLOW, MEMORY_LIMIT_EXCEEDED, CANNOT_COMPILE_REGEXP.
TIMEOUTS: Final = (159, 160)
OUT_OF_MEMORY: Final = 241
BAD_REGEX: Final = 427


class SearchTimeout(BklogError):
    code = "search_timeout"
    status = 504
    exit_code = 6


class SearchTooLarge(BklogError):
    code = "search_too_large"
    status = 507
    exit_code = 6


@dataclass(frozen=True, slots=True)
class Statistics:
    """`complete`: all of the range was considered. A search that cannot finish is an error, never half an answer."""

    rows_read: int
    bytes_read: int
    milliseconds: float
    complete: bool

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Explanation:
    query: str
    plan: dict[str, Any]
    statement: Statement
    engine: str

    def as_dict(self) -> dict[str, Any]:
        statement = {"text": self.statement.text, "params": dict(self.statement.params)}
        return {"query": self.query, "plan": self.plan, "statement": statement, "engine": self.engine}


def select(statement: Statement, store: Store, limits: Limits) -> Rows:
    try:
        return store.select(statement, limits)
    except StoreError as error:
        raise _explained(error, limits) from error


def _explained(error: StoreError, limits: Limits) -> BklogError:
    """The engine's refusals that the caller can do something about, in the caller's words."""
    if error.engine_code in TIMEOUTS:
        hint = "narrow the time range, or add a word or a field that few rows have"
        return SearchTimeout(f"the search took longer than {limits.seconds:g} seconds and was stopped", hint=hint)
    if error.engine_code == OUT_OF_MEMORY:
        hint = "narrow the time range, lower the limit, or name the fields to return"
        return SearchTooLarge(f"the search needed more than {limits.memory_bytes} bytes of memory", hint=hint)
    if error.engine_code == BAD_REGEX:
        hint = "the syntax is RE2: no look-around, no back-references"
        return BadRequest(f"a regular expression cannot be read: {error.message}", hint=hint, code="bad_regex")
    return error


def measure(answers: Sequence[Rows], started: float) -> Statistics:
    """`started` is the `time.perf_counter()` at which the question came."""
    milliseconds = round((time.perf_counter() - started) * 1000, 3)
    rows_read, bytes_read = sum(one.rows_read for one in answers), sum(one.bytes_read for one in answers)
    return Statistics(rows_read, bytes_read, milliseconds, complete=True)


def fields_named(query: Query) -> list[str]:
    return [leaf.field for leaf, _ in leaves(query.node) if not isinstance(leaf, Everything) and leaf.field]
