"""^C while a search runs → it is stopped at the platform too, and what became of it is said in one sentence."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import uuid4

from bklog.cli.client import api
from bklog.cli.written import print_lines
from bklog.errors import BklogError

CANCEL: Final = "/api/v1/search/cancel/"
TIMEOUT_SECONDS: Final = 5.0
TRIES: Final = 3  # what was only just sent may not be under way yet
PAUSE_SECONDS: Final = 0.2


@contextmanager
def cancelled_with_it() -> Iterator[dict[str, str]]:
    """The headers that the search is to be sent with. A second ^C ends at once."""
    request_id = uuid4().hex
    try:
        yield {"X-Request-ID": request_id}
    except KeyboardInterrupt:
        print_lines([_cancel(request_id)], err=True)
        raise


def _cancel(request_id: str) -> str:
    try:
        for _ in range(TRIES):
            if api("POST", CANCEL, json={"request_id": request_id}, timeout_seconds=TIMEOUT_SECONDS)["cancelled"]:
                return "interrupted: the search is cancelled"
            time.sleep(PAUSE_SECONDS)
    except BklogError as error:
        return f"interrupted: the search may run on at the platform, which could not be told: {error.message}"
    return "interrupted: no such search is under way at the platform any more"
