"""Named events: noun and past participle, one a batch, request or task. Emitting one writes its line and moves its metrics."""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Final

from bklog.records import Stored
from bklog.telemetry import metrics
from bklog.telemetry.moves import Adds, AddsEach, AddsSum, Move, Observes


class Event:
    """A frozen dataclass below this class is an event: its name is the message, its fields are the line's fields."""

    level: ClassVar[int] = logging.INFO
    logger: ClassVar[str] = "bklog"
    moves: ClassVar[tuple[Move, ...]] = ()

    def emit(self) -> None:
        logger, severity = logging.getLogger(self.logger), self.severity()
        if logger.isEnabledFor(severity):
            logger.log(severity, type(self).__name__, extra=self.as_fields())
        for move in self.moves:
            move.apply(self)

    def severity(self) -> int:
        return self.level

    def as_fields(self) -> dict[str, Any]:
        """LogRecord owns `name`, `message` and the like: fields of events have other names."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]


@dataclass(frozen=True)
class LinesStored(Event):
    """One answered ingest request. Batches of a quiet collector are logged only where something was refused."""

    logger: ClassVar[str] = "bklog.ingest"
    moves: ClassVar[tuple[Move, ...]] = (
        Adds(metrics.INGEST_REQUESTS, fixed={"code": "ok"}),
        Adds(metrics.INGEST_LINES, "lines_stored", fixed={"outcome": "stored"}),
        Adds(metrics.INGEST_LINES, "lines_duplicate", fixed={"outcome": "duplicate"}),
        AddsSum(metrics.INGEST_LINES, "lines_rejected", fixed={"outcome": "rejected"}),
        AddsEach(metrics.INGEST_REJECTED, "lines_rejected"),
        Adds(metrics.INGEST_BYTES, "size_bytes"),
    )

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
    moves: ClassVar[tuple[Move, ...]] = (Adds(metrics.INGEST_REQUESTS, by=("code",)),)

    path: str
    status: int
    code: str
    reason: str


@dataclass(frozen=True)
class BatchInserted(Event):
    """One insert, of one request with a key or of several without."""

    level: ClassVar[int] = logging.DEBUG
    logger: ClassVar[str] = "bklog.ingest"
    moves: ClassVar[tuple[Move, ...]] = (
        Adds(metrics.INGEST_INSERTS),
        Observes(metrics.INGEST_INSERT_SECONDS, "seconds"),
    )

    table: str
    requests: int
    size_bytes: int
    seconds: float


@dataclass(frozen=True)
class RequestAnswered(Event):
    """`route` is the pattern of the path, so that ids make no new label. What looks after the processes asks quietly."""

    logger: ClassVar[str] = "bklog.api"
    moves: ClassVar[tuple[Move, ...]] = (
        Adds(metrics.HTTP_REQUESTS, by=("method", "route", "status")),
        Observes(metrics.HTTP_SECONDS, "seconds", by=("method", "route")),
    )

    method: str
    route: str
    path: str
    status: int
    seconds: float
    quiet: bool = False

    def severity(self) -> int:
        return logging.DEBUG if self.quiet and self.status < 400 else logging.INFO


# What searches move, in whoever's words they are asked.
_ANSWERED: Final[tuple[Move, ...]] = (
    Adds(metrics.SEARCHES, fixed={"code": "ok"}),
    Observes(metrics.SEARCH_SECONDS, "seconds", by=("kind",)),
    Adds(metrics.SEARCH_ROWS_READ, "rows_read"),
    Adds(metrics.SEARCH_BYTES_READ, "bytes_read"),
)
_FAILED: Final[tuple[Move, ...]] = (Adds(metrics.SEARCHES, by=("code",)),)


@dataclass(frozen=True)
class SearchAnswered(Event):
    """`kind` is page, count, explain, or the name of an analysis: date_histogram, terms, context …"""

    logger: ClassVar[str] = "bklog.search"
    moves: ClassVar[tuple[Move, ...]] = _ANSWERED

    index_set_id: int
    kind: str
    rows_read: int
    bytes_read: int
    seconds: float


@dataclass(frozen=True)
class SearchFailed(Event):
    level: ClassVar[int] = logging.WARNING
    logger: ClassVar[str] = "bklog.search"
    moves: ClassVar[tuple[Move, ...]] = _FAILED

    index_set_id: int
    code: str
    reason: str


@dataclass(frozen=True)
class RowsTailed(Event):
    """What one reading gave all viewers of a tail; `delay_seconds` is that of its oldest rows."""

    level: ClassVar[int] = logging.DEBUG
    logger: ClassVar[str] = "bklog.tail"
    moves: ClassVar[tuple[Move, ...]] = (
        Adds(metrics.TAIL_ROWS, "shown", fixed={"outcome": "shown"}),
        Adds(metrics.TAIL_ROWS, "dropped", fixed={"outcome": "dropped"}),
        Observes(metrics.TAIL_DELAY_SECONDS, "delay_seconds"),
    )

    index_set_id: int
    viewers: int
    shown: int
    dropped: int
    delay_seconds: float


@dataclass(frozen=True)
class TailEnded(Event):
    """`code` is `left` for a viewer that went, else says why it was ended."""

    logger: ClassVar[str] = "bklog.tail"
    moves: ClassVar[tuple[Move, ...]] = (
        Adds(metrics.TAILS, by=("code",)),
        Adds(metrics.TAIL_ROWS, "rows_missed", fixed={"outcome": "missed"}),
    )

    index_set_id: int
    reader: str
    code: str
    rows_missed: int
    seconds: float


@dataclass(frozen=True)
class ElasticAnswered(Event):
    """A request in Elasticsearch's words: `kind` is search, msearch, count, scroll, field_caps …"""

    logger: ClassVar[str] = "bklog.search"
    moves: ClassVar[tuple[Move, ...]] = _ANSWERED

    kind: str
    rows_read: int
    bytes_read: int
    seconds: float


