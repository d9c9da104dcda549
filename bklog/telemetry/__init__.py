"""Telemetry: named events that write log lines and move metrics, the form of log lines, the page of metrics."""

from bklog.telemetry.events import (
    BatchInserted,
    Event,
    ExportEnded,
    IngestFailed,
    LinesStored,
    PipelineEnded,
    PipelineStarted,
    PipelineStepEnded,
    RequestAnswered,
    SearchAnswered,
    SearchFailed,
    TaskFailed,
    TaskRetried,
    TaskStarted,
    TaskSucceeded,
)

__all__ = [
    "BatchInserted",
    "Event",
    "ExportEnded",
    "IngestFailed",
    "LinesStored",
    "PipelineEnded",
    "PipelineStarted",
    "PipelineStepEnded",
    "RequestAnswered",
    "SearchAnswered",
    "SearchFailed",
    "TaskFailed",
    "TaskRetried",
    "TaskStarted",
    "TaskSucceeded",
]
