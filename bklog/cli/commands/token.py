"""bklog token"""

from __future__ import annotations

import getpass
import os

import click

from bklog.records import Permission


@click.command()
@click.argument("name")
@click.option(
    "--permission",
    "permissions",
    multiple=True,
    type=click.Choice([one.value for one in Permission]),
    help="May be given several times.",
)
def token(*, name: str, permissions: tuple[str, ...]) -> None:
    """Make an API token for NAME, and print it: this is the only time that it can be seen.

    A token that NAME had before stops working, and its permissions go with it. Runs where the platform's database is reached.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
    import django  # noqa: PLC0415 other commands do without Django

    django.setup()
    from bklog.accounts.audit import Actor, recorded  # noqa: PLC0415 as above
    from bklog.accounts.models import AuditEntry  # noqa: PLC0415 as above
    from bklog.accounts.tokens import replace_api_token  # noqa: PLC0415 models may be imported only now

    with recorded(Actor(getpass.getuser(), AuditEntry.Way.COMMAND), "token.create", name, permissions=permissions):
        made = replace_api_token(name, map(Permission, permissions))
    click.echo(made)
