"""When ingest tokens were used last: noted beside the requests, for each token at most once in ten minutes.

look-up of a token ─▶ noted of late? ─no─▶ a thread of its own ─▶ one UPDATE

A database that is locked or takes no writes holds no sender up: what is not noted now is noted by a later look-up.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final

from django.db import Error as DatabaseError
from django.db import close_old_connections
from django.utils import timezone

from bklog.collect.models import IngestToken

NOTE_AGAIN: Final = timedelta(minutes=10)
PAUSE_SECONDS: Final = 60.0  # after a write that failed: the log is not filled with them
Call = Callable[[], None]
logger = logging.getLogger("bklog.ingest")


def in_thread() -> Callable[[Call], None]:
    """One, so that notes wait for each other and nothing else waits for them."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="token-use")

    def run(call: Call) -> None:
        thread.submit(call).add_done_callback(Future.result)  # a defect is raised there, and so logged

    return run


class UseNotes:
    """`run` calls what it is given, now or soon; `prepare` comes before each write, in the same thread.

    `clock` counts seconds and never goes back.
    """

    def __init__(
        self,
        run: Callable[[Call], None],
        *,
        prepare: Call = close_old_connections,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run = run
        self._prepare = prepare
        self._clock = clock
        self._paused_until = 0.0
        self._waiting: set[int] = set()

    def note(self, token: IngestToken) -> None:
        now = timezone.now()
        is_known = token.last_used_at is not None and now - token.last_used_at < NOTE_AGAIN
        if is_known or token.pk in self._waiting or self._clock() < self._paused_until:
            return
        self._waiting.add(token.pk)
        self._run(lambda: self._write(token, now))

    def _write(self, token: IngestToken, now: datetime) -> None:
        try:
            self._prepare()
            IngestToken.objects.filter(pk=token.pk).update(last_used_at=now)
        except DatabaseError as error:
            self._paused_until = self._clock() + PAUSE_SECONDS
            extra = {"collector": token.collector.name, "reason": " ".join(str(error).split())}
            logger.warning("the use of an ingest token could not be noted; senders do not notice", extra=extra)
        finally:
            self._waiting.discard(token.pk)
