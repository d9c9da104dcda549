"""(program, level, form) → the configuration of `logging`: one line an event on stdout, kept there by the supervisor.

A JSON line has time, level, logger, program, message, the fields given with `extra=…`, and `exception` if there is one;
those of a worker's task have its `task_id` and `task` too.
"""

from __future__ import annotations

import logging
import logging.config
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pythonjsonlogger.json import JsonFormatter

Form = Literal["json", "text"]
_TASK: ContextVar[tuple[str, str] | None] = ContextVar("task", default=None)


@contextmanager
def in_task(task_id: str, task_name: str) -> Iterator[None]:
    """Every line that is logged within has `task_id` and `task`."""
    token = _TASK.set((task_id, task_name))
    try:
        yield
    finally:
        _TASK.reset(token)


def program_name() -> str:
    """The supervisor tells each program its name; what runs outside of it is the command line."""
    return os.environ.get("SUPERVISOR_PROCESS_NAME", "bklog")


class JsonLine(JsonFormatter):
    """Keeps the order of the fields, and times in UTC with microseconds, so that lines sort as they were written."""

    def __init__(self, *, program: str) -> None:
        super().__init__(json_ensure_ascii=False)
        self._program = program

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        log_data["time"] = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")
        log_data["level"] = record.levelname
        log_data["logger"] = record.name
        log_data["program"] = self._program
        if running := _TASK.get():
            log_data["task_id"], log_data["task"] = running
        super().add_fields(log_data, record, message_dict)
        if "exc_info" in log_data:
            log_data["exception"] = log_data.pop("exc_info")


class TextLine(logging.Formatter):
    def __init__(self, *, program: str) -> None:
        super().__init__(f"%(asctime)s %(levelname)s {program} %(name)s: %(message)s")


def dict_config(program: str, level: str, form: Form, path: Path | None = None) -> dict[str, Any]:
    """As `dictConfig` and Django's LOGGING take it. With `path` lines are appended there, else they go to stdout."""
    formatter = JsonLine if form == "json" else TextLine
    to_stdout = {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"}
    to_file = {"class": "logging.handlers.WatchedFileHandler", "filename": str(path), "encoding": "utf-8"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter, "program": program}},
        "handlers": {"line": {**(to_file if path else to_stdout), "formatter": "line"}},
        "root": {"handlers": ["line"], "level": level},
        "loggers": {"django.db.backends": {"level": "INFO"}, "asyncio": {"level": "INFO"}},
    }


def configure(program: str, level: str, form: Form, path: Path | None = None) -> None:
    logging.config.dictConfig(dict_config(program, level, form, path))
