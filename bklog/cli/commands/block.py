"""bklog block"""

from __future__ import annotations

from typing import Any

import click

from bklog.cli.asked import index_set_id
from bklog.cli.client import api
from bklog.cli.written import print_lines

PATH = "/api/v1/search/block/"


@click.group()
def block() -> None:
    """Say which searches are refused, because they hurt all others."""


@block.command("list")
def list_blocks() -> None:
    """Print the blocks in force."""
    print_lines(map(_line, api("GET", PATH)["items"]))


@block.command()
@click.argument("reason")
@click.option("--pattern", default="", help="The query's text, * for anything.  [default: any query]")
@click.option("--index-set", "name", help="Only searches of this index set.")
@click.option("--owner", default="", help="Only searches with the API token of this name.")
@click.option("--seconds", type=click.IntRange(min=1), help="How long.  [default: until it is removed]")
def add(*, reason: str, pattern: str, name: str | None, owner: str, seconds: int | None) -> None:
    """Refuse searches that all given options fit; REASON is told to whoever asks. Needs the permission block_searches."""
    asked: dict[str, Any] = {"pattern": pattern, "owner": owner, "reason": reason}
    if name:
        asked["index_set_id"] = index_set_id(name)
    if seconds:
        asked["expires_in_seconds"] = seconds
    print_lines([_line(api("POST", PATH, json=asked))])


@block.command()
@click.argument("block_id", type=int)
def remove(*, block_id: int) -> None:
    """Let searches through again. Needs the permission block_searches."""
    api("DELETE", f"{PATH}{block_id}/")


def _line(one: dict[str, Any]) -> str:
    of = f"index set {one['index_set_id']}" if one["index_set_id"] else "any index set"
    who = one["owner"] or "anybody"
    until = f" until {one['expires_at']}" if one["expires_at"] else ""
    return f"{one['id']}  {one['pattern'] or '*'}  {of}  {who}{until}  by {one['made_by']}: {one['reason']}"


COMMAND = block
