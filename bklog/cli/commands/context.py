"""bklog context"""

from __future__ import annotations

from typing import Any

import click

from bklog.cli.asked import index_set_id
from bklog.cli.completion import index_sets
from bklog.cli.index_set import WHICH, ask, show
from bklog.cli.shown import in_colour, of_level, of_line, plain


@click.command()
@click.argument("identity", nargs=3, metavar="TIME BATCH ROW", type=(str, str, int))
@click.option("--index-set", "name", help=WHICH, shell_complete=index_sets)
@click.option("--before", type=int, default=10, show_default=True, help="Lines before it.")
@click.option("--after", type=int, default=10, show_default=True, help="Lines after it.")
@click.option(
    "--scope",
    type=click.Choice(["stream", "path", "host", "collector"]),
    default="stream",
    show_default=True,
    help="Lines of the same host, path and stream, or of more.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the API's answer.")
@in_colour
def context(*, identity: tuple[str, str, int], name: str | None, before: int, after: int, scope: str, as_json: bool) -> None:
    """Print the log lines before and after one line.

    TIME, BATCH and ROW are what `bklog search --json` prints of the line.
    """
    time, batch, row = identity
    asked = {"time": time, "batch": batch, "row": row, "before": before, "after": after, "scope": scope}
    show(ask(index_set_id(name), "context", asked), _lines, as_json=as_json)


def _lines(answer: dict[str, Any]) -> list[str]:
    return [_line(row, is_meant=place == answer["anchor"]) for place, row in enumerate(answer["rows"])]


def _line(row: dict[str, Any], *, is_meant: bool) -> str:
    """The time in the colour of the level: the line itself is read as it stands in the file."""
    time, line = of_level(plain(row["time"]), row["level"]), of_line(row["log"])
    return f"{click.style('>', bold=True)} {time} {click.style(line, bold=True)}" if is_meant else f"  {time} {line}"
