"""The schedule: what runs when. `beat` sends each entry at each of its due times, once for all instances together.

A due time is a multiple of `every_seconds` since 1970 (UTC) plus `offset_seconds`: all beats agree on it without asking.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86400


@dataclass(frozen=True, slots=True)
class Periodic:
    """`task` is a name of the routing table; its function takes no arguments."""

    task: str
    every_seconds: int
    offset_seconds: int = 0

    @property
    def name(self) -> str:
        return self.task

    def last_due(self, at: datetime) -> datetime:
        """The latest due time that is not after `at`."""
        elapsed = int(at.timestamp()) - self.offset_seconds
        return datetime.fromtimestamp(elapsed - elapsed % self.every_seconds + self.offset_seconds, UTC)


SCHEDULE: Final[tuple[Periodic, ...]] = (
    Periodic("queues.clean", MINUTE),
    Periodic("health.record", MINUTE, offset_seconds=30),
    Periodic("storage.sample", HOUR),
    Periodic("retention.check", 6 * HOUR, offset_seconds=15 * MINUTE),
    Periodic("ledger.roll_up", DAY, offset_seconds=2 * HOUR + 30 * MINUTE),
    Periodic("clientlog.pull", MINUTE, offset_seconds=20),
    Periodic("clientlog.sweep", MINUTE, offset_seconds=40),
    Periodic("clientlog.expire", HOUR, offset_seconds=10 * MINUTE + 50),
    Periodic("export.sweep", MINUTE, offset_seconds=50),
    Periodic("export.expire", HOUR, offset_seconds=20 * MINUTE + 10),
    Periodic("accounts.expire", HOUR, offset_seconds=40 * MINUTE + 10),
    Periodic("saved.expire", HOUR, offset_seconds=30 * MINUTE + 10),
    Periodic("pipeline.sweep", MINUTE, offset_seconds=10),
    Periodic("pipeline.replacements", MINUTE, offset_seconds=50),
    Periodic("pipeline.expire", HOUR, offset_seconds=20 * MINUTE + 50),
    Periodic("pipeline.orphans", 6 * HOUR, offset_seconds=HOUR + 30 * MINUTE),
)
