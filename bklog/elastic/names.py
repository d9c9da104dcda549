"""Names of indexes as a path has them -> names of index sets: lists, wildcards, `_all`, and `-name` for all but one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bklog.errors import NotFound


def chosen(wanted: Sequence[str], known: Sequence[str], *, ignore_missing: bool = False) -> list[str]:
    """In the order of `known`. A pattern may mean none; for a name of none: NotFound (`index_not_found_exception`)."""
    found: set[str] = set()
    for one in wanted or ("_all",):
        if one in ("_all", "*", ""):
            found |= set(known)
        elif one.startswith("-") and found:
            found -= set(_matching(one[1:], known))
        elif "*" in one or one in known:
            found |= set(_matching(one, known))
        elif not ignore_missing:
            hint = f"there are: {', '.join(known[:20]) or 'none'}"
            raise NotFound(f"no such index [{one[:200]}]", hint=hint, code="index_not_found_exception")
    return [name for name in known if name in found]


def _matching(pattern: str, known: Sequence[str]) -> list[str]:
    expression = re.compile(".*".join(re.escape(piece) for piece in pattern.split("*")), re.DOTALL)
    return [name for name in known if expression.fullmatch(name)]
