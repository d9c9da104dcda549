"""Begun -> events: rows as they are found, how far the search has come, and at the end what an answer has beside its rows.

parts ─▶ {"rows": […]} {"progress": {start, end, rows_read}} … {"result": {cursor, note, statistics, …}}  or  {"error": {…}}

One event is one line of JSON. A stream without a last line of `result` or `error` was cut off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bklog.query.moment import moment_text
from bklog.search.service import Begun
from bklog.search.sweep import Part

Event = dict[str, Any]


def events(begun: Begun) -> Iterator[Event]:
    """Raises as `Begun.parts` does."""
    parts: list[Part] = []
    for part in begun.parts():
        parts.append(part)
        if rows := begun.rows(part):
            yield {"rows": rows}
        if not part.is_last:
            yield {"progress": progress(parts)}
    result = begun.result(parts, with_rows=False).as_dict()
    yield {"result": {name: value for name, value in result.items() if name != "rows"}}


def progress(parts: Sequence[Part]) -> Event:
    """`start` and `end` are what is covered by now."""
    last = parts[-1]
    return {
        "start": moment_text(last.start),
        "end": moment_text(last.end),
        "rows_read": sum(part.gathered.rows.rows_read for part in parts),
        "bytes_read": sum(part.gathered.rows.bytes_read for part in parts),
    }
