"""Events of programs → `log/events.log`, one JSON line each, in the form of every program's log; the agent ships it.

Written without `bklog.telemetry`, whose formatter would be half of the listener's memory.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final

from bklog.supervise.tail import last_bytes

FILE_NAME: Final = "events.log"
LOG_BYTES: Final = 20 * 2**20
LOG_BACKUPS: Final = 5
LAST_LINES: Final = 20
_LINE_CHARACTERS: Final = 1000
_TAIL_BYTES: Final = 64 * 1024
Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ProgramEvent:
    """`program` is whom the event is about."""

    message: str
    level: str
    program: str
    moment: float
    fields: Fields = field(default_factory=dict)

    def as_line(self) -> str:
        head = {
            "time": datetime.fromtimestamp(self.moment, UTC).isoformat(timespec="microseconds"),
            "level": self.level,
            "logger": "bklog.supervise",
            "program": self.program,
            "message": self.message,
        }
        return json.dumps({**head, **self.fields}, ensure_ascii=False)


def append(folder: Path, event: ProgramEvent) -> None:
    """Opens the file each time, so that one that was taken away is missed by no event. Raises OSError.

    Rotates as the supervisor does with the other logs.
    """
    record = logging.LogRecord("bklog", logging.INFO, "", 0, event.as_line(), None, None)
    handler = _Strict(folder / FILE_NAME, maxBytes=LOG_BYTES, backupCount=LOG_BACKUPS, encoding="utf-8")
    try:
        handler.emit(record)
    finally:
        handler.close()


class _Strict(RotatingFileHandler):
    """The library's prints a failure and goes on."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name of the library
        raise  # noqa: PLE0704 - it is called where the exception is handled


def last_words(log: Path, *, until: float | None) -> str:
    """The last lines of a program's log, also over its rotation; without those that its next life has written after `until`."""
    text = last_bytes(log, _TAIL_BYTES)
    if text.count(b"\n") < LAST_LINES:
        text = last_bytes(log.with_name(f"{log.name}.1"), _TAIL_BYTES) + text
    lines = text.decode(errors="replace").splitlines()[-10 * LAST_LINES :]
    while lines and until is not None and _written(lines[-1]) > until:
        lines.pop()
    return "\n".join(line[:_LINE_CHARACTERS] for line in lines[-LAST_LINES:])


def _written(line: str) -> float:
    """When, as a JSON line says; 0 where a line is no such one."""
    try:
        return datetime.fromisoformat(json.loads(line)["time"]).timestamp()
    except (ValueError, TypeError, KeyError):
        return 0.0
