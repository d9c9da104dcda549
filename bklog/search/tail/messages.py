"""What a tail sends -> bytes: how a viewer is told, and as server-sent events. Lines stay as the engine wrote them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

from bklog.errors import BklogError
from bklog.search.tail.position import Position

DROPPED_HINTS: Final = {
    "rate": "more rows or bytes matched than are shown at once: narrow the query, raise BKLOG_TAIL_ROWS_PER_SECOND, or search",
    "viewer": "the viewer did not take them in time; a search finds them",
    "masking": "the masking of the index set changed while they waited to be sent; a search finds them",
}


class Wording(Protocol):
    """How what happens is said to the viewers of a question. Nothing, where its clients have no word for it."""

    def event(self, name: str, content: Mapping[str, Any], position: Position | None = None) -> bytes: ...

    def rows(self, lines: bytes, position: Position) -> bytes:
        """`lines` are those that the question's reader read, each ended by a newline."""

    def dropped(self, rows: int, reason: str, position: Position | None = None) -> bytes:
        """`reason` is one of DROPPED_HINTS."""

    def heartbeat(self, position: Position | None) -> bytes: ...

    def failure(self, error: BklogError, *, name: str = "error") -> bytes: ...


class ServerSentEvents:
    """A Wording."""

    def event(self, name: str, content: Mapping[str, Any], position: Position | None = None) -> bytes:
        return b"%sevent: %s\ndata: %s\n\n" % (_id(position), name.encode(), _json(content))

    def rows(self, lines: bytes, position: Position) -> bytes:
        """One event of all lines, each a `data` line, so that it comes whole or not at all, and its id with it."""
        return b"%sevent: rows\ndata: %s\n\n" % (_id(position), lines.removesuffix(b"\n").replace(b"\n", b"\ndata: "))

    def dropped(self, rows: int, reason: str, position: Position | None = None) -> bytes:
        return self.event("dropped", {"rows": rows, "reason": reason, "hint": DROPPED_HINTS[reason]}, position)

    def heartbeat(self, position: Position | None) -> bytes:
        """No event for a reader, but his last id is the newest: he goes on from there."""
        return b": heartbeat\n%s\n" % _id(position)

    def failure(self, error: BklogError, *, name: str = "error") -> bytes:
        """`status` is what the request would have been answered with, had it failed at once."""
        return self.event(name, {**error.as_dict()["error"], "status": error.status})


SERVER_SENT: Final = ServerSentEvents()


def _id(position: Position | None) -> bytes:
    return b"id: %s\n" % str(position).encode() if position else b""


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
