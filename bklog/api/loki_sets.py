"""Which index sets a client of Loki means, and how it is refused.

bearer, X-Scope-OrgID, query ─▶ index sets of the spaces ─▶ without those that are blocked for it ─▶ NamedTables
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from bklog.api.admission import require_not_blocked
from bklog.collect.searchable import Searchable, list_searchable
from bklog.errors import BklogError, Forbidden
from bklog.loki.sources import NamedTables
from bklog.query import Masking
from bklog.records import Bearer

SPACE_HEADER: Final = "X-Scope-OrgID"
NO_INDEX_SET: Final = 0  # a selector may mean several: the event names none
IN_PLAIN_TEXT: Final = "text/plain; charset=utf-8"  # as Loki answers a failure: that is what its clients show


def spaces_in(header: str) -> tuple[str, ...]:
    """Those that `X-Scope-OrgID` names; none stands for all."""
    return tuple(dict.fromkeys(space for space in header.split("|") if space))


def index_sets_of(spaces: Collection[str]) -> list[Searchable]:
    return [one for one in list_searchable() if not spaces or one.space in spaces]


def blocked(bearer: Bearer, index_sets: Sequence[Searchable], query: str) -> frozenset[int]:
    """A block of one index set leaves the others that a selector may mean. Raises Forbidden for one of the query itself."""
    return frozenset(one.pk for one in index_sets if _is_blocked(bearer, one, query))


def _is_blocked(bearer: Bearer, index_set: Searchable, query: str) -> bool:
    try:
        require_not_blocked(bearer, index_set.pk, query)
    except Forbidden as error:
        if error.fields.get("index_set_id") is None:
            raise
        return True
    return False


def named(index_set: Searchable, masking: Masking) -> NamedTables:
    return NamedTables(index_set.name, tuple((table.title, table) for table in index_set.tables), masking)


def told(error: BklogError) -> str:
    return f"{error.message}\n{error.hint}" if error.hint else error.message