@dataclass(frozen=True)
class ElasticFailed(Event):
    level: ClassVar[int] = logging.WARNING
    logger: ClassVar[str] = "bklog.search"
    moves: ClassVar[tuple[Move, ...]] = _FAILED

    kind: str
    code: str
    reason: str


@dataclass(frozen=True)
class RawValuesRead(Event):
    """Somebody with the permission asked for what an index set masks: `kind` says which way it went out."""

    level: ClassVar[int] = logging.WARNING
    logger: ClassVar[str] = "bklog.audit"

    index_set_id: int
    reader: str
    kind: str
    query: str


@dataclass(frozen=True)
class MaskingChanged(Event):
    """`rules` is how many there are now."""

    level: ClassVar[int] = logging.WARNING
    logger: ClassVar[str] = "bklog.audit"

    index_set_id: int
    changed_by: str
    rules: int


@dataclass(frozen=True)
class TaskStarted(Event):
    """Of a task the log lines have name and id by themselves; here its name is the metric's label."""

    level: ClassVar[int] = logging.DEBUG
    logger: ClassVar[str] = "bklog.tasks"
    moves: ClassVar[tuple[Move, ...]] = (Adds(metrics.TASKS, by=("task",), fixed={"outcome": "started"}),)

    task: str
    task_id: str


@dataclass(frozen=True)
class TaskSucceeded(Event):
    level: ClassVar[int] = logging.DEBUG
    logger: ClassVar[str] = "bklog.tasks"
    moves: ClassVar[tuple[Move, ...]] = (
        Adds(metrics.TASKS, by=("task",), fixed={"outcome": "succeeded"}),
        Observes(metrics.TASK_SECONDS, "seconds", by=("task",)),
    )

    task: str
    task_id: str
    seconds: float


@dataclass(frozen=True)
class TaskFailed(Event):
    level: ClassVar[int] = logging.ERROR
    logger: ClassVar[str] = "bklog.tasks"
    moves: ClassVar[tuple[Move, ...]] = (
        Adds(metrics.TASKS, by=("task",), fixed={"outcome": "failed"}),
        Observes(metrics.TASK_SECONDS, "seconds", by=("task",)),
    )

    task: str
    task_id: str
    seconds: float
    reason: str


@dataclass(frozen=True)
class TaskRetried(Event):
    level: ClassVar[int] = logging.WARNING
    logger: ClassVar[str] = "bklog.tasks"
    moves: ClassVar[tuple[Move, ...]] = (Adds(metrics.TASKS, by=("task",), fixed={"outcome": "retried"}),)

    task: str
    task_id: str
    reason: str


@dataclass(frozen=True)
class ExportEnded(Event):
    """`outcome` is succeeded, failed or cancelled."""

    logger: ClassVar[str] = "bklog.export"
    moves: ClassVar[tuple[Move, ...]] = (
        Adds(metrics.EXPORTS, by=("outcome",)),
        Adds(metrics.EXPORT_ROWS, "rows"),
        Adds(metrics.EXPORT_BYTES, "size_bytes"),
        Observes(metrics.EXPORT_SECONDS, "seconds"),
    )

    export_id: int
    outcome: str
    rows: int
    size_bytes: int
    seconds: float
    reason: str = ""


@dataclass(frozen=True)
class PipelineStarted(Event):
    logger: ClassVar[str] = "bklog.pipeline"
    moves: ClassVar[tuple[Move, ...]] = (Adds(metrics.PIPELINES, by=("pipeline",), fixed={"outcome": "started"}),)

    pipeline: str
    subject: str
    run_id: int


@dataclass(frozen=True)
class PipelineStepEnded(Event):
    """`outcome` is done, skipped or failed."""

    logger: ClassVar[str] = "bklog.pipeline"
    moves: ClassVar[tuple[Move, ...]] = (
        Adds(metrics.PIPELINE_STEPS, by=("pipeline", "step", "outcome")),
        Observes(metrics.PIPELINE_STEP_SECONDS, "seconds", by=("pipeline", "step")),
    )

    pipeline: str
    subject: str
    run_id: int
    step: str
    outcome: str
    seconds: float
    attempts: int


@dataclass(frozen=True)
class PipelineEnded(Event):
    """`outcome` is done, failed or cancelled; a run that failed may be retried, and end again."""

    logger: ClassVar[str] = "bklog.pipeline"
    moves: ClassVar[tuple[Move, ...]] = (Adds(metrics.PIPELINES, by=("pipeline", "outcome")),)

    pipeline: str
    subject: str
    run_id: int
    outcome: str
    seconds: float
    code: str
    reason: str

    def severity(self) -> int:
        return logging.ERROR if self.outcome == "failed" else logging.INFO
