"""Telemetry: named events, and the form of every program's log lines."""

from bklog.telemetry.events import Event, IngestFailed, LinesStored

__all__ = ["Event", "IngestFailed", "LinesStored"]
