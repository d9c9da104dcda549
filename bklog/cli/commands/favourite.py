"""bklog favourite list | show | add | change | delete"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import click

from bklog.cli.asked import index_set_id, moment
from bklog.cli.client import api
from bklog.cli.index_set import SINCE, WHICH
from bklog.cli.saved import as_command
from bklog.cli.written import print_json, print_lines
from bklog.errors import BadRequest, Conflict, NotFound

FAVOURITES: Final = "/api/v1/search/favourite/"
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
group_option = click.option("--group", help="The group that it stands in.")
shared_option = click.option("--shared/--own", default=None, help="The space's, or your own, where both have the name.")


@click.group()
def favourite() -> None:
    """Searches kept under a name: your own, and those of the space."""


@favourite.command("list")
@group_option
@json_option
def list_favourites(*, group: str | None, as_json: bool) -> None:
    """List favourites by group and name, each with the command that asks it."""
    items = api("GET", f"{FAVOURITES}?{urlencode({'group': group} if group is not None else {})}")["items"]
    print_json(items) if as_json else print_lines(map(_line, items))


@favourite.command()
@click.argument("name")
@group_option
@shared_option
def show(*, name: str, group: str | None, shared: bool | None) -> None:
    """Print a favourite as JSON."""
    _print(_find(name, group, shared=shared))


@favourite.command()
@click.argument("name")
@click.argument("query", default="*")
@click.option("--index-set", "index_set", help=WHICH)
@click.option("--since", default=SINCE, show_default=True, help="Start: how long ago (15m, 2h, 3d), or a time.")
@click.option("--until", default="now", show_default=True, help="End: how long ago, or a time.")
@click.option("--fields", help="Fields to show, separated by commas.")
@click.option("--group", default="", help="The group to put it into.")
@click.option("--shared", is_flag=True, help="For everybody of the index set's space.")
def add(  # noqa: PLR0913 one for each thing that can be said
    *, name: str, query: str, index_set: str | None, since: str, until: str, fields: str | None, group: str, shared: bool
) -> None:
    """Keep a search under NAME. Relative times stay relative."""
    body: dict[str, Any] = {"name": name, "group": group, "visibility": "space" if shared else "personal"}
    body |= {"index_set_id": index_set_id(index_set), "query": query, "start": moment(since), "end": moment(until)}
    if fields:
        body["fields"] = [one.strip() for one in fields.split(",") if one.strip()]
    _print(api("POST", FAVOURITES, json=body))


@favourite.command()
@click.argument("name")
@group_option
@shared_option
@click.option("--name", "new_name", help="What it is called from now on.")
@click.option("--to-group", help="The group that it stands in from now on; empty for none.")
@click.option("--query", help="What it looks for.")
@click.option("--since", help="Start: how long ago, or a time.")
@click.option("--until", help="End: how long ago, or a time.")
def change(  # noqa: PLR0913 one for each thing that can be said
    *,
    name: str,
    group: str | None,
    shared: bool | None,
    new_name: str | None,
    to_group: str | None,
    query: str | None,
    since: str | None,
    until: str | None,
) -> None:
    """Change a favourite; what is not named stays."""
    times = {"start": moment(since) if since else None, "end": moment(until) if until else None}
    given = {"name": new_name, "group": to_group, "query": query, **times}
    body = {key: value for key, value in given.items() if value is not None}
    if not body:
        raise BadRequest("nothing is to be changed", hint="name an option: `bklog favourite change --help`", code="favourite")
    _print(api("PATCH", f"{FAVOURITES}{_find(name, group, shared=shared)['id']}/", json=body))


@favourite.command()
@click.argument("name")
@group_option
@shared_option
def delete(*, name: str, group: str | None, shared: bool | None) -> None:
    """Delete a favourite."""
    api("DELETE", f"{FAVOURITES}{_find(name, group, shared=shared)['id']}/")
    print_lines([f"{name} is deleted"])


def _find(name: str, group: str | None, *, shared: bool | None) -> dict[str, Any]:
    asked = {"name": name} | ({} if group is None else {"group": group})
    asked |= {} if shared is None else {"visibility": "space" if shared else "personal"}
    items: list[dict[str, Any]] = api("GET", f"{FAVOURITES}?{urlencode(asked)}")["items"]
    if not items:
        raise NotFound(f"there is no favourite {name!r}", hint="`bklog favourite list` shows them", code="no_favourite")
    if len(items) > 1:
        groups = ", ".join(sorted({f"{one['group']!r} ({one['visibility']})" for one in items}))
        hint = f"say which with --group, and --shared or --own: {groups}"
        raise Conflict(f"there are {len(items)} favourites {name!r}", hint=hint, code="which_favourite")
    return items[0]


def _line(item: Mapping[str, Any]) -> str:
    place = f"{item['group']}/{item['name']}" if item["group"] else item["name"]
    gone = "" if item["index_set_exists"] else "  (its index set is gone)"
    return f"{item['visibility']:<9} {place:<40} {as_command(item['index_set'], item['search'])}{gone}"


def _print(answer: Mapping[str, Any] | Sequence[Any]) -> None:
    print_json(answer)
