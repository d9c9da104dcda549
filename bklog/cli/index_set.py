"""What the commands that ask an index set share: which one is meant, from when to when, how an error of the query is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final

import click

from bklog.cli import completion
from bklog.cli.asked import index_set_id, moment
from bklog.cli.cancelling import cancelled_with_it
from bklog.cli.client import api
from bklog.cli.shown import in_colour, plain
from bklog.cli.streamed import answer_of
from bklog.cli.written import as_json as written
from bklog.errors import BadRequest

SINCE: Final = "24h"  # an hour would hide yesterday evening from who is called in the morning
WHICH: Final = "Index set to ask.  [default: bklog-platform, or the only other one]"
ANSWER_SECONDS: Final = 120.0
Command = Callable[..., None]
Way = Callable[[str, dict[str, Any], dict[str, str]], dict[str, Any]]
BUDGET: Final = click.option("--budget", type=float, help="Seconds after which to take what is counted by then.")


@dataclass(frozen=True, slots=True)
class Asking:
    """Which index set is asked, from when to when, and how the answer is printed."""

    name: str | None
    since: str
    until: str
    as_json: bool

    def ask(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        """What is None in `asked` is left out."""
        return self._ask(path, asked, _at_once)

    def ask_as_it_comes(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        """`ask`, which on a terminal shows how far it has come."""
        return self._ask(path, asked, answer_of)

    def _ask(self, path: str, asked: dict[str, Any], way: Way) -> dict[str, Any]:
        given = {key: value for key, value in asked.items() if value is not None}
        return _ask(index_set_id(self.name), path, {**given, "start": moment(self.since), "end": moment(self.until)}, way)

    def show(self, answer: dict[str, Any], lines: Callable[[dict[str, Any]], list[str]]) -> None:
        show(answer, lines, as_json=self.as_json)


def of_index_set(command: Command) -> Command:
    """The options of every analysis; the command gets them as `asking`."""

    def asking_command(*, name: str | None, since: str, until: str, as_json: bool, **own: Any) -> None:
        command(asking=Asking(name, since, until, as_json), **own)

    found: Command = wraps(command)(asking_command)
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print the API's answer."),
        click.option("--until", default="now", show_default=True, help="End: how long ago, or a time."),
        click.option("--since", default=SINCE, show_default=True, help="Start: how long ago (15m, 2h, 3d), or a time."),
        click.option("--index-set", "name", help=WHICH, shell_complete=completion.index_sets),
        in_colour,
    ):
        found = option(found)
    return found


def show(answer: dict[str, Any], lines: Callable[[dict[str, Any]], list[str]], *, as_json: bool) -> None:
    if as_json:
        click.echo(written(answer))
        return
    for line in lines(answer):
        click.echo(line)
    click.echo(cost(answer), err=True)


def cost(answer: dict[str, Any]) -> str:
    read = answer["statistics"]
    costs = f"{read['rows_read']:,} rows and {read['bytes_read']:,} bytes read in {read['milliseconds']:.0f} ms"
    if not (covered := read.get("covered")):
        return costs
    return f"{costs}; the time was enough for what is from {covered['start']} to {covered['end']}"


def too_low(answer: dict[str, Any]) -> str:
    """Said of counts that were put together from slices."""
    most = answer.get("too_low_by_at_most", 0)
    return f"; each count may be too low by {most:,}" if most else ""


def ask(index_set: int, path: str, asked: dict[str, Any]) -> dict[str, Any]:
    return _ask(index_set, path, asked, _at_once)


def _at_once(path: str, asked: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    return api("POST", path, json=asked, headers=headers, timeout_seconds=ANSWER_SECONDS)


def _ask(index_set: int, path: str, asked: dict[str, Any], way: Way) -> dict[str, Any]:
    """^C cancels it."""
    try:
        with cancelled_with_it() as headers:
            return way(f"/api/v1/search/index_set/{index_set}/{path}/", asked, headers)
    except BadRequest as error:
        start, end = error.fields.get("start"), error.fields.get("end")
        if isinstance(start, int) and isinstance(end, int):
            _point_at(asked.get("sql") or asked.get("query", ""), start, end)
        if repair := error.fields.get("repair"):
            click.echo(f"  perhaps: {plain(repair)}", err=True)
        raise


def _point_at(query: str, start: int, end: int) -> None:
    """What is escaped takes more room than it had."""
    before, meant = plain(query[:start]), plain(query[start:end])
    click.echo(f"  {plain(query)}\n  {' ' * len(before)}{'^' * max(1, len(meant))}", err=True)
