"""SharedLine: the line of all web processes, kept at the broker; while that is away, each process has its own.

step ─▶ read the cell ─▶ the changed line ─ swap ─▶ kept, or somebody was faster: again
"""

from __future__ import annotations

import logging
import time
from typing import Final

from bklog.errors import Unavailable
from bklog.queues.cell import Cell
from bklog.search.line import Line, read_line
from bklog.search.turns import InProcess, Step

AWAY_SECONDS: Final = 5.0  # a broker that does not answer is not asked again for so long
logger = logging.getLogger("bklog.search")


class SharedLine:
    """A search does not fail because the broker is away. Steps find their claim missing where the line has changed, and stand
    in it again: who had a place in the other one keeps it until it ends.
    """

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._here = InProcess()
        self._away_until = 0.0

    def change(self, step: Step) -> Line:
        if time.monotonic() >= self._away_until:
            try:
                return self._change(step)
            except Unavailable as problem:
                self._away_until = time.monotonic() + AWAY_SECONDS
                logger.warning("searches take turns in each web process by itself", extra={"reason": problem.message})
        return self._here.change(step)

    def _change(self, step: Step) -> Line:
        while True:
            text, now = self._cell.read()
            line = read_line(text)
            changed = step(line, now)
            if changed is line or self._cell.swap(text, changed.as_text()):
                return changed
