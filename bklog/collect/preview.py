"""A clean rule tried on lines before it is anybody's: JSON object -> Preview -> the engine's own reading of each line.

Lines are those that the caller sends; the statement is the one of lines that come in, so that it cannot say anything else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bklog.clean import CleanRule, sample
from bklog.collect.drafts import MAX_RETENTION_DAYS, refuse
from bklog.errors import BadRequest, BklogError, StoreError
from bklog.records import Limits
from bklog.store import Searching

MAX_LINES: Final = 50
MAX_CHARACTERS: Final = 50_000  # of all lines: they travel in an address, for which a server takes a megabyte
LIMITS: Final = Limits(seconds=10, memory_bytes=1 << 30, result_rows=MAX_LINES)
BAD_PATTERN: Final = 427  # CANNOT_COMPILE_REGEXP, as the engine counts
KNOWN: Final = ("clean_rule", "lines", "retention_days")


@dataclass(frozen=True, slots=True)
class Preview:
    rule: CleanRule
    lines: Sequence[str]
    retention_days: int

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any], *, retention_days: int) -> Preview:
        """Raises BadRequest (`clean_rule`, `collector`). `retention_days` is what a collector gets that asks for none."""
        if unknown := sorted(set(raw) - set(KNOWN)):
            raise BadRequest(f"preview: unknown key {unknown[0]!r}", hint=f"known keys: {', '.join(KNOWN)}", code="clean_rule")
        days = raw.get("retention_days", retention_days)
        if type(days) is not int or not 1 <= days <= MAX_RETENTION_DAYS:
            raise refuse("retention_days", days, f"a number of days from 1 to {MAX_RETENTION_DAYS}")
        return cls(CleanRule.from_dict(raw.get("clean_rule", {})), _lines(raw.get("lines")), days)


def preview(asked: Preview, *, store: Searching, now: datetime) -> list[dict[str, Any]]:
    """What each line would be, had it come now. Raises BadRequest (`clean_rule`) for a pattern that the engine cannot run."""
    statement = sample(asked.lines, asked.rule, arrival=now, retention_days=asked.retention_days)
    try:
        rows = store.select(statement, LIMITS).rows
    except StoreError as error:
        raise _explained(error) from error
    return [
        {
            "time": time,
            "level": level,
            "fields": json.loads(fields),
            "parse_error": parse_error,
            "rejected": "too_old" if is_too_old else "",
        }
        for time, level, fields, parse_error, is_too_old in rows
    ]


def require_runnable(rule: CleanRule, *, store: Searching) -> None:
    """Raises BadRequest (`clean_rule`) for a pattern that the engine cannot run: asked once, before all lines depend on it."""
    if rule.kind == "regexp":
        preview(Preview(rule, [""], 1), store=store, now=datetime.now(UTC))


def _explained(error: StoreError) -> BklogError:
    if error.engine_code != BAD_PATTERN:
        return error
    hint = "the syntax is RE2: no look-around, no back-references"
    return BadRequest(f"clean rule: the pattern cannot be read: {error.message}", hint=hint, code="clean_rule")


def _lines(given: object) -> Sequence[str]:
    fits = isinstance(given, list) and 1 <= len(given) <= MAX_LINES and all(map(_is_text, given))
    if not isinstance(given, list) or not fits or sum(map(len, given)) > MAX_CHARACTERS:
        hint = f"lines is a list of 1 to {MAX_LINES} texts, of at most {MAX_CHARACTERS} characters together"
        raise BadRequest("preview: the lines cannot be read", hint=hint, code="clean_rule")
    return given


def _is_text(given: object) -> bool:
    """Half of a character is no text: the engine would read no line at all."""
    return isinstance(given, str) and not re.search("[\ud800-\udfff]", given)
