"""What a command prints: values as JSON that reads as the same values, lines as they may be given to a terminal.

Everything that came from logs, from users or over the network is printed here, or through the words of `shown`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import click

from bklog.cli.shown import BEYOND_JSON, plain


def as_json(value: object, *, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent).translate(BEYOND_JSON)


def print_json(value: object) -> None:
    """For a person and for `jq`."""
    click.echo(as_json(value, indent=2))


def print_lines(lines: Iterable[str], *, err: bool = False) -> None:
    """Each on one line, and none of them in colours."""
    for line in lines:
        click.echo(plain(line), err=err)
