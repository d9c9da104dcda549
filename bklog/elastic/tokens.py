"""Scroll ids and points in time: signed texts that hold all that the next page needs. Nothing is kept for them anywhere.

Any instance answers them, and a restart changes nothing. They hold when the last row had arrived that belongs to the view:
later ones are in no page. They end when they expire, not when they are closed.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any, Final

from django.core import signing

from bklog.elastic.keys import illegal
from bklog.errors import NotFound
from bklog.records.timerange import EPOCH

MAX_KEEP_SECONDS: Final = 86_400
MAX_CHARACTERS: Final = 60_000
_KEEP: Final = re.compile(r"(\d{1,9})(d|h|m|s|ms)", re.ASCII)
_UNITS: Final = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def read_keep_alive(text: str) -> float:
    """Seconds. Raises BadRequest."""
    found = _KEEP.fullmatch(text)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 0 < seconds <= MAX_KEEP_SECONDS:
        raise illegal(f"the keep alive [{text[:40]}] is not supported", f"write 1m, or up to {MAX_KEEP_SECONDS // 3600}h")
    return seconds


def make_token(kind: str, content: dict[str, Any], *, now: datetime, keep_seconds: float) -> str:
    """Raises BadRequest for a request that is too long to be carried along."""
    until = (now + timedelta(seconds=keep_seconds) - EPOCH).total_seconds()
    token = signing.dumps({**content, "until": until}, salt=_salt(kind), serializer=Compact, compress=True)
    if len(token) > MAX_CHARACTERS:
        raise illegal("the request is too long to be continued page by page", "use search_after without a scroll")
    return token


def read_token(kind: str, token: str, *, now: datetime) -> dict[str, Any]:
    """Raises NotFound (`search_context_missing_exception`) for what is no token of this kind, or has expired."""
    try:
        content: dict[str, Any] = signing.loads(token[:MAX_CHARACTERS], salt=_salt(kind), serializer=Compact)
    except signing.BadSignature as error:
        raise _missing(kind, "is none of this platform") from error
    if content["until"] < (now - EPOCH).total_seconds():
        raise _missing(kind, "has expired")
    return content


def _missing(kind: str, why: str) -> NotFound:
    hint = "begin again, and pass the id of each answer on to the next request"
    return NotFound(f"the {kind} id {why}", hint=hint, code="search_context_missing_exception")


def _salt(kind: str) -> str:
    return f"bklog.elastic.{kind}"


class Compact:
    """JSON without blanks, for Django's signing."""

    def dumps(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()

    def loads(self, text: bytes) -> Any:
        return json.loads(text)
