"""bklog index-set list | show | create | change | delete"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import click

from bklog.cli.asked import index_set_id
from bklog.cli.client import api
from bklog.cli.written import print_json, print_lines
from bklog.errors import BadRequest

INDEX_SETS: Final = "/api/v1/search/index_set/"
LISTS: Final = ("collectors", "aliases", "tags", "default_fields")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def options_of_lists(command: Any) -> Any:
    """Each may be repeated, and given at all replaces the whole list."""
    for option in (
        click.option(
            "--order", "default_order", type=click.Choice(["newest", "oldest"]), help="Which rows a search shows first."
        ),
        click.option(
            "--field", "default_fields", multiple=True, metavar="NAME", help="A field that a search shows; repeat it."
        ),
        click.option("--tag", "tags", multiple=True, metavar="TAG", help="A word to find it by; repeat it."),
        click.option("--alias", "aliases", multiple=True, metavar="NAME", help="Another name to search it by; repeat it."),
        click.option(
            "--collector", "collectors", multiple=True, metavar="NAME", help="A collector that it is over; repeat it."
        ),
        click.option("--description", help="What it is, in a sentence."),
    ):
        command = option(command)
    return command


@click.group()
def index_set() -> None:
    """Index sets: one or several collectors that are searched under one name."""


@index_set.command("list")
@click.option("--tag", default="", help="Only those with this tag.")
@click.option("--space", default="", help="Only those of this space.")
@json_option
def list_index_sets(*, tag: str, space: str, as_json: bool) -> None:
    """List index sets by name."""
    items = api("GET", f"{INDEX_SETS}?{urlencode({'tag': tag, 'space': space})}")["items"]
    print_json(items) if as_json else print_lines(_table(items))


@index_set.command()
@click.argument("name")
def show(*, name: str) -> None:
    """Print an index set, by its name or an alias, as JSON."""
    _print(api("GET", _path(name)))


@index_set.command()
@click.argument("name")
@click.option("--space", help="Whose it is.  [default: default]")
@options_of_lists
def create(*, name: str, **about: Any) -> None:
    """Make an index set over collectors. It hides what the index sets hide that they are in already."""
    _print(api("POST", INDEX_SETS, json={"name": name, **_given(about)}))


@index_set.command()
@click.argument("name")
@click.option("--name", "new_name", help="What it is called from now on.")
@click.option("--clear", multiple=True, type=click.Choice(LISTS[1:]), help="A list to empty; repeat it.")
@options_of_lists
def change(*, name: str, new_name: str | None, clear: Sequence[str], **about: Any) -> None:
    """Change an index set. A list that is given replaces the one that was there; the rest stays."""
    body = {**_given({"name": new_name, **about}), **{one: [] for one in clear}}
    if not body:
        raise BadRequest("nothing is to be changed", hint="name an option: `bklog index-set change --help`", code="index_set")
    _print(api("PATCH", _path(name), json=body))


@index_set.command()
@click.argument("name")
@click.confirmation_option(prompt="The rows stay with their collectors. Delete the index set?", help="Do not ask.")
def delete(*, name: str) -> None:
    """Delete an index set; its collectors and their rows stay."""
    api("DELETE", _path(name))
    print_lines([f"{name} is deleted"])


def _path(name: str) -> str:
    return f"{INDEX_SETS}{index_set_id(name)}/"


def _given(about: Mapping[str, Any]) -> dict[str, Any]:
    """Without what was not said."""
    return {name: list(value) if name in LISTS else value for name, value in about.items() if value}


def _print(answer: Mapping[str, Any]) -> None:
    print_json(answer)


def _table(items: Sequence[Mapping[str, Any]]) -> list[str]:
    head = f"{'index set':<30}{'space':<14}{'tags':<20}collectors"
    return [head, *(_row(item) for item in items)]


def _row(item: Mapping[str, Any]) -> str:
    names = f"{item['name']} ({', '.join(item['aliases'])})" if item["aliases"] else item["name"]
    return f"{names:<29} {item['space']:<13} {','.join(item['tags']):<19} {', '.join(item['collectors'])}"
