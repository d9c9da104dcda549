"""Which searches are let in: everything that reads rows for somebody asks here first.

bearer, index set, query ─▶ blocked? 403 ─▶ too many of its space at once? 429 ─▶ work
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.conf import settings

from bklog.blocks.blocklist import Blocklist
from bklog.collect.models import IndexSet
from bklog.collect.searchable import Searchable
from bklog.errors import Overloaded
from bklog.records import Bearer

BLOCKS: Final = Blocklist()
_LOCK: Final = threading.Lock()
_AT_WORK: Final[Counter[str]] = Counter()


@contextmanager
def admitted(bearer: Bearer, index_set: Searchable | IndexSet, query: object) -> Iterator[None]:
    """`query` is what came, text or not. Raises Forbidden (`search_blocked`), Overloaded (`space_busy`)."""
    require_not_blocked(bearer, index_set.pk, query)
    space = index_set.space
    with _LOCK:
        if _AT_WORK[space] >= settings.BKLOG_SEARCH_AT_ONCE_PER_SPACE:
            raise _busy(space)
        _AT_WORK[space] += 1
    try:
        yield
    finally:
        with _LOCK:
            _AT_WORK[space] -= 1


def require_not_blocked(bearer: Bearer, index_set_id: int, query: object) -> None:
    """Raises Forbidden (`search_blocked`)."""
    BLOCKS.require_free(query if isinstance(query, str) else "", index_set_id=index_set_id, owner=bearer.name)


def _busy(space: str) -> Overloaded:
    most = settings.BKLOG_SEARCH_AT_ONCE_PER_SPACE
    hint = "try again when one has ended; BKLOG_SEARCH_AT_ONCE_PER_SPACE is the limit"
    return Overloaded(f"{most} searches of the space {space} run already", retry_after_seconds=1, hint=hint, code="space_busy")
