"""docs/clientlog.md: its examples work, its codes and states are those of the code."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bklog.cli.commands.clientlog import clientlog
from bklog.clientlog.models import ClientTask
from bklog.clientlog.pull import read_page
from bklog.clientlog.submission import KNOWN, Submission
from bklog.query import parse
from config.environ import ROOT

PAGE = (ROOT / "docs" / "clientlog.md").read_text(encoding="utf-8")
SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for package in ("clientlog", "objects", "store", "errors.py", "tasks/clientlog.py")
    for path in ([ROOT / "bklog" / package] if package.endswith(".py") else (ROOT / "bklog" / package).rglob("*.py"))
)


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def test_the_commands_are_commands() -> None:
    lines = [line for block in blocks("bash") for line in block.splitlines() if line.startswith("bklog clientlog")]
    assert lines
    for line in lines:
        words = shlex.split(line)[2:]
        command = clientlog.commands[words[0]]
        command.make_context(words[0], words[1:])
    assert CliRunner().invoke(clientlog, ["--help"]).exit_code == 0


def test_the_body_of_the_example_can_be_submitted() -> None:
    (body,) = re.findall(r"-d '\n(\{.*?\})'", PAGE)
    assert Submission.from_dict(json.loads(body)).user_id == "u-1"


def test_the_queries_can_be_parsed() -> None:
    queries = re.findall(r"bklog search '([^']+)'", PAGE)
    assert len(queries) == 2
    for query in queries:
        assert parse(query)


def test_the_page_of_the_service_is_read_and_its_task_can_be_submitted() -> None:
    page = next(read_page(block.encode()) for block in blocks("json") if '"tasks"' in block)
    assert (page.cursor, page.more) == ("c-18", False)
    assert Submission.from_dict(page.tasks[0]).task_id == "ticket-4713"


def test_the_report_has_the_fields_that_the_page_shows() -> None:
    shown: dict[str, Any] = next(json.loads(block) for block in blocks("json") if '"state"' in block)
    assert all(hasattr(ClientTask(), name) for name in shown)
    assert f"{tuple(shown)!r}".replace("'", '"').strip("()") in SOURCES


def test_the_states_are_those_of_the_code() -> None:
    table = PAGE.split("| state | meaning |")[1].split("\n\n")[0]
    assert re.findall(r"`(\w+)`", "\n".join(line.split("|")[1] for line in table.splitlines()[2:])) == ClientTask.State.values


@pytest.mark.parametrize(
    "code",
    sorted(set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`[\w`, ]+) \| .* (?:yes|no) \|$", PAGE, re.MULTILINE))))),
)
def test_a_code_of_the_page_is_one_of_the_code(code: str) -> None:
    assert f'"{code}"' in SOURCES


def test_every_refusal_is_on_the_page() -> None:
    text = (Path(ROOT) / "bklog" / "clientlog" / "refusals.py").read_text()
    codes = set(re.findall(r'code="(\w+)"', text))
    assert codes == {code for code in codes if f"`{code}`" in PAGE}
    assert {f"`{name}`" for name in KNOWN if f"`{name}`" in PAGE} == {f"`{name}`" for name in KNOWN}
