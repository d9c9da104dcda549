"""Events -> an answer of lines of JSON, as they come: Accept: application/x-ndjson.

view ─ let in, or 403 and 429 as ever ─▶ StreamingHttpResponse ─▶ line … ─▶ the place and the mark are given back

What goes wrong after the answer has begun is its last line. A client that has gone ends it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from typing import Any, Final

from django.http import HttpRequest, StreamingHttpResponse

from bklog.api.admission import admitted
from bklog.collect.searchable import Searchable
from bklog.errors import BklogError
from bklog.records import Bearer
from bklog.search.asking import Asking, asking, who_asks
from bklog.telemetry import SearchAnswered, SearchFailed

NDJSON: Final = "application/x-ndjson"
Event = dict[str, Any]


def is_streamed(request: HttpRequest) -> bool:
    return request.headers.get("Accept") == NDJSON


def streamed(
    bearer: Bearer, index_set: Searchable, query: object, *, kind: str, begin: Callable[[], Iterator[Event]]
) -> StreamingHttpResponse:
    """`begin` raises what is wrong with the question. Raises as `admitted` does."""
    one = who_asks(bearer.name)
    with ExitStack() as stack:
        stack.enter_context(admitted(bearer, index_set, query))
        lines = _Lines(_lines(one, _counted(begin(), index_set.pk, kind)), stack.pop_all())
    return StreamingHttpResponse(lines, content_type=NDJSON)


class _Lines:
    """Closed with its answer, also where no line of it was ever asked for."""

    def __init__(self, lines: Generator[bytes], place: ExitStack) -> None:
        self._lines = lines
        self._place = place

    def __iter__(self) -> Iterator[bytes]:
        return self._lines

    def close(self) -> None:
        self._lines.close()
        self._place.close()


def _lines(one: Asking, events: Iterator[Event]) -> Generator[bytes]:
    """Runs after the view has returned, so it goes on with who asked."""
    with asking(one):
        for event in events:
            yield json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _counted(events: Iterator[Event], index_set_id: int, kind: str) -> Iterator[Event]:
    began = time.perf_counter()
    try:
        for event in events:
            if result := event.get("result"):
                read = result["statistics"]
                cost = {"rows_read": read["rows_read"], "bytes_read": read["bytes_read"]}
                SearchAnswered(index_set_id, kind, **cost, seconds=time.perf_counter() - began).emit()
            yield event
    except BklogError as error:
        SearchFailed(index_set_id, error.stable_code, error.message).emit()
        yield error.as_dict()
