"""A program's log lines: JSON that sorts by time and says who wrote it, on stdout or in a file."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bklog.telemetry import logs
from config.environ import ROOT


@pytest.fixture(autouse=True)
def former_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers[:], root.level = handlers, level


def test_a_json_line_has_the_fields_of_every_program_and_those_of_the_event(tmp_path: Path) -> None:
    logs.configure("web", "INFO", "json", tmp_path / "log")
    before = datetime.now(UTC)
    logging.getLogger("a.b").warning("stored %d 行", 3, extra={"rows": 3, "path": Path("/x")})
    logging.getLogger("a.b").debug("below the level")
    (line,) = [json.loads(text) for text in (tmp_path / "log").read_text().splitlines()]
    assert before <= datetime.fromisoformat(line["time"]) <= datetime.now(UTC)
    assert list(line) == ["time", "level", "logger", "program", "message", "rows", "path"]
    assert list(line.values())[1:] == ["WARNING", "a.b", "web", "stored 3 行", 3, "/x"]


def test_an_exception_stays_in_its_line(tmp_path: Path) -> None:
    logs.configure("web", "INFO", "json", tmp_path / "log")
    try:
        int("first\nsecond")
    except ValueError:
        logging.getLogger("a").exception("failed")
    (line,) = [json.loads(text) for text in (tmp_path / "log").read_text().splitlines()]
    assert "ValueError: invalid literal for int() with base 10: 'first\\nsecond'" in line["exception"]


def test_a_text_line_is_for_people(tmp_path: Path) -> None:
    logs.configure("web", "INFO", "text", tmp_path / "log")
    logging.getLogger("a").info("hello")
    assert (tmp_path / "log").read_text().endswith(" INFO web a: hello\n")


def test_without_a_file_lines_go_to_stdout() -> None:
    code = "import logging; from bklog.telemetry import logs; logs.configure('p', 'INFO', 'json'); logging.info('x')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout)["message"] == "x"
    assert done.stderr == ""
