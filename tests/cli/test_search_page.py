"""docs/cli.md: its commands print what the page shows, over the platform of tests/openapi; and what a terminal is given."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from json import dumps, loads
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from django.test import Client

from bklog.cli import client, shown, streamed
from bklog.cli.main import bklog
from bklog.cli.written import as_json
from config.environ import ROOT
from tests.openapi.conftest import ROWS, Platform
from tests.openapi.conftest import platform as platform  # noqa: PLC0414 - a fixture
from tests.openapi.conftest import store as store  # noqa: PLC0414 - a fixture
from tests.openapi.conftest import store_server as store_server  # noqa: PLC0414 - a fixture

PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```console\n\$ bklog (.*?)\n(.*?)```", PAGE, re.DOTALL)
DAY = ["--since", "2026-11-20T00:00Z", "--until", "2026-11-21T00:00Z"]
EVIL = "\x1b[2J\x1b]0;owned\x07"
Run = Callable[..., Result]


@pytest.fixture
def run(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line, whose questions go to the API in this process."""

    def exchange(method: str, path: str, *, json: Any = None, **_: Any) -> tuple[int, bytes]:
        answer = Client().generic(method, path, dumps(json or {}), "application/json", headers=platform.headers)
        return answer.status_code, answer.content

    @contextmanager
    def opened(path: str, asked: Any, headers: Any) -> Iterator[tuple[int, Iterator[bytes]]]:
        sent = {**platform.headers, "Accept": streamed.NDJSON, **headers}
        answer: Any = Client().post(path, dumps(asked), "application/json", headers=sent)
        body = b"".join(answer) if answer.streaming else answer.content
        yield answer.status_code, (body[place : place + 7] for place in range(0, len(body), 7))

    monkeypatch.setattr(client, "exchange", exchange)
    monkeypatch.setattr(streamed, "opened", opened)
    return lambda *words, **environ: CliRunner(env={"NO_COLOR": None, **environ}).invoke(bklog, words, catch_exceptions=False)


@pytest.mark.parametrize(("command", "output"), EXAMPLES)
def test_a_command_prints_what_the_page_shows(run: Run, command: str, output: str) -> None:
    assert run(*shlex.split(command)).stdout == output


def test_the_page_has_an_example_of_each_command_that_searches() -> None:
    assert {"search", "context", "top", "histogram", "fields"} <= {command.split()[0] for command, _ in EXAMPLES}


@pytest.mark.parametrize("form", [[], ["--color", "always"], ["--fields", "log,fields.user"], ["--json"]])
def test_no_control_character_of_a_log_line_is_printed(run: Run, form: list[str]) -> None:
    line = ROWS[4]["log"]
    assert EVIL in str(line)
    printed = run("search", "*", *DAY, *form).stdout
    own = click.unstyle(printed) if "always" in form else printed
    assert own.count("owned") == 1
    assert re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", own) == []
    if "--json" not in form:
        assert r"\x1b[2J\x1b]0;owned\x07" in own
        assert "\n      at pay" in own  # a further line of a row never stands where rows begin


def test_the_line_alone_is_as_it_was_stored_where_no_terminal_is(run: Run) -> None:
    printed = run("search", "*", *DAY, "--raw").stdout_bytes.decode()
    assert printed == "".join(f"{row['log']}\n" for row in reversed(ROWS))


@pytest.mark.parametrize(
    ("words", "environ", "is_coloured"),
    [
        ([], {}, False),
        (["--color", "always"], {}, True),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        (["--color", "never"], {}, False),
    ],
)
def test_colours_are_for_terminals_or_who_asks(run: Run, words: list[str], environ: dict[str, str], is_coloured: bool) -> None:
    for command in (["search", "timeout"], ["top", "level"], ["histogram", "--by", "level"], ["fields"]):
        assert ("\x1b[" in run(*command, *DAY, *words, **environ).stdout) == is_coloured, command


def test_levels_and_matches_are_set_off(run: Run) -> None:
    first = run("search", "timeout", *DAY, "--limit", "1", "--color", "always").stdout
    assert click.style("warn ", fg="yellow") in first
    assert click.style("timeout", fg="black", bg="yellow") in first


def test_what_a_person_asks_for_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert [shown.colour_of(asked) for asked in ("auto", "always", "never")] == [None, True, False]
    monkeypatch.setenv("NO_COLOR", "1")
    assert [shown.colour_of(asked) for asked in ("auto", "always", "never")] == [False, True, False]
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.setenv("TERM", "dumb")
    assert shown.colour_of("auto") is False


def test_json_for_a_terminal_reads_as_the_same_value() -> None:
    value = {"log": "a\x9b31m\u202eb\x7f\u2028支付\x1b"}
    written = as_json(value)
    assert loads(written) == value
    assert "支付" in written
    assert re.findall(r"[\x00-\x1f\x7f-\x9f\u202e\u2028]", written) == []


def complete(run: Run, *words: str) -> list[str]:
    """What bash gets for the last word."""
    environ = {"_BKLOG_COMPLETE": "bash_complete", "COMP_WORDS": shlex.join(words), "COMP_CWORD": str(len(words) - 1)}
    return [line.partition(",")[2] for line in run("", **environ).stdout.split()]


def test_commands_options_and_names_are_completed(run: Run) -> None:
    assert complete(run, "bklog", "histog") == ["histogram"]
    assert complete(run, "bklog", "search", "--i") == ["--index-set", "--inspect"]
    assert complete(run, "bklog", "search", "--color", "a") == ["auto", "always"]
    assert complete(run, "bklog", "search", "--index-set", "sh") == ["shop"]
    assert complete(run, "bklog", "collector", "delete", "s") == ["shop"]
    assert complete(run, "bklog", "search", "--index-set", "no") == []


def test_without_a_fleet_no_name_is_completed_and_nothing_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BKLOG_HOME", str(tmp_path))
    monkeypatch.setenv("BKLOG_API_URL", "http://127.0.0.1:9")
    words = "bklog search --index-set s"
    environ = {"_BKLOG_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "3"}
    done = CliRunner(env=environ).invoke(bklog, [], prog_name="bklog")
    assert (done.stdout, done.stderr) == ("\n", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(shell: str) -> None:
    script = CliRunner().invoke(bklog, ["completion", shell]).stdout
    assert f"_BKLOG_COMPLETE={shell}_complete" in script


def test_bash_completes_with_the_script(tmp_path: Path) -> None:
    program = tmp_path / "bklog"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m bklog.cli "$@"\n')
    program.chmod(0o700)
    script = CliRunner().invoke(bklog, ["completion", "bash"]).stdout
    text = f'{script}\nCOMP_WORDS=(bklog histog); COMP_CWORD=1; _bklog_completion bklog; echo "${{COMPREPLY[@]}}"'
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=True, env=environ, timeout=60)
    assert done.stdout == "histogram\n"
