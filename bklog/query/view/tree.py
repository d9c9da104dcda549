"""What the engine makes of a statement (EXPLAIN QUERY TREE) -> nothing, or a refusal: the second look, by the engine's parser.

Nothing is run for it: `run_passes = 0` is the tree as it was read. Names of functions and of what stands after FROM are there
as the engine will use them, whatever `check` took them for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from bklog.query.view.names import FUNCTIONS, OPERATORS
from bklog.query.view.tokens import refuse

PARSED: Final = "EXPLAIN QUERY TREE run_passes = 0 "
RESOLVED: Final = "EXPLAIN QUERY TREE "
NO_TABLE: Final = "system.one"  # what a SELECT without FROM reads: one row of nothing
_FUNCTION: Final = re.compile(r"\s*FUNCTION id: \d+.*?, function_name: ([^,]+)")
_IDENTIFIER: Final = re.compile(r"\s*IDENTIFIER id: \d+.*?, identifier: (.+)")
_TABLE: Final = re.compile(r"\s*TABLE id: \d+.*?, table_name: ([^,]+)")
_COLUMN: Final = re.compile(r"    (\S.*)")


def check_parsed(lines: Iterable[str], names: tuple[str, ...], length: int) -> None:
    """Raises QuerySyntax (`sql_refused`) for a function that is not allowed, a table function, or another table."""
    found = list(lines)
    for line in found:
        function = _FUNCTION.match(line)
        if function and function[1].lower() not in FUNCTIONS | OPERATORS:
            raise refuse(f"the function {function[1]}() is not allowed", "docs/sql.md lists those that are", 0, length)
        if line.strip().startswith("TABLE_FUNCTION"):
            raise refuse("a table function is not allowed", "read logs", 0, length)
    for name in _tables(found):
        if name.strip("`") not in (*names, NO_TABLE):
            raise refuse(f"the table {name[:60]} is not reached", "read logs", 0, length)


def _tables(lines: list[str]) -> Iterator[str]:
    """The identifiers directly below JOIN TREE, and below the joins there."""
    depths: list[int] = []
    for line in lines:
        depth = len(line) - len(line.lstrip())
        while depths and depth <= depths[-1]:
            depths.pop()
        if line.strip() == "JOIN TREE" or line.endswith("TABLE EXPRESSION"):
            depths.append(depth)
        elif depths and depth == depths[-1] + 2 and (found := _IDENTIFIER.match(line)):
            yield found[1].split(",")[0]


def check_resolved(lines: Iterable[str], tables: Iterable[str]) -> None:
    """The last look: every table that the engine would read is one of the index set's."""
    known = {name.replace("`", "") for name in tables} | {NO_TABLE}
    for line in lines:
        table = _TABLE.match(line)
        if line.strip().startswith("TABLE_FUNCTION") or (table and table[1].replace("`", "") not in known):
            raise refuse("the statement would read another table", "read logs", 0, 0)


def column_types(lines: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """(name, type) of the columns of the answer, by the engine's analysis."""
    found: list[tuple[str, str]] = []
    inside = False
    for line in lines:
        if line == "  PROJECTION COLUMNS":
            inside = True
        elif inside and (column := _COLUMN.fullmatch(line)) and not line.startswith("     "):
            found.append(_named(column[1]))
        elif inside:
            break
    return tuple(found)


def _named(text: str) -> tuple[str, str]:
    """A type begins after the last blank that stands outside of its brackets and quotes."""
    depth = 0
    for place in range(len(text) - 1, 0, -1):
        depth += {")": 1, "(": -1}.get(text[place], 0)
        if text[place] == " " and depth == 0:
            return text[:place], text[place + 1 :]
    return text, ""
