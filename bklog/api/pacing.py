"""Settings -> how searches give way to each other and are called off, over all web processes.

Apart from `wiring`, as `ingest` needs none of it, and what speaks to the broker is 13 MB of a process.
"""

from __future__ import annotations

import os
from functools import lru_cache

from django.conf import settings

from bklog.api.wiring import the_store
from bklog.queues.cell import Cell, UnderWay, has_cells
from bklog.search.line import Rule
from bklog.search.pace import PacedStore
from bklog.search.shared_line import SharedLine
from bklog.search.turns import Bounds, InProcess, Turns, queue_full
from bklog.search.watch import KEPT_SECONDS, Watch
from bklog.store import Searching


def paced(store: Searching) -> PacedStore:
    """For what rows are read with: long searches give way to quick ones, and those of one person to those of others."""
    return PacedStore(store, _turns(), threads=max(1, (os.cpu_count() or 2) // 4))


@lru_cache(maxsize=1)
def _turns() -> Turns:
    """Of all web processes where the broker can keep their line, else of this one."""
    rule = Rule(at_once=settings.BKLOG_SEARCH_LONG_AT_ONCE, of_a_space=settings.BKLOG_SEARCH_AT_ONCE_PER_SPACE)
    waiting = settings.BKLOG_SEARCH_LONG_WAITING
    bounds = Bounds(waiting, of_a_space=waiting, seconds=settings.BKLOG_SEARCH_SECONDS, refuse=queue_full)
    return Turns(rule, bounds, SharedLine(Cell("long-searches-1")) if has_cells() else InProcess())


@lru_cache(maxsize=1)
def the_watch() -> Watch:
    return Watch(the_store, UnderWay("search", seconds=KEPT_SECONDS) if has_cells() else None)
