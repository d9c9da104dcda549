"""Named events: noun and past participle, one a batch or request. Emitting one writes one log line with its fields."""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from bklog.records import Stored


class Event:
    """A frozen dataclass below this class is an event: its name is the message, its fields are the line's fields."""

    level: ClassVar[int] = logging.INFO
    logger: ClassVar[str] = "bklog"

    def emit(self) -> None:
        logging.getLogger(self.logger).log(self.severity(), type(self).__name__, extra=self.as_fields())

    def severity(self) -> int:
        return self.level

    def as_fields(self) -> dict[str, Any]:
        """LogRecord owns `name`, `message` and the like: fields of events have other names."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]


@dataclass(frozen=True)
class LinesStored(Event):
    """One answered ingest request. Batches of a quiet collector are logged only where something was refused."""

    logger: ClassVar[str] = "bklog.ingest"

    collector: str
    lines_stored: int
    lines_duplicate: int
    lines_rejected: dict[str, int]
    lines_marked: dict[str, int]
    size_bytes: int
    quiet: bool

    @classmethod
    def of(cls, collector: str, outcome: Stored, *, size_bytes: int, quiet: bool) -> LinesStored:
        return cls(collector, outcome.stored, outcome.duplicate, outcome.rejected, outcome.marked, size_bytes, quiet)

    def severity(self) -> int:
        if self.lines_rejected:
            return logging.WARNING
        return logging.DEBUG if self.quiet else logging.INFO


@dataclass(frozen=True)
class IngestFailed(Event):
    level: ClassVar[int] = logging.WARNING
    logger: ClassVar[str] = "bklog.ingest"

    path: str
    status: int
    code: str
    reason: str
