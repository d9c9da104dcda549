"""bklog tail"""

from __future__ import annotations

from typing import Any

import click

from bklog.cli.asked import index_set_id
from bklog.cli.completion import index_sets
from bklog.cli.rows import show
from bklog.cli.shown import in_colour
from bklog.cli.tailed import tailed


@click.command()
@click.argument("index_set", shell_complete=index_sets)
@click.argument("query", default="*")
@click.option("--fields", help="Fields to print instead of the whole line, separated by commas.")
@click.option("--json", "form", flag_value="json", help="Print one JSON object per row.")
@click.option("--raw", "form", flag_value="raw", help="Print the log lines only.")
@in_colour
def tail(*, index_set: str, query: str, fields: str | None, form: str | None) -> None:
    """Print log lines as they come in, until ^C.

    QUERY is as for `bklog search`. A lost connection is made again, and goes on where it broke off.
    """
    names = [one.strip() for one in (fields or "").split(",") if one.strip() and form != "raw"]
    asked: dict[str, Any] = {"query": query, **({"fields": names} if names else {})}
    for rows in tailed(index_set_id(index_set), asked):
        for row in rows:
            show(row, form, names)
