"""Who asks: the owner of an API token, and what the token allows beyond the whole of the API."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bklog.errors import Forbidden


class Permission(StrEnum):
    """What a token has only where it was given by name."""

    LARGE_EXPORT = "large_export"  # exports of more rows than the limit for everybody
    RAW_VALUES = "raw_values"  # the values that the masking of an index set hides
    BLOCK_SEARCHES = "block_searches"  # saying which searches are refused


@dataclass(frozen=True, slots=True)
class Bearer:
    """`name` is the token's owner. A token may do the whole API; `permissions` are the exceptions to what it may not."""

    name: str
    permissions: frozenset[Permission] = frozenset()

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    def require(self, permission: Permission, what: str) -> None:
        """Raises Forbidden (`permission_missing`), in which `what` says in a clause what was asked for."""
        if not self.may(permission):
            hint = f"an operator makes a token that has it: `bklog token NAME --permission {permission}`"
            raise Forbidden(f"{what} needs the permission {permission}", hint=hint, code="permission_missing")
