"""docs/export.md: its examples work, its codes, states and fields are those of the code."""

from __future__ import annotations

import json
import re
import shlex

from bklog.cli.commands.export import export
from bklog.export.models import Export
from bklog.export.request import KEYS, read_request
from bklog.query import parse
from bklog.records import Bearer, Form, TimeRange
from config.environ import ROOT
from tests.export.site import BEGIN, END, ROW_LIMITS

PAGE = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for package in ("export", "objects", "store")
    for path in (ROOT / "bklog" / package).rglob("*.py")
) + (ROOT / "bklog" / "errors.py").read_text(encoding="utf-8")


def column(head: str) -> list[str]:
    """The names in the first column of the table that has this head."""
    table = PAGE.split(f"| {head} |", 1)[1].split("\n\n", 1)[0]
    firsts = re.findall(r"^\| (.*?) \|", table, re.MULTILINE)
    return [name for first in firsts for name in re.findall(r"`([^`]+)`", first)]


def test_the_commands_are_commands_and_their_queries_are_queries() -> None:
    lines = [line for line in PAGE.splitlines() if line.startswith("bklog export ")]
    assert len(lines) == 6
    for line in lines:
        words = shlex.split(line)[2:]
        name, rest = (words[0], words[1:]) if words[0] in export.commands else ("create", words)
        context = export.commands[name].make_context(name, rest)
        if name == "create":
            assert parse(context.params["query"])


def test_the_body_of_the_example_can_be_asked_for() -> None:
    (body,) = re.findall(r"-d '\n(\{.*?\})'", PAGE)
    asked = read_request(json.loads(body), TimeRange(BEGIN, END), ROW_LIMITS, Bearer("ann"))
    assert (asked.form, asked.fields) == (Form.CSV, ("time", "host", "log"))


def test_the_tables_are_those_of_the_code() -> None:
    assert sorted(column("field")) == sorted(KEYS)
    assert column("form") == [form.value for form in Form]
    assert sorted(column("state")) == sorted(Export.State.values)
    for code in column("code"):
        assert f'"{code}"' in SOURCES, code
