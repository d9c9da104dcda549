"""An index set and a query → the rows that come in, over as many connections as it takes.

events ─▶ rows ─▶ the command            end, lost, passing failure ─▶ connect again with the last id ─▶ events …
   └─ dropped, gap, changed, waiting: told on standard error
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from bklog.cli.client import as_error
from bklog.cli.event_stream import ConnectionLost, Event, events
from bklog.cli.written import print_lines
from bklog.errors import BklogError, Retryable

FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 10.0
Rows = list[dict[str, Any]]


def tailed(index_set: int, asked: Mapping[str, Any]) -> Iterator[Rows]:
    """First an empty list, when the tail has begun; then rows in the order of their coming, without an end.

    Raises what the API refuses with. A failure that passes is waited for, but not at the beginning.
    """
    tail = _Tail(f"/ingest/v1/tail/{index_set}", asked)
    while True:
        try:
            yield from tail.connect()
        except (ConnectionLost, Retryable) as error:
            if not tail.has_begun:
                raise _as_failure(error) from error
            tail.wait(error)


class _Tail:
    def __init__(self, path: str, asked: Mapping[str, Any]) -> None:
        self.has_begun = False
        self._path = path
        self._asked = asked
        self._last_id = ""
        self._wait_seconds = FIRST_WAIT_SECONDS

    def connect(self) -> Iterator[Rows]:
        """Raises ConnectionLost at the end of a connection, unless it was asked to connect again: then it returns."""
        for event in events(self._path, self._asked, last_id=self._last_id):
            self._last_id = event.id or self._last_id
            self._wait_seconds = FIRST_WAIT_SECONDS
            if event.name == "rows":
                yield [json.loads(line) for line in event.data]
            elif event.name == "open":
                if not self.has_begun:
                    self.has_begun = True
                    yield []
            elif event.name == "end":
                return
            elif event.name:
                _tell(event)

    def wait(self, error: Exception) -> None:
        if self._wait_seconds == FIRST_WAIT_SECONDS:
            _say(f"{error}; connecting again")
        time.sleep(self._wait_seconds)
        self._wait_seconds = min(LONGEST_WAIT_SECONDS, self._wait_seconds * 2)


def _tell(event: Event) -> None:
    content = json.loads(event.data[0])
    match event.name:
        case "error":
            raise as_error(content.pop("status"), content)
        case "dropped":
            _say(f"{content['rows']:,} rows are not shown: {content['hint']}")
        case "waiting":
            _say(f"waiting: {content['message']}")
        case "gap":
            _say(f"rows are missing here: {content['hint']}")
        case "changed":
            _say(f"the {content['what']} of the index set changed")
        case "recovered":
            _say("going on")


def _say(text: str) -> None:
    print_lines([f"-- {text}"], err=True)


def _as_failure(error: ConnectionLost | Retryable) -> BklogError:
    return error if isinstance(error, BklogError) else BklogError(f"the tail did not begin: {error}", code="tail_lost")
