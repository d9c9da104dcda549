"""CleanRule -> Reading: the SQL that makes of a line the text of a JSON object, which is what fields are read from.

json:    the line itself
regexp:  line ──pattern──▶ groups ──▶ the named ones that caught something
logfmt:  line ──key=value key="a value"──▶ pairs
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from bklog.clean.pattern import groups_of
from bklog.clean.rule import CleanRule

MAX_PAIRS: Final = 1_000  # the engine refuses the whole statement where a line has more


@dataclass(frozen=True, slots=True)
class Reading:
    """`text` is an expression of the aliases in `prepare`, empty for a line of another kind, which is marked `unread`."""

    text: str
    unread: str
    prepare: tuple[tuple[str, str], ...] = ()
    params: Mapping[str, str] = field(default_factory=dict)


def reading_of(rule: CleanRule, *, suffix: str = "") -> Reading:
    """Of the column `line`. `suffix` keeps names apart where two rules read in one statement."""
    match rule.kind:
        case "regexp":
            return _of_pattern(rule.pattern, suffix)
        case "logfmt":
            return Reading(f"object{suffix}", "no_pairs", ((f"object{suffix}", _pairs()),))
        case _:
            return Reading("line", "not_json_object")


def _of_pattern(pattern: str, suffix: str) -> Reading:
    """What a group did not catch is no field: so `-` and nothing can be left out, and a number be a number."""
    groups, name = f"groups{suffix}", f"pattern{suffix}"
    named = [(one, place) for place, one in enumerate(groups_of(pattern), start=1) if one]
    pairs = ", ".join(f"'{one}', {groups}[{place}]" for one, place in named)
    caught = f"toJSONString(mapFilter((name, caught) -> caught != '', map({pairs})))"
    prepare = (
        (groups, f"extractGroups(line, {{{name}:String}})"),
        (f"object{suffix}", f"if(empty({groups}), '', {caught})"),
    )
    return Reading(f"object{suffix}", "pattern_unmatched", prepare, {name: pattern})


def _pairs() -> str:
    """Escapes are read only where a quote is escaped: elsewhere a backslash is one, as in a path of Windows."""
    line = f"if(countSubstrings(line, '=') > {MAX_PAIRS}, '', line)"
    escaped, plain = (
        f"{name}({line}, '=', ' ', '\"')" for name in ("extractKeyValuePairsWithEscaping", "extractKeyValuePairs")
    )
    pairs = f"if(position(line, '\\\\\"') > 0, {escaped}, {plain})"
    return f"if(position(line, '=') = 0 OR empty({pairs}), '', toJSONString({pairs}))"
