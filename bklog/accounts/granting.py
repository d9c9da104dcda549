"""What somebody may give to others: nothing that they do not have themselves, and nobody who has more is theirs to change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bklog.accounts.models import User
from bklog.accounts.users import bearer_of
from bklog.errors import Forbidden
from bklog.records import EVERY_SPACE, Bearer, Permission, Role


def require_may_grant(bearer: Bearer, roles: Mapping[str, Role], permissions: Iterable[Permission]) -> None:
    """Raises Forbidden (`role_missing`, `permission_missing`)."""
    for space, role in roles.items():
        bearer.require_role(role, space)
    for permission in sorted(set(permissions)):
        bearer.require(permission, "granting what one does not have")


def require_may_change(bearer: Bearer, user: User) -> None:
    """Who may set another's password may be the other. Raises Forbidden (`role_missing`)."""
    theirs = bearer_of(user.name, user.roles, user.permissions)
    has_roles = all(bearer.has_role(role, space) for space, role in theirs.roles or ())
    if not has_roles or theirs.permissions - bearer.permissions:
        hint = "somebody who may at least as much as they can"
        raise Forbidden(f"{user.name} may do what you may not", hint=hint, code="role_missing")


def require_may_make_tokens(bearer: Bearer, permissions: Iterable[Permission]) -> None:
    """A token may do the whole API in every space."""
    require_may_grant(bearer, {EVERY_SPACE: Role.ADMIN}, permissions)
