"""bklog link create | show | list | delete"""

from __future__ import annotations

from typing import Any, Final

import click

from bklog.cli.asked import index_set_id, moment
from bklog.cli.client import api
from bklog.cli.index_set import SINCE, WHICH
from bklog.cli.saved import as_command
from bklog.cli.written import print_json, print_lines

LINKS: Final = "/api/v1/search/link/"


@click.group()
def link() -> None:
    """Short links: a search to hand to somebody, until it expires."""


@link.command()
@click.argument("query", default="*")
@click.option("--index-set", "index_set", help=WHICH)
@click.option("--since", default=SINCE, show_default=True, help="Start: how long ago (15m, 2h, 3d), or a time.")
@click.option("--until", default="now", show_default=True, help="End: how long ago, or a time.")
@click.option("--freeze", is_flag=True, help="Keep the times that these are now; else they go on being relative.")
@click.option("--days", type=click.IntRange(1, 3650), help="How long it opens.  [default: BKLOG_LINK_DAYS]")
def create(*, query: str, index_set: str | None, since: str, until: str, freeze: bool, days: int | None) -> None:
    """Make a link to a search, and print it as JSON."""
    body: dict[str, Any] = {"query": query, "start": moment(since), "end": moment(until), "freeze": freeze}
    body |= {"index_set_id": index_set_id(index_set)} | ({"expires_in_days": days} if days else {})
    _print(api("POST", LINKS, json=body))


@link.command()
@click.argument("token")
def show(*, token: str) -> None:
    """Print the command that asks what a link stands for."""
    found = api("GET", f"{LINKS}{token}/")
    print_lines([as_command(found["index_set"], found["search"])])


@link.command("list")
def list_links() -> None:
    """List the links that you made and that have not expired."""
    print_lines(map(_line, api("GET", LINKS)["items"]))


@link.command()
@click.argument("token")
def delete(*, token: str) -> None:
    """Delete a link that you made."""
    api("DELETE", f"{LINKS}{token}/")
    print_lines([f"{token} is deleted"])


def _line(one: dict[str, Any]) -> str:
    return f"{one['token']}  until {one['expires_at'][:19]}Z  {as_command(one['index_set'], one['search'])}"


def _print(answer: dict[str, Any]) -> None:
    print_json(answer)
