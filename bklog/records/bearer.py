"""Who asks: a person who signed in, or the owner of an API token; in which spaces they may do what, and what beyond."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bklog.errors import Forbidden

EVERY_SPACE: Final = "*"


class Permission(StrEnum):
    """What somebody has only where it was given by name."""

    LARGE_EXPORT = "large_export"  # exports of more rows than the limit for everybody
    RAW_VALUES = "raw_values"  # the values that the masking of an index set hides
    BLOCK_SEARCHES = "block_searches"  # saying which searches are refused
    ACCOUNTS = "accounts"  # users, their roles, API tokens, and what the audit says


class Role(StrEnum):
    """What a person may do in a space. Each may what those before it may."""

    VIEWER = "viewer"  # search, context, tail, export
    EDITOR = "editor"  # and collectors, index sets, clean rules, previews of masking
    ADMIN = "admin"  # and what an index set masks; in every space also users, tokens and blocks

    @property
    def rank(self) -> int:
        return list(Role).index(self)


@dataclass(frozen=True, slots=True)
class Bearer:
    """`name` is the owner of what is kept for who asks. `roles` are a person's, by space; a token has none (None) and may do
    the whole API in every space. `permissions` are the exceptions to what everybody may not.
    """

    name: str
    permissions: frozenset[Permission] = frozenset()
    roles: tuple[tuple[str, Role], ...] | None = None

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    def require(self, permission: Permission, what: str) -> None:
        """Raises Forbidden (`permission_missing`), in which `what` says in a clause what was asked for."""
        if not self.may(permission):
            hint = f"an operator makes a token that has it: `bklog token NAME --permission {permission}`"
            if self.roles is not None:
                hint = f"an administrator grants it: `bklog user grant {self.name} --permission {permission}`"
            raise Forbidden(f"{what} needs the permission {permission}", hint=hint, code="permission_missing")

    def has_role(self, role: Role, space: str) -> bool:
        """`EVERY_SPACE` asks for what belongs to no space, or to all."""
        if self.roles is None:
            return True
        return any(there in (space, EVERY_SPACE) and has.rank >= role.rank for there, has in self.roles)

    def has_role_somewhere(self, role: Role) -> bool:
        return self.roles is None or any(has.rank >= role.rank for _, has in self.roles)

    def require_role(self, role: Role, space: str) -> None:
        """Raises Forbidden (`role_missing`)."""
        if not self.has_role(role, space):
            where = "in every space" if space == EVERY_SPACE else f"in the space {space}"
            hint = f"an administrator grants it: `bklog user grant {self.name} --role {space}={role}`"
            raise Forbidden(f"this needs the role {role} {where}", hint=hint, code="role_missing")
