"""bklog history"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

import click

from bklog.cli.asked import index_set_id
from bklog.cli.client import api
from bklog.cli.saved import as_command
from bklog.cli.written import print_json, print_lines

HISTORY: Final = "/api/v1/search/history/"


@click.command()
@click.option("--index-set", "name", help="Only what was asked of this index set.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Most queries to print.")
@click.option("--clear", is_flag=True, help="Delete all of it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def history(*, name: str | None, limit: int, clear: bool, as_json: bool) -> None:
    """Print what you asked, each query once, the latest first, as commands."""
    if clear:
        click.echo(f"{api('DELETE', HISTORY)['deleted']} queries are deleted")
        return
    asked = {"limit": limit} | ({"index_set_id": index_set_id(name)} if name else {})
    items = api("GET", f"{HISTORY}?{urlencode(asked)}")["items"]
    if as_json:
        print_json(items)
        return
    print_lines(f"{one['last_at'][:19]}Z  {as_command(one['index_set'], one['search'])}" for one in items)
