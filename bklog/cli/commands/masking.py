"""bklog masking"""

from __future__ import annotations

import json
from typing import Any, TextIO

import click

from bklog.cli.asked import index_set_id
from bklog.cli.client import api
from bklog.cli.completion import index_sets
from bklog.cli.shown import of_line
from bklog.cli.written import print_json
from bklog.errors import BadRequest


@click.group()
def masking() -> None:
    """Show and change what an index set hides from readers without the permission raw_values."""


@masking.command()
@click.argument("index_set", shell_complete=index_sets)
def show(*, index_set: str) -> None:
    """Print the rules as JSON."""
    _print(api("GET", _path(index_set)))


@masking.command("set")
@click.argument("index_set", shell_complete=index_sets)
@click.argument("file", type=click.File(encoding="utf-8"))
def set_rules(*, index_set: str, file: TextIO) -> None:
    """Put the rules of FILE (- for standard input) in force: {"rules": […]}. Needs the permission raw_values."""
    _print(api("PUT", _path(index_set), json=_read(file)))


@masking.command()
@click.argument("index_set", shell_complete=index_sets)
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--line", "lines", multiple=True, help="A line to try, several times.  [default: the newest rows]")
def preview(*, index_set: str, file: TextIO, lines: tuple[str, ...]) -> None:
    """Print lines before and after the rules of FILE. Stored rows need the permission raw_values."""
    asked = {**_read(file), **({"lines": list(lines)} if lines else {})}
    for one in api("POST", f"{_path(index_set)}preview/", json=asked)["lines"]:
        click.echo(f"- {of_line(one['before'])}\n+ {of_line(one['after'])}")


def _path(name: str) -> str:
    return f"/api/v1/search/index_set/{index_set_id(name)}/masking/"


def _read(file: TextIO) -> dict[str, Any]:
    try:
        given = json.load(file)
    except ValueError as error:
        hint = '{"rules": [{"field": "phone", "operator": "shield", "head": 3, "tail": 4}]}'
        raise BadRequest(f"{file.name} is no JSON: {error}", hint=hint, code="no_json") from error
    if not isinstance(given, dict) or set(given) != {"rules"}:
        raise BadRequest(f"{file.name} holds no rules", hint='{"rules": [...]}, as `bklog masking show` prints', code="masking")
    return given


def _print(answer: dict[str, Any]) -> None:
    print_json(answer)
