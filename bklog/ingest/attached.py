"""Headers X-Bklog-Fields and X-Bklog-First-Line -> Attached: what a sender says of all lines of a request.

The engine puts it into each row's `fields`; no line is touched here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from bklog.clean import FIELD_NAME
from bklog.errors import BadRequest
from bklog.store import Attached

MAX_CHARACTERS: Final = 8192
MAX_FIELDS: Final = 50
MAX_FIRST_LINE: Final = 2**53
LARGEST: Final = 2**63 - 1
LINE_NUMBER: Final = "line_number"
FIELDS_HINT: Final = (
    f"a percent-encoded JSON object of at most {MAX_FIELDS} members and {MAX_CHARACTERS} characters: names of letters, digits, "
    "_ @ -, values that are strings, numbers, yes or no, or one object of such"
)


def attached(headers: Mapping[str, str], *, keyed: bool) -> Attached:
    """Raises BadRequest (`attached_fields`, `first_line`)."""
    text, line = headers.get("x-bklog-fields", ""), headers.get("x-bklog-first-line", "")
    constants = _constants(unquote(text)) if text else {}
    if not line:
        return Attached(_as_text(constants))
    if LINE_NUMBER in constants:
        raise _refuse(f"{LINE_NUMBER} is counted from X-Bklog-First-Line")
    return Attached(_as_text(constants), _first_line(line, keyed=keyed))


def _as_text(constants: Mapping[str, Any]) -> str:
    return json.dumps(constants, ensure_ascii=False, separators=(",", ":")) if constants else ""


def _constants(text: str) -> dict[str, Any]:
    if len(text) > MAX_CHARACTERS:
        raise _refuse(f"it has {len(text)} characters")
    try:
        given = json.loads(text)
        json.dumps(given, ensure_ascii=False, allow_nan=False).encode()  # half characters and endless numbers
    except (ValueError, RecursionError) as error:
        raise _refuse(f"it is no JSON: {error}") from error
    _require_members(given, depth=1)
    return dict(given)


def _require_members(given: object, *, depth: int) -> None:
    if not isinstance(given, dict) or len(given) > MAX_FIELDS:
        raise _refuse("it is no object, or a large one")
    for name, value in given.items():
        if "." in name or not FIELD_NAME.fullmatch(name):
            raise _refuse(f"{name[:100]!r} is no name")
        if isinstance(value, dict) and depth:
            _require_members(value, depth=depth - 1)
        elif not isinstance(value, str | int | float) or (isinstance(value, int) and abs(value) > LARGEST):
            raise _refuse(f"the value of {name!r} is none of what is possible")


def _first_line(text: str, *, keyed: bool) -> int:
    """Numbers are places in one request, so it must not share an insert with others: only one with a key has its own."""
    if not (text.isascii() and text.isdigit() and len(text) < 17 and 0 < int(text) <= MAX_FIRST_LINE):
        raise BadRequest(f"X-Bklog-First-Line is {text[:100]!r}", hint="a whole number from 1", code="first_line")
    if not keyed:
        hint = "name the batch with Idempotency-Key"
        raise BadRequest("X-Bklog-First-Line needs a key; nothing was stored", hint=hint, code="first_line")
    return int(text)


def _refuse(reason: str) -> BadRequest:
    return BadRequest(f"X-Bklog-Fields cannot be used: {reason}; nothing was stored", hint=FIELDS_HINT, code="attached_fields")
