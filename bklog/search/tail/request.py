"""JSON body -> TailRequest: the same keys and meanings as of a search, but for what a tail has none of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bklog.query.conditions import Condition
from bklog.records import TimeRange
from bklog.search.addition import read_addition
from bklog.search.given import Given
from bklog.search.request import MAX_FIELDS, SearchRequest

KEYS: Final = ("query", "addition", "fields", "masking")


@dataclass(frozen=True, slots=True)
class TailRequest:
    """What is followed. All viewers that ask for the same are served by one reading of the store."""

    index_set_id: int
    query: str
    conditions: tuple[Condition, ...] = ()
    fields: tuple[str, ...] | None = None
    masked: bool = True

    def as_search(self, time_range: TimeRange) -> SearchRequest:
        return SearchRequest(
            query=self.query, time_range=time_range, conditions=self.conditions, fields=self.fields, masked=self.masked
        )


def parse_tail(index_set_id: int, raw: Mapping[str, Any]) -> TailRequest:
    """Raises BadRequest: `search_request`, `condition`."""
    given = Given(raw, KEYS)
    return TailRequest(
        index_set_id=index_set_id,
        query=given.text("query"),
        conditions=read_addition(given.raw("addition", [])),
        fields=given.names("fields", most=MAX_FIELDS) if "fields" in given else None,
        masked=given.flag("masking", default=True),
    )
