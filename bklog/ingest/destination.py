"""Destination: what a token opens, as the ingest service sees a collector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from bklog.clean import CleanRule
from bklog.store import LogTable

# While its source answers, a Catalogue says nothing that is older. Who closes a collector waits so long, then takes its table.
LONGEST_KNOWN_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Destination:
    """`quiet` collectors are not logged batch by batch: the platform's own log would feed itself.

    One that is `deleting` takes no lines, and its table may be gone.
    """

    collector: str
    table: LogTable
    rule: CleanRule
    quiet: bool
    deleting: bool = False


class Catalogue(Protocol):
    async def find(self, token: str) -> Destination | None:
        """The collector that a token belongs to, or None."""

    def doubt(self, destination: Destination) -> None:
        """It took no lines: whoever asks for it next is told what it is by then."""
