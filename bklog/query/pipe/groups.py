"""A regular expression with named groups -> one in which only these are groups, and their names in order."""

from __future__ import annotations

import re
from typing import Final

# As in `scanner`: what is no bracket is an escape or a class.
_PART: Final = re.compile(
    r"\\.|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]|\((?:\?P?<(?![=!])(?P<name>[^<>()]*)>|(?P<other>\?))?", re.DOTALL
)


def named_groups(pattern: str) -> tuple[str, tuple[str, ...]]:
    names: list[str] = []

    def plain(found: re.Match[str]) -> str:
        if not found[0].startswith("(") or found["other"]:
            return found[0]
        if found["name"] is None:
            return "(?:"
        names.append(found["name"])
        return "("

    return _PART.sub(plain, pattern), tuple(names)
