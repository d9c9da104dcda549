"""PacedStore: what is quick is answered at once; what is not gives way, and can be cancelled.

statement ─▶ all cores, for QUICK_SECONDS ─answered─▶ rows
                        └─ too slow ─▶ a turn, few threads ─▶ rows, or what the limit says

Nobody knows beforehand what a search costs. So each is begun, and only what turns out to be long waits for others like it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from bklog.errors import BklogError, StoreError
from bklog.records import Limits, Rows, Statement, Writing
from bklog.search.asking import Asking, who_asks
from bklog.search.failures import TIMEOUTS, cancelled
from bklog.search.turns import Turns
from bklog.store import LogTable, Searching

QUICK_SECONDS: Final = 2.0
CANCELLED_CODE: Final = "statement_cancelled"


class PacedStore:
    """A Searching over another; `turns` are those of long statements, `threads` what a long statement may use."""

    def __init__(self, store: Searching, turns: Turns, *, threads: int) -> None:
        self._store = store
        self._turns = turns
        self._threads = threads

    def of(self, tables: Iterable[LogTable]) -> PacedStore:
        return PacedStore(self._store.of(tables), self._turns, threads=self._threads)

    def select(self, statement: Statement, limits: Limits) -> Rows:
        """Limits with `threads` are those of a piece of something long, which is begun in its turn."""
        one = who_asks()
        limits = replace(limits, mark=one.mark)
        with _noticed(one):
            if not limits.threads:
                if limits.seconds <= QUICK_SECONDS:
                    return self._store.select(statement, limits)
                try:
                    return self._store.select(statement, replace(limits, seconds=QUICK_SECONDS))
                except StoreError as error:
                    if error.engine_code not in TIMEOUTS:
                        raise
            return self._in_turn(statement, limits, one)

    def _in_turn(self, statement: Statement, limits: Limits, one: Asking) -> Rows:
        one.turns_out_long()
        one.watched()
        with self._turns.turn(one.owner, one.space, seconds=limits.seconds, look=one.wait):
            one.look()
            return self._store.select(statement, replace(limits, threads=self._threads, mark=one.any_mark))

    def table(self, name: str) -> str:
        return self._store.table(name)

    def identity(self, table: str) -> str:
        return self._store.identity(table)

    def cancel(self, mark: str) -> int:
        return self._store.cancel(mark)

    def stream(self, statement: Statement, writing: Writing, limits: Limits) -> Generator[bytes]:
        return self._store.stream(statement, writing, limits)

    @property
    def shares_files(self) -> bool:
        return self._store.shares_files

    def stream_into(self, statement: Statement, writing: Writing, limits: Limits, *, name: str, at: int) -> Generator[bytes]:
        return self._store.stream_into(statement, writing, limits, name=name, at=at)


@contextmanager
def _noticed(one: Asking) -> Iterator[None]:
    """A statement that was cancelled says so, not that the store is away."""
    one.look()
    try:
        yield
    except BklogError as error:
        one.look()
        if error.stable_code == CANCELLED_CODE:
            raise cancelled() from error
        raise
