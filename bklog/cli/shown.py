"""Text of logs → what a terminal may be given, and in which colours.

A line of a log was written by whoever could reach the program that logged it. It may hold what moves a cursor, clears a
screen, renames a window or turns the order of characters: none of it is given to a terminal as it is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import click

LEVELS: Final[Mapping[str, str]] = {
    "fatal": "magenta",
    "error": "red",
    "warn": "yellow",
    "info": "green",
    "debug": "blue",
    "trace": "white",
}
# What JSON lets stand: controls beyond ASCII, what turns the order of characters, and what ends a line.
BEYOND_JSON: Final[Mapping[int, str]] = {
    code: f"\\u{code:04x}"
    for code in (*range(0x7F, 0xA0), 0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
}
_ESCAPED: Final[Mapping[int, str]] = {
    **{code: f"\\x{code:02x}" for code in range(0x20) if code != ord("\t")},
    **BEYOND_JSON,
    ord("\n"): "\\n",
    ord("\r"): "\\r",
}
_OF_LINE: Final = {**_ESCAPED, ord("\n"): "\n    "}
Command = Callable[..., Any]


def plain(text: str) -> str:
    """On one line."""
    return text.translate(_ESCAPED)


def of_line(text: str) -> str:
    """A log line, whose further lines are indented: none looks like a row of its own."""
    return text.translate(_OF_LINE)


def of_text(text: str) -> str:
    """Of several lines, none of which is that of somebody else."""
    return "\n".join(map(plain, text.split("\n")))


def raw(text: str, *, nl: bool = True) -> None:
    """The line as it is, for a file or a pipe: a terminal gets what may be given to one. Without `nl` it has line ends."""
    if sys.stdout.isatty():
        click.echo(of_line(text) if nl else of_text(text), nl=nl)
    else:
        click.echo(text, nl=nl, color=True)


def of_level(text: str, level: str) -> str:
    return click.style(text, fg=LEVELS[level]) if level in LEVELS else text


def of_value(value: str, field: str) -> str:
    """One of a field's values, on one line."""
    return of_level(plain(value), value if field == "level" else "")


def highlighted(line: str, offsets: Sequence[Sequence[int]]) -> str:
    """With what was found set off. The offsets count the characters of the line as it is stored."""
    parts, last = [], 0
    for start, end in offsets:
        parts += [of_line(line[last:start]), click.style(of_line(line[start:end]), fg="black", bg="yellow")]
        last = end
    return "".join([*parts, of_line(line[last:])])


def colour_of(asked: str) -> bool | None:
    """None: in colours where the output is a terminal. See no-color.org for NO_COLOR."""
    if asked == "auto" and (os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"):
        return False
    return {"always": True, "never": False}.get(asked)


def in_colour(command: Command) -> Command:
    """The option --color of a command."""

    def choose(ctx: click.Context, _: click.Parameter, asked: str) -> None:
        ctx.color = colour_of(asked)

    return click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        show_default=True,
        expose_value=False,
        callback=choose,
        help="Colours; auto: on a terminal, unless NO_COLOR is set.",
    )(command)
