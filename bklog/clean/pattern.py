"""A pattern's text -> its groups in their order, named or not: which field each part of a line becomes.

Only brackets are read here. Whether the engine can run the pattern is for the engine to say, on an empty line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

MAX_PATTERN_CHARACTERS: Final = 2_000
# An escape, a class, or a bracket that opens: a group with a name, what is no group, or a group without a name.
_PART: Final = re.compile(
    r"\\."
    r"|\[\^?\]?(?:\\.|\[:\^?[a-z]+:\]|[^\]\\])*\]"
    r"|\((?:\?P?<(?P<name>[A-Za-z_]\w*)>|(?P<other>\?))?",
    re.DOTALL | re.ASCII,
)


def groups_of(pattern: str) -> Sequence[str]:
    """The names of all capturing groups; '' for one without a name."""
    opened = [one for one in _PART.finditer(pattern) if one[0].startswith("(") and not one["other"]]
    return [one["name"] or "" for one in opened]
