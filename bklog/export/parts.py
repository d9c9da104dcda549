"""Parts: what the entry point gives to an export, so that it knows neither settings nor other features."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bklog.export.places import Places
from bklog.query import Masking, TableFields
from bklog.records import Limits
from bklog.store import LogTable, Searching


@dataclass(frozen=True, slots=True)
class Parts:
    """`tables` and `masking` are those of an index set now; `describe` says what the planner needs to know of them.

    `unsorted_at_once` slices of an unsorted export are read side by side.
    """

    store: Searching
    places: Places
    limits: Limits
    slice_rows: int
    unsorted_at_once: int
    slots: int
    most_attempts: int
    keep_days: int
    tables: Callable[[int], Sequence[LogTable]]
    masking: Callable[[int], Masking]
    describe: Callable[[Sequence[LogTable], Iterable[str]], Sequence[TableFields]]
    send: Callable[[str, int], None]
