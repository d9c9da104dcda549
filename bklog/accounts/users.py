"""People: made, found, given roles and permissions, disabled. A change of password or of the account ends their sessions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.db import IntegrityError, transaction

from bklog.accounts.models import Session, User
from bklog.accounts.passwords import hashed
from bklog.errors import BadRequest, Conflict, NotFound
from bklog.records import EVERY_SPACE, Bearer, Permission, Role, iso

NAME: Final = re.compile(r"\w[\w.@-]{0,63}")
SPACE: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}", re.ASCII)
MOST_SPACES: Final = 200
OF_ADMINS: Final = frozenset({Permission.ACCOUNTS, Permission.BLOCK_SEARCHES})  # who is admin in every space has these


def known_as(name: str) -> str:
    """Names are one whatever their case and width: nobody is another person for a capital letter."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def find_user(name: str) -> User | None:
    """Compared here too: to some databases é is e."""
    wanted = known_as(name)
    return next((one for one in User.objects.filter(name=wanted) if one.name == wanted), None)


def get_user(name: str) -> User:
    """Raises NotFound (`no_user`)."""
    found = find_user(name) if NAME.fullmatch(known_as(name)) else None
    if found is None:
        raise NotFound(f"there is no user {name[:64]!r}", hint="`bklog user list` names them", code="no_user")
    return found


def create_user(
    name: str, password: object, *, roles: Mapping[str, Role] | None = None, permissions: Iterable[Permission] = ()
) -> User:
    """Raises BadRequest (`user`, `password`), Conflict (`user_exists`)."""
    wanted = known_as(name)
    if not NAME.fullmatch(wanted):
        hint = "a letter or digit, then letters, digits and _ . @ -; at most 64"
        raise BadRequest(f"{name[:64]!r} is no name of a user", hint=hint, code="user")
    try:
        with transaction.atomic():
            return User.objects.create(
                name=wanted,
                password=hashed(password, name=wanted),
                roles=dict(roles or {}),
                permissions=sorted(set(permissions)),
            )
    except IntegrityError as error:
        hint = "`bklog user password NAME` changes the password of one that is there"
        raise Conflict(f"there is a user {wanted!r} already", hint=hint, code="user_exists") from error


def set_password(user: User, password: object) -> None:
    """Ends every session of the user. Raises BadRequest (`password`)."""
    user.password = hashed(password, name=user.name)
    with transaction.atomic():
        user.save(update_fields=["password"])
        Session.objects.filter(user=user).delete()


def set_disabled(user: User, *, is_disabled: bool) -> None:
    """Who is disabled cannot sign in, and is signed out."""
    with transaction.atomic():
        require_another_admin(user, stays=not is_disabled)
        user.is_disabled = is_disabled
        user.save(update_fields=["is_disabled"])
        if is_disabled:
            Session.objects.filter(user=user).delete()


def set_rights(user: User, roles: Mapping[str, Role], permissions: Iterable[Permission]) -> None:
    """In force with the next request of each session. Raises Conflict (`last_admin`)."""
    with transaction.atomic():
        require_another_admin(user, stays=roles.get(EVERY_SPACE) == Role.ADMIN)
        user.roles, user.permissions = dict(roles), sorted(set(permissions))
        user.save(update_fields=["roles", "permissions"])


def delete_user(user: User) -> None:
    """Their sessions go; what is kept under the name stays, and belongs to the next one of that name."""
    with transaction.atomic():
        require_another_admin(user, stays=False)
        user.delete()


def require_another_admin(user: User, *, stays: bool) -> None:
    """Raises Conflict (`last_admin`) where nobody could give rights to anybody any more. Locks the others meanwhile."""
    if stays or user.is_disabled or user.roles.get(EVERY_SPACE) != Role.ADMIN:
        return
    others = User.objects.select_for_update().filter(is_disabled=False).exclude(pk=user.pk)
    if not any(one.roles.get(EVERY_SPACE) == Role.ADMIN for one in others):
        hint = "give another user the role admin in every space first"
        raise Conflict(f"{user.name} is the last administrator", hint=hint, code="last_admin")


def read_roles(given: object) -> dict[str, Role]:
    """`{"default": "editor", "*": "viewer"}`. Raises BadRequest (`roles`)."""
    known = {one.value for one in Role}
    if not isinstance(given, dict) or len(given) > MOST_SPACES or not all(one in known for one in given.values() if _text(one)):
        raise _wrong_roles()
    for space, role in given.items():
        if not _text(role) or (space != EVERY_SPACE and not SPACE.fullmatch(space)):
            raise _wrong_roles()
    return {space: Role(role) for space, role in given.items()}


def read_permissions(given: object) -> list[Permission]:
    """Raises BadRequest (`permissions`)."""
    known = {one.value for one in Permission}
    if not isinstance(given, list) or not all(_text(one) and one in known for one in given):
        raise BadRequest("permissions is no list of permissions", hint=f"known: {', '.join(known)}", code="permissions")
    return sorted({Permission(one) for one in given})


def bearer_of(name: str, roles: Mapping[str, Any], permissions: Iterable[str]) -> Bearer:
    """What this version does not know allows nothing."""
    known = tuple((space, role) for space, has in roles.items() for role in Role if role == has)
    granted = frozenset(one for one in Permission if one in permissions)
    return Bearer(name, granted | OF_ADMINS if (EVERY_SPACE, Role.ADMIN) in known else granted, known)


def present_user(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "roles": user.roles,
        "permissions": user.permissions,
        "is_disabled": user.is_disabled,
        "created_at": user.created_at.isoformat(),
        "signed_in_at": iso(user.signed_in_at),
    }


def _text(value: object) -> bool:
    return isinstance(value, str)


def _wrong_roles() -> BadRequest:
    hint = f"an object of space (or * for every one) to role: {', '.join(Role)}; at most {MOST_SPACES} spaces"
    return BadRequest("roles cannot be read", hint=hint, code="roles")
