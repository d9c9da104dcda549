"""Masking at work: who sees raw values, whether the engine takes a rule, and a preview through the SQL of a search.

bearer, index set, asked ─▶ masking_for ─▶ Masking ─▶ Plan
                              └─ raw values: the permission, and a line in the audit log
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from bklog.errors import BadRequest, StoreError
from bklog.query import UNMASKED, Masking
from bklog.query.masking import Rule
from bklog.query.sql import render_check, render_masked_lines
from bklog.records import Bearer, Limits, Permission
from bklog.store import Searching
from bklog.telemetry import RawValuesRead

MAX_LINES: Final = 20
MAX_LINE_CHARACTERS: Final = 10_000
# What logs are made of, and what expressions repeat; a quarter of a megabyte of it shows an expression that is slow.
TRIAL: Final = '2026-01-02 03:04:05 INFO aaaaaaaaaaaaaaaa user=13812345678 {"k": "v"} 日志 a.b@c.de 10.0.0.1 '
TRIAL_LINES: Final = 2_500
TRIAL_LIMITS: Final = Limits(seconds=2, memory_bytes=1 << 30, result_rows=10)
PREVIEW_LIMITS: Final = Limits(seconds=10, memory_bytes=1 << 30, result_rows=MAX_LINES)


def masking_for(bearer: Bearer, masking: Masking, *, index_set_id: int, masked: bool, kind: str, query: str) -> Masking:
    """What the bearer may not see of an index set. Everything that shows rows, or values of rows, asks here.

    Who may see raw values sees masked ones too until they are asked for (`masked` is False): a screen is shared sooner than
    one thinks. Raises Forbidden (`permission_missing`).
    """
    if masked or not masking:
        return masking
    bearer.require(Permission.RAW_VALUES, "reading what the index set masks")
    RawValuesRead(index_set_id, bearer.name, kind, query[:1_000]).emit()
    return UNMASKED


def check_rules(masking: Masking, *, store: Searching) -> None:
    """Raises BadRequest (`masking`) for an expression that the engine does not read, that is too slow, or finds nothing."""
    for rule in masking.rules:
        if rule.pattern:
            _check(rule, store)


def preview_lines(lines: object, masking: Masking, *, store: Searching) -> list[dict[str, Any]]:
    """Each line before and after."""
    given = _lines(lines)
    found = store.select(render_masked_lines(given, masking), PREVIEW_LIMITS).rows
    return [
        {"before": before, "after": after, "fields": json.loads(fields)}
        for before, (after, fields) in zip(given, found, strict=True)
    ]


def _check(rule: Rule, store: Searching) -> None:
    try:
        ((_, finds_nothing),) = store.select(render_check(rule, TRIAL, TRIAL_LINES), TRIAL_LIMITS).rows
    except StoreError as error:
        hint = "the syntax is RE2: no look-around, no back-references in the pattern, \\1 to \\9 in the text for its groups"
        raise _refuse(rule, f"is not taken by the engine: {error.message[:300]}", hint) from error
    if finds_nothing:
        raise _refuse(rule, "also matches where nothing is", "let it need a character: x+ instead of x*")


def _refuse(rule: Rule, why: str, hint: str) -> BadRequest:
    return BadRequest(f"masking: the pattern {rule.pattern!r} {why}", hint=hint, code="masking")


def _lines(lines: object) -> Sequence[str]:
    fits = isinstance(lines, list) and all(isinstance(one, str) and len(one) <= MAX_LINE_CHARACTERS for one in lines)
    if not isinstance(lines, list) or not fits or not 1 <= len(lines) <= MAX_LINES:
        hint = f"lines is a list of 1 to {MAX_LINES} texts of at most {MAX_LINE_CHARACTERS} characters"
        raise BadRequest("masking: the lines cannot be read", hint=hint, code="masking")
    return lines
