"""bklog audit"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

import click

from bklog.cli.client import api
from bklog.cli.shown import of_line
from bklog.cli.written import as_json

PATH: Final = "/api/v1/accounts/audit/"


@click.command()
@click.option("--who", default="", help="Only what this person or token did.")
@click.option("--action", default="", help="Only this, such as user.create; `user.` for all that begin so.")
@click.option("--subject", default="", help="Only what was done to this.")
@click.option("--since", default="", help="Only since then: a time, or 7d.")
@click.option("--until", default="", help="Only before then.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True)
@click.option("--json", "is_json", is_flag=True, help="Print one JSON object a line.")
def audit(*, limit: int, is_json: bool, **filters: str) -> None:
    """Print who did what when, newest first. Needs the permission accounts."""
    given = {name: value for name, value in filters.items() if value}
    for one in api("GET", f"{PATH}?{urlencode({**given, 'limit': limit})}")["items"]:
        click.echo(as_json(one) if is_json else of_line(_line(one)))


def _line(one: dict[str, Any]) -> str:
    who = one["who"] or "somebody"
    details = as_json(one["details"]) if one["details"] else ""
    return "  ".join(filter(None, (one["at"][:19], who, one["way"], one["address"], one["action"], one["subject"], details)))


COMMAND = audit
