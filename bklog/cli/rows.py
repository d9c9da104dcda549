"""A row of a search or a tail → a line for a terminal, a program or a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from bklog.cli.shown import highlighted, of_level, of_line, plain, raw
from bklog.cli.written import as_json

SOURCE: Final = ("host", "path", "stream")


def show(row: Mapping[str, Any], form: str | None, fields: Sequence[str] | None) -> None:
    """`form` is json, raw, or None for a person."""
    if form == "raw":
        raw(row["log"])
    else:
        click.echo(as_json(row) if form == "json" else _line(row, fields))


def identity(row: Mapping[str, Any]) -> tuple[str, str, int]:
    return row["time"], row["batch"], row["row"]


def _line(row: Mapping[str, Any], fields: Sequence[str] | None) -> str:
    time = click.style(plain(row["time"]), dim=True)
    if fields:
        values = {**row, **row.get("fields", {})}
        shown = ((name, _value(values.get(name, values.get(name.removeprefix("fields."))))) for name in fields)
        return " ".join([time, *(f"{click.style(plain(name), fg='cyan')}={value}" for name, value in shown)])
    level = of_level(plain(f"{row['level']:<5}"), row["level"])
    source = click.style(":".join(plain(row[name]) for name in SOURCE if row[name]), fg="cyan")
    return " ".join(part for part in (time, level, source, highlighted(row["log"], row.get("highlight", []))) if part)


def _value(value: object) -> str:
    return of_line(value) if isinstance(value, str) else as_json(value)
