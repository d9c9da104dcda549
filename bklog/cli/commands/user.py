"""bklog user create | list | password | grant | disable | enable | delete: people, where the platform's database is reached"""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

import click

from bklog.errors import BadRequest
from bklog.records import EVERY_SPACE, Permission, Role

PERMISSIONS = click.Choice([one.value for one in Permission])
role_option = click.option(
    "--role", "roles", multiple=True, metavar="SPACE=ROLE", help=f"{', '.join(Role)} in a space, * for every one; repeatable."
)
permission_option = click.option("--permission", "permissions", multiple=True, type=PERMISSIONS, help="Repeatable.")
stdin_option = click.option("--password-stdin", is_flag=True, help="Read the password from the input.  [default: make one]")


@click.group()
def user() -> None:
    """People who sign in. These commands run where the platform's database is reached, whoever lost which password."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
    import django  # noqa: PLC0415 other commands do without Django

    django.setup()


@user.command()
@click.argument("name")
@role_option
@permission_option
@stdin_option
def create(*, name: str, roles: tuple[str, ...], permissions: tuple[str, ...], password_stdin: bool) -> None:
    """Make a user; a password that was made here is printed, this once."""
    from bklog.accounts import users  # noqa: PLC0415 models may be imported only now

    password, granted = _password(from_input=password_stdin), users.read_roles(_roles(roles))
    with _recorded("user.create", name, roles=granted, permissions=permissions):
        users.create_user(name, password, roles=granted, permissions=map(Permission, permissions))
    _print_made(password, is_made=not password_stdin)


@user.command("list")
def list_users() -> None:
    """List users, with their roles and permissions."""
    from bklog.accounts.models import User  # noqa: PLC0415 models may be imported only now

    for one in User.objects.all():
        roles = " ".join(f"{space}={role}" for space, role in sorted(one.roles.items())) or "no role"
        seen = f"last signed in {one.signed_in_at:%Y-%m-%d %H:%M}" if one.signed_in_at else "never signed in"
        click.echo("  ".join(filter(None, (one.name, roles, " ".join(one.permissions), seen, "disabled" * one.is_disabled))))


@user.command("password")
@click.argument("name")
@stdin_option
def set_password(*, name: str, password_stdin: bool) -> None:
    """Set the password of NAME, who is signed out everywhere; one that was made here is printed, this once."""
    from bklog.accounts import users  # noqa: PLC0415 models may be imported only now

    found, password = users.get_user(name), _password(from_input=password_stdin)
    with _recorded("user.password", found.name):
        users.set_password(found, password)
    _print_made(password, is_made=not password_stdin)


@user.command()
@click.argument("name")
@role_option
@permission_option
@click.option("--no-role", "left_spaces", multiple=True, metavar="SPACE", help="Take the role in the space away; repeatable.")
@click.option("--no-permission", "taken", multiple=True, type=PERMISSIONS, help="Repeatable.")
def grant(
    *, name: str, roles: tuple[str, ...], permissions: tuple[str, ...], left_spaces: tuple[str, ...], taken: tuple[str, ...]
) -> None:
    """Give NAME roles and permissions, or take them away; the others stay. In force with the next request."""
    from bklog.accounts import users  # noqa: PLC0415 models may be imported only now

    found = users.get_user(name)
    now = {**found.roles, **_roles(roles)}
    kept = users.read_roles({space: role for space, role in now.items() if space not in left_spaces})
    granted = sorted({*map(Permission, found.permissions), *map(Permission, permissions)} - {*map(Permission, taken)})
    with _recorded("user.change", found.name, roles=kept, permissions=granted):
        users.set_rights(found, kept, granted)


@user.command()
@click.argument("name")
def disable(*, name: str) -> None:
    """NAME is signed out, and cannot sign in again."""
    _set_disabled(name, is_disabled=True)


@user.command()
@click.argument("name")
def enable(*, name: str) -> None:
    """NAME can sign in again."""
    _set_disabled(name, is_disabled=False)


@user.command()
@click.argument("name")
def delete(*, name: str) -> None:
    """NAME goes; history, favourites and exports of the name stay."""
    from bklog.accounts import users  # noqa: PLC0415 models may be imported only now

    found = users.get_user(name)
    with _recorded("user.delete", found.name):
        users.delete_user(found)


def _set_disabled(name: str, *, is_disabled: bool) -> None:
    from bklog.accounts import users  # noqa: PLC0415 models may be imported only now

    found = users.get_user(name)
    with _recorded("user.disable" if is_disabled else "user.enable", found.name):
        users.set_disabled(found, is_disabled=is_disabled)


def _recorded(action: str, subject: str, **details: Any) -> AbstractContextManager[object]:
    """What is done inside is in the audit as done by whoever is at the machine."""
    from bklog.accounts.audit import Actor, recorded  # noqa: PLC0415 models may be imported only now
    from bklog.accounts.models import AuditEntry  # noqa: PLC0415 as above

    return recorded(Actor(getpass.getuser(), AuditEntry.Way.COMMAND), action, subject, **details)


def _password(*, from_input: bool) -> str:
    from bklog.accounts.passwords import generated  # noqa: PLC0415 as above

    return sys.stdin.readline().rstrip("\r\n") if from_input else generated()


def _print_made(password: str, *, is_made: bool) -> None:
    if is_made:
        click.echo(password)


def _roles(given: Iterable[str]) -> dict[str, Any]:
    """SPACE=ROLE, or ROLE alone for every space."""
    found: dict[str, Any] = {}
    for one in given:
        space, _, role = one.rpartition("=")
        found[space or EVERY_SPACE] = role
    if unknown := sorted(set(found.values()) - {*Role}):
        raise BadRequest(f"there is no role {unknown[0]!r}", hint=f"one of: {', '.join(Role)}", code="roles")
    return found


COMMAND = user
