"""FieldCatalogue: which paths of `fields` the rows of a table have. One per process, kept between searches.

Only a query that names a path the clean rule does not know is answered from the store (9 ms over 2 million rows: the
parts' metadata has the paths), and a name that is not yet kept is always asked for again: a new field is found at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bklog.query import TableFields
from bklog.query.fields import needs_paths
from bklog.query.sql import render_paths
from bklog.records import Limits
from bklog.store import LogTable, Searching

KEEP_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class _Known:
    paths: frozenset[str]
    read_at: float


class FieldCatalogue:
    def __init__(self, store: Searching, limits: Limits) -> None:
        self._store = store
        self._limits = limits
        self._known: dict[str, _Known] = {}

    def describe(self, tables: Sequence[LogTable], names: Iterable[str]) -> tuple[TableFields, ...]:
        """What the planner needs to read `names`, the fields that a search speaks of."""
        wanted = frozenset(names)
        return tuple(self._describe(table, wanted) for table in tables)

    def describe_all(self, tables: Sequence[LogTable]) -> tuple[TableFields, ...]:
        """With every path that the rows have; one that is new is told within a minute."""
        nothing: frozenset[str] = frozenset()
        return tuple(self._fields(table, self._paths(table, nothing)) for table in tables)

    def _describe(self, table: LogTable, names: frozenset[str]) -> TableFields:
        missing = needs_paths(names, table.types)
        return self._fields(table, self._paths(table, missing) if missing else frozenset())

    def _fields(self, table: LogTable, paths: frozenset[str]) -> TableFields:
        quoted = self._store.of([table]).table(table.name)
        return TableFields(quoted, table.types, paths, is_indexed=table.index != "none")

    def _paths(self, table: LogTable, names: frozenset[str]) -> frozenset[str]:
        known = self._known.get(table.name)
        is_fresh = known is not None and time.monotonic() - known.read_at < KEEP_SECONDS
        if known and is_fresh and not needs_paths(names, dict.fromkeys(known.paths, "string")):
            return known.paths
        store = self._store.of([table])
        rows = store.select(render_paths(store.table(table.name)), self._limits)
        paths = frozenset(path for (path,) in rows.rows)
        self._known[table.name] = _Known(paths, time.monotonic())
        return paths
