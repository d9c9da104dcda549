"""No command gives a terminal what somebody else wrote as it is: every one is run, and every text that it gets is hostile."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pytest

from bklog.cli import client, streamed, tailed
from bklog.cli.event_stream import Event
from bklog.cli.main import bklog, run
from bklog.cli.shown import BEYOND_JSON
from bklog.openapi.document import document

EVIL = "evil\x07\x1b]0;owned\x07\x1b[2J\x9b1m\u202e\x7f\b\r\nforged 日志"
FORBIDDEN = {chr(code) for code in (*range(0x20), *BEYOND_JSON)} - {"\n", "\t"}
DEEPEST = 12
RULES = '{"rules": []}'
ONE = ("2026-01-02T03:04:05Z", "00000000-0000-0000-0000-000000000001", "1")
# Every command, and with what it is called; several calls where it prints in several ways.
CALLS: Mapping[str, list[list[str]]] = {
    "audit": [[], ["--json"]],
    "block add": [["because"]],
    "block list": [[]],
    "block remove": [["1"]],
    "clean-template change": [[EVIL, "--description", "other"]],
    "clean-template create": [["web", "--of", "shop"]],
    "clean-template delete": [[EVIL, "--yes"]],
    "clean-template list": [[], ["--json"]],
    "clean-template show": [[EVIL]],
    "clientlog list": [[], ["--json"]],
    "clientlog retry": [["task"]],
    "clientlog show": [["task"], ["task", "--json"]],
    "clientlog submit": [["https://example.com/a.zip"]],
    "collector change": [["shop", "--days", "3"], ["shop", "--days", "3", "--json"]],
    "collector delete": [["shop", "--yes"]],
    "collector list": [[], ["--json"]],
    "collector move": [["shop", "other"]],
    "collector onboard": [["shop"], ["shop", "--json"]],
    "collector reactivate": [["shop"]],
    "collector rules": [["shop"], ["shop", "--json"], ["shop", "--number", "1"]],
    "collector token list": [["shop"], ["shop", "--json"]],
    "collector token make": [["shop"]],
    "collector token revoke": [["shop", EVIL, "--yes"]],
    "context": [[*ONE], [*ONE, "--json"]],
    "export cancel": [["1"]],
    "export create": [["--no-wait"], ["--no-wait", "--json"]],
    "export delete": [["1"]],
    "export download": [["1"]],
    "export list": [[], ["--json"]],
    "export retry": [["1"]],
    "export show": [["1"], ["1", "--json"]],
    "favourite add": [["errors"]],
    "favourite change": [["errors", "--name", "other"]],
    "favourite delete": [["errors"]],
    "favourite list": [[], ["--json"]],
    "favourite show": [["errors"]],
    "fields": [[], ["--field", "user"], ["--json"]],
    "healthz": [[], ["--json"]],
    "histogram": [[], ["--by", "user"], ["--json"]],
    "history": [[], ["--json"], ["--clear"]],
    "index-set change": [[EVIL, "--name", "other"]],
    "index-set create": [["shop"]],
    "index-set delete": [[EVIL, "--yes"]],
    "index-set list": [[], ["--json"]],
    "index-set show": [[EVIL]],
    "link create": [[]],
    "link delete": [["abc"]],
    "link list": [[]],
    "link show": [["abc"]],
    "masking preview": [[EVIL, "-"]],
    "masking set": [[EVIL, "-"]],
    "masking show": [[EVIL]],
    "pipeline cancel": [["1"]],
    "pipeline fail": [["1"]],
    "pipeline list": [[], ["--json"]],
    "pipeline retry": [["1"]],
    "pipeline show": [["1"], ["1", "--json"]],
    "pipeline skip": [["1"]],
    "search": [
        *([], ["--json"], ["--fields", "log,user"], ["--inspect"], ["--explain"], ["--count"], ["--follow"]),
        *(["* | top 3 user"], ["* | top 3 user", "--json"], ["* | top 3 user", "--explain"]),
    ],
    "sql": [["SELECT * FROM logs"], ["SELECT * FROM logs", "--json"]],
    "storage": [[], ["--json"]],
    "tail": [[EVIL], [EVIL, "--json"], [EVIL, "--fields", "user"]],
    "top": [["user"], ["user,host"], ["user", "--json"]],
}
# What these print is of this machine: its settings, its processes, what they were called with, names of letters and digits.
OF_THIS_MACHINE = {
    *("agent", "completion", "config check", "config show", "down", "ingest", "logs", "openapi", "status", "store"),
    *("token", "up", "user create", "user delete", "user disable", "user enable", "user grant", "user list", "user password"),
}
# These say that something was done, in words of their own.
SILENT = {
    *("block remove 1", "collector change shop --days 3", "export delete 1", "favourite delete errors", "history --clear"),
    *("link delete abc", "search --count"),
}


def leaves(group: click.Group, path: str = "") -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, f"{path}{name} ")
        else:
            yield f"{path}{name}"


def test_every_command_is_called() -> None:
    """A new one has to be named here: with a call, or as one that prints nothing of others."""
    assert sorted({*CALLS, *OF_THIS_MACHINE}) == sorted(leaves(bklog))


def hostile(schema: Mapping[str, Any], depth: int = 0) -> Any:
    """A value of this schema, as unpleasant as one can be. What ends a wait is chosen where there is a choice."""
    if "$ref" in schema:
        return hostile(document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]], depth)
    if choice := schema.get("anyOf"):
        return hostile(choice[0], depth)
    if "oneOf" in schema:  # what is asked for, or what would be done
        return hostile(schema["oneOf"][0], depth)
    if "enum" in schema:
        return "failed" if "failed" in schema["enum"] else schema["enum"][0]
    kind = schema.get("type", "string")
    return HOSTILE[kind if isinstance(kind, str) else kind[0]](schema, depth + 1)


def hostile_object(schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
    more = schema.get("additionalProperties")
    found = {name: hostile(one, depth) for name, one in schema.get("properties", {}).items()}
    return found | ({EVIL: hostile(more, depth)} if isinstance(more, Mapping) else {})


def hostile_array(schema: Mapping[str, Any], depth: int) -> list[Any]:
    """Some stand in themselves."""
    number = schema.get("minItems", 1) if depth < DEEPEST else 0
    return [hostile(schema.get("items", {}), depth) for _ in range(number)]


FORMATS = {"date-time": ONE[0], "date": ONE[0][:10], "uuid": ONE[1]}
HOSTILE: Mapping[str, Callable[[Mapping[str, Any], int], Any]] = {
    "object": hostile_object,
    "array": hostile_array,
    "boolean": lambda _, __: True,
    "integer": lambda schema, _: max(1, schema.get("minimum", 1)),
    "number": lambda schema, _: max(1, schema.get("minimum", 1)),
    "string": lambda schema, _: FORMATS.get(schema.get("format", ""), EVIL),
}


def answer(method: str, path: str, *, explained: bool = False) -> tuple[int, bytes]:
    if path.startswith("/healthz/"):
        part = {"name": EVIL, "ok": False, "message": EVIL, "milliseconds": 1.0}
        return 503, json.dumps({"healthy": False, "parts": [part]}).encode()
    asked = path.partition("?")[0]
    for template, item in document()["paths"].items():
        if method.lower() in item and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), asked):
            good = {int(status): told for status, told in item[method.lower()]["responses"].items() if int(status) < 400}
            with_body = {status: told["content"]["application/json"] for status, told in good.items() if "content" in told}
            for status, content in with_body.items():
                schema = content["schema"]["oneOf"][-1] if explained else content["schema"]
                return status, json.dumps(fitting(hostile(schema))).encode()
            return min(good), b""
    raise AssertionError(f"the document has no {method} {path}")


def fitting(content: Any) -> Any:
    """What the schema cannot say: a table has a cell for each column, a context its anchor among the rows."""
    if isinstance(content, dict) and {"columns", "rows"} <= content.keys():
        content["rows"] = [[EVIL for _ in content["columns"]]]
    if isinstance(content, dict) and "anchor" in content:
        content["anchor"] = 0
    return content


def events(path: str, asked: Mapping[str, Any], *, last_id: str) -> Iterator[Event]:
    """A tail in which everything happens, until it is refused."""
    said = {"hint": EVIL, "message": EVIL, "rows": 3, "what": EVIL, "reason": EVIL}
    row = hostile(document()["components"]["schemas"]["Row"])
    yield Event("open", ("{}",), "")
    yield Event("rows", (json.dumps(row),), "")
    for name in ("dropped", "waiting", "gap", "changed", "recovered"):
        yield Event(name, (json.dumps(said),), "")
    yield Event("error", (json.dumps({"status": 401, "code": EVIL, "message": EVIL, "hint": EVIL}),), "")


def exchange(method: str, path: str, *, json: Any = None, **_: Any) -> tuple[int, bytes]:
    return answer(method, path, explained=bool(json and json.get("explain")))


@contextmanager
def opened(path: str, asked: Mapping[str, Any], headers: Mapping[str, str]) -> Iterator[tuple[int, Iterator[bytes]]]:
    """Lines of events, the last of which is the answer."""
    status, content = answer("POST", path)
    yield status, iter([b'{"result": ' + content + b"}\n"])


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(client, "exchange", exchange)
    monkeypatch.setattr("bklog.cli.commands.healthz.exchange", exchange)
    monkeypatch.setattr(streamed, "opened", opened)
    monkeypatch.setattr(tailed, "events", events)


@pytest.mark.parametrize("words", [[*name.split(), *given] for name, calls in CALLS.items() for given in calls], ids=" ".join)
def test_nothing_hostile_is_printed(
    called: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(RULES.encode())))
    run(words)
    printed = "".join(capsys.readouterr())
    assert not FORBIDDEN & set(printed), repr(printed)
    if "--explain" not in words:  # which shows the query and what the engine says of it, and these have lines
        assert not [line for line in printed.splitlines() if line.startswith("forged")], printed
    assert "evil" in printed or " ".join(words) in SILENT, printed


def test_what_is_hostile_would_be_seen(called: None, capsys: pytest.CaptureFixture[str]) -> None:
    click.echo(EVIL)
    assert FORBIDDEN & set(capsys.readouterr().out)
