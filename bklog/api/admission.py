"""Which searches are let in: everything that reads rows for somebody asks here first.

bearer, index set, query ─▶ blocked? 403 ─▶ too many of its space begun? wait, or 429 ─▶ work
                                                                          └─ turns out to be long ─▶ its place goes to the next

The place is for the first moments of a search, in which it has all cores. What turns out to be long waits for a turn among
others like it (`search.pace`) and no longer counts here: so a quick search waits for quick ones, never for long ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Final

from django.conf import settings

from bklog.blocks.blocklist import Blocklist
from bklog.collect.models import IndexSet
from bklog.collect.searchable import Searchable
from bklog.errors import Overloaded
from bklog.records import Bearer
from bklog.search.asking import who_asks
from bklog.search.line import Rule
from bklog.search.turns import Bounds, InProcess, Turns

BLOCKS: Final = Blocklist()


@contextmanager
def admitted(bearer: Bearer, index_set: Searchable | IndexSet, query: object) -> Iterator[None]:
    """`query` is what came, text or not. Raises Forbidden (`search_blocked`), Overloaded (`space_busy`), SearchCancelled."""
    require_not_blocked(bearer, index_set.pk, query)
    with placed(bearer, index_set.space):
        yield


@contextmanager
def placed(bearer: Bearer, space: str) -> Iterator[None]:
    """Within another one both are given back where it turns out to be long. Raises Overloaded, SearchCancelled."""
    one, turns = who_asks(bearer.name), begun_turns()
    one.space = space
    claim = turns.enter(bearer.name, space, seconds=settings.BKLOG_SEARCH_SECONDS, look=one.wait)
    leave_others = one.turns_out_long

    def leave_all() -> None:
        leave_others()
        turns.leave(claim)

    one.turns_out_long = leave_all
    try:
        yield
    finally:
        one.turns_out_long = leave_others
        turns.leave(claim)


def require_not_blocked(bearer: Bearer, index_set_id: int, query: object) -> None:
    """Raises Forbidden (`search_blocked`)."""
    BLOCKS.require_free(query if isinstance(query, str) else "", index_set_id=index_set_id, owner=bearer.name)


@lru_cache(maxsize=1)
def begun_turns() -> Turns:
    """Of this process: a count over all of them would cost each quick search more than it may take (docs/adr/0010)."""
    bounds = Bounds(
        waiting=settings.BKLOG_SEARCH_WAITING,
        of_a_space=settings.BKLOG_SEARCH_WAITING_PER_SPACE,
        seconds=settings.BKLOG_SEARCH_WAIT_SECONDS,
        refuse=_busy,
    )
    return Turns(Rule(of_a_space=settings.BKLOG_SEARCH_AT_ONCE_PER_SPACE), bounds, InProcess())


def _busy(why: str) -> Overloaded:
    most = settings.BKLOG_SEARCH_AT_ONCE_PER_SPACE
    hint = "try again in a moment; BKLOG_SEARCH_AT_ONCE_PER_SPACE searches of a space are begun at a time"
    return Overloaded(f"{most} searches of this space run already: {why}", retry_after_seconds=1, hint=hint, code="space_busy")
