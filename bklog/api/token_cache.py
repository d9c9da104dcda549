"""Token → Destination, remembered for a few seconds; while the database is away, what was known goes on being accepted.

find ─▶ fresh? ─yes─▶ answer
          └─no─▶ look up ─▶ remember, answer
                    └─database away─▶ known and confirmed of late? answer it : Unavailable
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from django.db import Error as DatabaseError

from bklog.ingest.destination import LONGEST_KNOWN_SECONDS, Destination
from bklog.records import token_hash
from bklog.supervise.database import as_unavailable, database_down

KEEP_SECONDS: Final = 3.0  # a token that was revoked is refused after this time: people are told so
KEEP_WITHOUT_DATABASE_SECONDS: Final = 3600.0  # senders are not held up by an hour without it; a revoked token may be used on
PATIENCE_SECONDS: Final = 4.0  # a database that hangs does not hang the senders
# Of many requests with a token one asks anew and the others take what was known, but not what is older than this.
STALE_SECONDS: Final = LONGEST_KNOWN_SECONDS - KEEP_SECONDS - PATIENCE_SECONDS
KEEP_TOKENS: Final = 10_000  # wrong tokens are remembered too: a flood of them must not fill the memory
LookUp = Callable[[str], Awaitable[Destination | None]]
logger = logging.getLogger("bklog.ingest")


@dataclass(frozen=True, slots=True)
class Known:
    """`confirmed_at` is when the database said so; until `fresh_until` it is not asked again."""

    destination: Destination | None
    confirmed_at: float
    fresh_until: float


class TokenCache:
    """A Catalogue over the database. `clock` counts seconds and never goes back."""

    def __init__(
        self, look_up: LookUp, *, clock: Callable[[], float] = time.monotonic, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._look_up = look_up
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._known: dict[str, Known] = {}

    async def find(self, token: str) -> Destination | None:
        """Raises Unavailable for a token that is not known while the database is away."""
        key, now = token_hash(token), self._clock()
        known = self._known.get(key)
        if known and known.fresh_until > now:
            return known.destination
        if known and known.destination and now - known.confirmed_at < STALE_SECONDS:
            self._known[key] = replace(known, fresh_until=now + KEEP_SECONDS)
        try:
            destination = await asyncio.wait_for(self._look_up(token), self._patience_seconds)
        except (DatabaseError, TimeoutError) as error:
            return self._without_database(known, error)
        self._remember(key, destination)
        return destination

    def doubt(self, destination: Destination) -> None:
        self._known = {
            key: replace(one, fresh_until=0.0) if one.destination == destination else one for key, one in self._known.items()
        }

    def _remember(self, key: str, destination: Destination | None) -> None:
        now = self._clock()
        if len(self._known) >= KEEP_TOKENS and key not in self._known:
            self._known = {key: one for key, one in self._known.items() if one.destination and one.fresh_until > now}
        self._known[key] = Known(destination, confirmed_at=now, fresh_until=now + KEEP_SECONDS)

    def _without_database(self, known: Known | None, error: DatabaseError | TimeoutError) -> Destination:
        unavailable = database_down() if isinstance(error, TimeoutError) else as_unavailable(error)
        if unavailable is None:
            raise error
        if known is None or known.destination is None or self._clock() - known.confirmed_at > KEEP_WITHOUT_DATABASE_SECONDS:
            raise unavailable from error
        extra = {"collector": known.destination.collector, "reason": " ".join(str(error).split()) or "no answer"}
        logger.warning("the database is away; a token that was known before it went is accepted", extra=extra)
        return known.destination
