"""A row of a search or a tail → a line for a terminal, a program or a file."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

COLOURS: Final = {"fatal": "magenta", "error": "red", "warn": "yellow", "info": "green", "debug": "blue", "trace": "white"}
SOURCE: Final = ("host", "path", "stream")


def show(row: Mapping[str, Any], form: str | None, fields: Sequence[str] | None) -> None:
    """Colours go to a terminal only, and to none where NO_COLOR is set."""
    click.echo(shown(row, form, fields), color=False if os.environ.get("NO_COLOR") else None)


def shown(row: Mapping[str, Any], form: str | None, fields: Sequence[str] | None) -> str:
    """`form` is json, raw, or None for a person."""
    if form == "json":
        return json.dumps(row, ensure_ascii=False)
    return str(row["log"]) if form == "raw" else _line(row, fields)


def identity(row: Mapping[str, Any]) -> tuple[str, str, int]:
    return row["time"], row["batch"], row["row"]


def _line(row: Mapping[str, Any], fields: Sequence[str] | None) -> str:
    time = click.style(row["time"], dim=True)
    if fields:
        values = {**row, **row.get("fields", {})}
        return " ".join(
            [time, *(f"{name}={_value(values.get(name, values.get(name.removeprefix('fields.'))))}" for name in fields)]
        )
    level = click.style(f"{row['level']:<5}", fg=COLOURS.get(row["level"]))
    source = ":".join(row[name] for name in SOURCE if row[name])
    return " ".join(part for part in (time, level, source, _highlighted(row["log"], row.get("highlight", []))) if part)


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _highlighted(line: str, offsets: list[list[int]]) -> str:
    """Colours are left out by click where nobody sees them."""
    if not sys.stdout.isatty():
        return line
    parts, last = [], 0
    for start, end in offsets:
        parts += [line[last:start], click.style(line[start:end], reverse=True)]
        last = end
    return "".join([*parts, line[last:]])
