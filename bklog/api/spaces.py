"""Which space things belong to, and what of them a person may see: tokens see everything, and nothing is looked up for them.

The platform's own collectors hold lines of every space: they belong to none, and a role in every space opens them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Final, Protocol, TypeVar

from bklog.collect.index_sets import OWN
from bklog.collect.models import Collector, IndexSet
from bklog.errors import Forbidden, NotFound
from bklog.records import EVERY_SPACE, Bearer, Role

KEEP_SECONDS: Final = 3.0  # an index set that went to another space is found in the old one for so long
MOST_KNOWN: Final = 10_000


class Placed(Protocol):
    """A collector or an index set."""

    @property
    def name(self) -> str: ...
    @property
    def space(self) -> str: ...


P = TypeVar("P", bound=Placed)


def space_of(one: Placed) -> str:
    return EVERY_SPACE if one.name in OWN else one.space


def visible(bearer: Bearer, found: Iterable[P]) -> list[P]:
    return [one for one in found if bearer.has_role(Role.VIEWER, space_of(one))]


def require_collectors(bearer: Bearer, names: Iterable[str]) -> None:
    """What an index set is made over shows their rows: it takes the role of editor where each of them is."""
    if bearer.roles is None:
        return
    for one in Collector.objects.filter(name__in=list(names)):
        bearer.require_role(Role.EDITOR, space_of(one))


def require_index_set(bearer: Bearer, role: Role, index_set_id: int) -> None:
    """Raises NotFound, which names no index set that one may not see; Forbidden (`role_missing`)."""
    if bearer.roles is not None:
        bearer.require_role(role, SPACES.of_index_set(index_set_id))


def visible_index_set_ids(bearer: Bearer) -> set[int] | None:
    """None stands for all."""
    if bearer.has_role(Role.VIEWER, EVERY_SPACE):
        return None
    found = IndexSet.objects.only("pk", "name", "space")
    return {one.pk for one in visible(bearer, found)}


class KnownSpaces:
    """Index set → its space, remembered for a moment: a search of a person looks it up no more often than that."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[int, tuple[str, float]] = {}

    def of_index_set(self, index_set_id: int) -> str:
        now = time.monotonic()
        known = self._known.get(index_set_id)
        if known and known[1] > now:
            return known[0]
        space = _look_up(index_set_id)
        with self._lock:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[index_set_id] = (space, now + KEEP_SECONDS)
        return space

    def forget(self) -> None:
        with self._lock:
            self._known.clear()


SPACES: Final = KnownSpaces()


def _look_up(index_set_id: int) -> str:
    found = IndexSet.objects.filter(pk=index_set_id).only("name", "space").first()
    if found is None:
        hint = "GET /api/v1/search/index_set/ lists those that you may see"
        raise NotFound(f"there is no index set {index_set_id}", hint=hint, code="no_index_set")
    return space_of(found)


def require_favourite(bearer: Bearer, space: str | None) -> None:
    """`space` is that of a favourite which a space holds; a person's own have none."""
    if space is not None and not bearer.has_role(Role.VIEWER, space):
        hint = f"an administrator grants a role: `bklog user grant {bearer.name} --role {space}=viewer`"
        raise Forbidden(f"the favourite belongs to the space {space}", hint=hint, code="role_missing")
