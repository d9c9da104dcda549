"""Every example of docs/index-sets.md is taken by the API and the command line, and the page's tables are those of the code."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import click

from bklog.cli.main import bklog as command_line
from bklog.collect.actions import create_collector
from bklog.collect.drafts import Draft
from bklog.collect.index_sets import KEYS
from bklog.collect.models import IndexSet
from bklog.store.routed import RoutedStore
from config.environ import ROOT
from tests.saved.site import SEARCH, Person

PAGE = (ROOT / "docs" / "index-sets.md").read_text(encoding="utf-8")
REQUESTS = re.findall(r"```http\n([A-Z]+) (\S+)\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [line for line in PAGE.splitlines() if line.startswith("bklog ")]
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "bklog").rglob("*.py"))


def test_the_examples_are_taken_in_their_order(ann: Person, both: RoutedStore) -> None:
    for name in ("shop", "pay"):
        create_collector(Draft(name, 30), store=both)
    assert len(REQUESTS) == 4
    answers = [_ask(ann, method, path, body) for method, path, body in REQUESTS]
    assert answers[0]["id"] == IndexSet.objects.get(name="trade").pk
    assert (answers[0]["collectors"], answers[0]["aliases"]) == (["pay", "shop"], ["orders"])
    assert (answers[1]["index_set"], answers[1]["search"]["start"]) == ("trade", "now-1h")
    assert answers[2] == {"items": []}
    assert (answers[3]["frozen"], answers[3]["index_set"]) == (True, "trade")


def _ask(person: Person, method: str, path: str, body: str) -> Any:
    """The number of the index set in the examples is the one that it gets in an empty platform."""
    given = json.loads(body) if body else None
    if given and "index_set_id" in given:
        given["index_set_id"] = IndexSet.objects.get(name="trade").pk
    answer = person.ask(method, path.removeprefix(SEARCH), given)
    assert answer.status_code in (200, 201), answer.content
    return answer.json()


def test_the_commands_are_commands() -> None:
    assert len(COMMANDS) == 16
    for line in COMMANDS:
        words = shlex.split(line)[1:]
        command = command_line.get_command(click.Context(command_line), words[0])
        assert command is not None, line
        if isinstance(command, click.Group):
            words = words[1:]
            command = command.commands[words[0]]
        command.make_context(words[0], words[1:])


def test_the_page_speaks_of_what_there_is() -> None:
    table = PAGE.split("| field |", 1)[1].split("\n\n", 1)[0]
    assert re.findall(r"^\| `([^`]+)`", table, re.MULTILINE) == list(KEYS)
    for code in re.findall(r"\(?4\d\d `([a-z_]+)`", PAGE):
        assert f'"{code}"' in SOURCES, code
