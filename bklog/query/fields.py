"""Field names -> targets: what a name in a query means in one table, and how its values compare.

host, level, log …       a column that every table has
status, fields.status    a path of `fields`: typed by the clean rule, or found in the data
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import Final

PREFIX: Final = "fields."


class Kind(Enum):
    """How values compare: TEXT by words, KEYWORD whole, CASELESS whole but for case, DYNAMIC by their text."""

    TEXT = "text"
    KEYWORD = "keyword"
    CASELESS = "caseless"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    TIME = "time"
    DYNAMIC = "dynamic"


COLUMN_KINDS: Final[Mapping[str, Kind]] = {
    "time": Kind.TIME,
    "ingest_time": Kind.TIME,
    "host": Kind.KEYWORD,
    "path": Kind.KEYWORD,
    "stream": Kind.KEYWORD,
    "level": Kind.CASELESS,
    "log": Kind.TEXT,
    "parse_error": Kind.KEYWORD,
}
RULE_KINDS: Final[Mapping[str, Kind]] = {
    "string": Kind.TEXT,
    "keyword": Kind.KEYWORD,
    "int": Kind.INT,
    "float": Kind.FLOAT,
    "bool": Kind.BOOL,
}


@dataclass(frozen=True, slots=True)
class Target:
    """A column by its name, or with `inside` a path of `fields`."""

    name: str
    kind: Kind
    inside: bool = False


LOG: Final = Target("log", Kind.TEXT)
FIELDS: Final = Target("fields", Kind.DYNAMIC)  # the whole object: a name to show, none to compare with


@dataclass(frozen=True, slots=True)
class TableFields:
    """What the planner knows of a table: its quoted name, the typed fields, the `paths` that occur in its rows, and whether an
    index has the words of its lines.
    """

    table: str
    types: Mapping[str, str]
    paths: frozenset[str] = frozenset()
    is_indexed: bool = True

    def find(self, name: str) -> Target | None:
        if name in COLUMN_KINDS:
            return Target(name, COLUMN_KINDS[name])
        for path in (name.removeprefix(PREFIX), name):
            if path in self.types:
                return Target(path, RULE_KINDS[self.types[path]], inside=True)
            if path in self.paths:
                return Target(path, Kind.DYNAMIC, inside=True)
        return None


def needs_paths(names: Iterable[str], types: Mapping[str, str]) -> frozenset[str]:
    """The names that neither a column nor the clean rule explains: only they need a look into the data."""
    table = TableFields("", types)
    return frozenset(name for name in names if table.find(name) is None)


def nearest(name: str, tables: Iterable[TableFields]) -> str:
    """The known name that a name is most like; empty where none is like it."""
    close = get_close_matches(name.removeprefix(PREFIX), sorted(_known(tables)), n=1)
    return close[0] if close else ""


def _known(tables: Iterable[TableFields]) -> frozenset[str]:
    return frozenset(COLUMN_KINDS).union(*((*table.types, *table.paths) for table in tables))


def hint_for(name: str, tables: Iterable[TableFields]) -> str:
    """What to write instead of a name that no table knows."""
    known = _known(tables)
    inner = sorted(path for path in known if path.startswith(f"{name.removeprefix(PREFIX)}."))
    if inner:
        return f"{name} is an object; its fields: {', '.join(inner[:5])}"
    close = get_close_matches(name.removeprefix(PREFIX), sorted(known), n=3)
    meant = f"did you mean {' or '.join(close)}? " if close else ""
    return f"{meant}to find the text itself, put it in quotes; a field is known once a stored row has it"
