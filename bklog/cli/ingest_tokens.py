"""bklog collector token list | make | revoke: what senders prove with that they may write into a collector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from bklog.cli.client import api
from bklog.cli.collectors import COLLECTORS, find_collector
from bklog.cli.completion import collectors
from bklog.cli.shown import plain
from bklog.cli.written import print_json, print_lines
from bklog.collect.tokens import keep_token, this_machine, token_path
from bklog.errors import Conflict, NotFound
from config.environ import load

name_argument = click.argument("name", shell_complete=collectors)
MOMENT_CHARACTERS = 16  # to the minute


@click.group()
def token() -> None:
    """Ingest tokens of a collector: whoever has one may write into it, and do nothing else."""


@token.command("list")
@name_argument
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_tokens(*, name: str, as_json: bool) -> None:
    """List the ingest tokens of NAME, those that are valid first. The last use is known to ten minutes."""
    items = api("GET", _path(name))["items"]
    print_json(items) if as_json else print_lines(_table(items))


@token.command()
@name_argument
@click.option("--for", "purpose", default="", metavar="TEXT", help="What it is for, to tell it from others.")
@click.option("--keep", is_flag=True, help="Do not print it, but keep it where `bklog ingest` and the agent look for it.")
def make(*, name: str, purpose: str, keep: bool) -> None:
    """Make another ingest token for NAME, and print it: this is the only time that it can be seen. The others stay valid."""
    file = token_path(load().home, name)
    about = {"name": purpose, "kept_on": this_machine() if keep else ""}
    secret = api("POST", _path(name), json=about)["ingest_token"]
    if keep:
        keep_token(file, secret)
    print_lines([f"kept in {file}" if keep else secret])


@token.command()
@name_argument
@click.argument("wanted", metavar="TOKEN")
@click.option("--yes", is_flag=True, help="Do not ask.")
def revoke(*, name: str, wanted: str, yes: bool) -> None:
    """Revoke an ingest token of NAME. TOKEN is its number, or its beginning as the list shows it."""
    path = _path(name)
    valid = [one for one in api("GET", path)["items"] if not one["revoked_at"]]
    found = _meant(name, wanted, valid)
    if not yes:
        told = " ".join(what_will_happen(name, found, others=len(valid) - 1))
        click.confirm(plain(f"{told} Revoke it?"), abort=True)
    api("DELETE", f"{path}{found['id']}/")
    print_lines([f"token {found['id']} of {name} is revoked"])


def _meant(name: str, wanted: str, valid: Sequence[dict[str, Any]]) -> dict[str, Any]:
    meant = [one for one in valid if wanted in (str(one["id"]), one["beginning"])]
    if len(meant) == 1:
        return meant[0]
    hint = f"`bklog collector token list {name}` shows them with their numbers"
    if meant:
        raise Conflict(f"{len(meant)} tokens of {name} begin with {wanted}", hint=hint, code="several_tokens")
    raise NotFound(f"{name} has no valid token {wanted!r}", hint=hint, code="no_token")


def what_will_happen(name: str, found: Mapping[str, Any], *, others: int) -> list[str]:
    """In sentences, to who is about to revoke a token."""
    told = ["Whoever sends with it is refused within 3 seconds, and it cannot be taken back."]
    if host := found["kept_on"]:
        told.append(
            f"`bklog ingest` and the agent on {host} send with it: first run `bklog collector token make {name} --keep` there."
        )
    if not others:
        told.append(f"It is the last token of {name}: nobody can send to it until another one is made.")
    return told


def _path(name: str) -> str:
    return f"{COLLECTORS}{find_collector(name)['id']}/tokens/"


def _table(items: Sequence[Mapping[str, Any]]) -> list[str]:
    head = f"{'token':>6}  {'begins with':<12}{'made':<18}{'by':<16}{'last used':<18}{'is':<30}for"
    return [head, *(_row(item) for item in items)]


def _row(item: Mapping[str, Any]) -> str:
    state = f"revoked {_minute(item['revoked_at'])} by {item['revoked_by']}" if item["revoked_at"] else "valid"
    kept = f"kept on {item['kept_on']}" if item["kept_on"] else ""
    about = ", ".join(filter(None, (item["name"], kept)))
    times = f"{_minute(item['created_at']):<18}{item['made_by']:<16}{_minute(item['last_used_at']) or 'never':<18}"
    return f"{item['id']:>6}  {item['beginning']:<12}{times}{state:<30}{about}"


def _minute(moment: str | None) -> str:
    return (moment or "")[:MOMENT_CHARACTERS].replace("T", " ")
