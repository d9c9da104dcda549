"""Who acts in this request, for the audit of what happens far below its view: the reading of raw values is written down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from bklog.accounts.audit import Actor, record
from bklog.accounts.models import AuditEntry
from bklog.query import Masking
from bklog.records import Bearer
from bklog.search import masking as search_masking

QUERY_CHARACTERS: Final = 1_000
_ACTING: Final[ContextVar[Actor]] = ContextVar("acting")


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    token = _ACTING.set(actor)
    try:
        yield
    finally:
        _ACTING.reset(token)


def actor_of(bearer: Bearer, address: str) -> Actor:
    return Actor(bearer.name, AuditEntry.Way.TOKEN if bearer.roles is None else AuditEntry.Way.SESSION, address)


def masking_for(bearer: Bearer, masking: Masking, *, index_set_id: int, masked: bool, kind: str, query: str) -> Masking:
    """As that of the search, with an entry in the audit where raw values are let out: without one they are not."""
    shown = search_masking.masking_for(bearer, masking, index_set_id=index_set_id, masked=masked, kind=kind, query=query)
    if masking and not masked:
        details = {"kind": kind, "query": query[:QUERY_CHARACTERS]}
        record(_ACTING.get(), "raw_values.read", f"index_set:{index_set_id}", details)
    return shown
