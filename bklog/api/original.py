"""/api/bk-log-search/prod/…: what the resources of the original's gateway share. docs/original-api.md says which there are.

request ─▶ Call ─ sets(…) ─▶ index sets, let in ─┬ rows(…)    ─▶ the platform's search
                                                 └ elastic(…) ─▶ `bklog.elastic`
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any, Final

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase

from bklog.api.acting import masking_for
from bklog.api.admission import placed, require_not_blocked
from bklog.api.elastic import parts
from bklog.api.original_door import envelope
from bklog.api.requests import View, asker, json_object
from bklog.api.spaces import require_index_set, visible
from bklog.collect.searchable import Searchable, get_searchables
from bklog.collect.selectors import list_index_sets
from bklog.elastic import search as searching
from bklog.elastic.names import chosen
from bklog.elastic.view import Index
from bklog.errors import BadRequest, BklogError, QuerySyntax
from bklog.esquery.question import MAX_SETS, Asked
from bklog.query import Masking
from bklog.query.plan import Order
from bklog.records import Role
from bklog.search import service
from bklog.search.question import Searched
from bklog.search.request import SearchRequest
from bklog.search.service import SearchResult
from bklog.telemetry import SearchAnswered, SearchFailed

ZONE_HEADER: Final = "X-Bklog-Timezone"
NO_INDEX_SET: Final = 0  # several, or none yet: the event names none
Data = Any


class Call:
    """A request of one resource: its body, who asks, and what its statements have cost so far."""

    def __init__(self, request: HttpRequest, kind: str) -> None:
        self.request = request
        self.kind = f"original_{kind}"
        self.bearer = asker(request)
        self.zone = request.headers.get(ZONE_HEADER, "")
        self.body: dict[str, Any] = json_object(request) if request.method == "POST" else {}
        self.index_set_id = NO_INDEX_SET
        self.parts = parts()
        self.now = self.parts.now
        self.cost = [0, 0]

    def one_set(self, index_set_id: int) -> Searchable:
        """Raises NotFound, Forbidden (`role_missing`)."""
        return self.sets([index_set_id])[0]

    def sets(self, ids: Sequence[int]) -> list[Searchable]:
        """Raises NotFound, Forbidden (`role_missing`)."""
        if len(ids) == 1:
            self.index_set_id = ids[0]
        for index_set_id in ids:
            require_index_set(self.bearer, Role.VIEWER, index_set_id)
        return get_searchables(ids)

    def named_sets(self, text: str) -> list[Searchable]:
        """By names, aliases and patterns, with commas between. Raises NotFound, BadRequest."""
        wanted = [one.strip() for one in text.split(",") if one.strip()]
        if not wanted:
            hint = 'name index sets as {"indices": "shop,pay"}, or one by its number as {"index_set_id": 1}'
            raise BadRequest("it is not said which index sets are meant", hint=hint, code="search_request")
        there = visible(self.bearer, list_index_sets())
        ids = {name: one.pk for one in there for name in (one.name, *(alias.name for alias in one.aliases.all()))}
        found = list(dict.fromkeys(ids[name] for name in chosen(wanted, tuple(ids))))
        if len(found) > MAX_SETS:
            hint = f"at most {MAX_SETS} are searched together"
            raise BadRequest(f"{len(found)} index sets are meant", hint=hint, code="search_request")
        return self.sets(found)

    @contextmanager
    def let_in(self, sets: Sequence[Searchable], *texts: str) -> Iterator[None]:
        """`texts` are what is asked, as it came and as it is read. Raises Forbidden (`search_blocked`), Overloaded.

        Each space gives one place for the whole request, always in the same order, so that no two requests wait for each other.
        """
        for one in sets:
            for text in texts:
                require_not_blocked(self.bearer, one.pk, text)
        with ExitStack() as stack:
            for space in sorted({one.space for one in sets}):
                stack.enter_context(placed(self.bearer, space))
            yield

    def masking(self, one: Searchable, asked: Asked | None = None) -> Masking:
        """What who asks may not see of it. Raises Forbidden (`permission_missing`) where raw values are asked for."""
        masked, query = (asked.masked, asked.query) if asked else (True, "")
        return masking_for(self.bearer, one.masking, index_set_id=one.pk, masked=masked, kind=self.kind, query=query)

    def searched(self, one: Searchable, asked: Asked | None = None) -> Searched:
        return Searched(one.tables, self.masking(one, asked), self.parts.store, self.parts.catalogue, self.parts.limits)

    def rows(self, one: Searchable, asked: Asked, *, limit: int, order: Order | None) -> SearchResult:
        """Raises BadRequest, and what a search of the platform does."""
        wanted = SearchRequest(asked.query, asked.time_range, limit=limit, order=order or Order(one.default_order))
        own = self.searched(one, asked)
        with _without_place():
            found = service.search(
                wanted,
                tables=own.tables,
                masking=own.masking,
                store=own.store,
                catalogue=own.catalogue,
                limits=own.limits,
            )
        self.add(found.statistics.rows_read, found.statistics.bytes_read)
        return found

    def indexes(self, sets: Sequence[Searchable], asked: Asked | None = None) -> list[Index]:
        return [Index(one.name, one.tables, self.masking(one, asked), one.pk) for one in sets]

    def elastic(
        self, body: Mapping[str, Any], indexes: Sequence[Index], path: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """`path` are what a request of Elasticsearch has beside its body."""
        names = [index.name for index in indexes]
        with _without_place():
            return searching.search(body, path or {}, names, lambda _: indexes, self.parts)

    def add(self, rows_read: int, bytes_read: int) -> None:
        self.cost = [self.cost[0] + rows_read, self.cost[1] + bytes_read]

    def answered(self, *, seconds: float) -> None:
        for one in self.parts.answers:
            self.add(one.rows_read, one.bytes_read)
        rows, size = self.cost
        SearchAnswered(self.index_set_id, self.kind, rows_read=rows, bytes_read=size, seconds=seconds).emit()


def answering(kind: str) -> Callable[[Callable[..., Data]], View]:
    """A view of a resource that reads rows, or values of rows. An answer that is a file goes out as it is."""

    def view_of(answer: Callable[..., Data]) -> View:
        @wraps(answer)
        def view(request: HttpRequest, **path: Any) -> HttpResponseBase:
            began = time.perf_counter()
            call = Call(request, kind)
            try:
                data = answer(call, **path)
            except BklogError as error:
                SearchFailed(call.index_set_id, error.stable_code, error.message).emit()
                raise
            call.answered(seconds=time.perf_counter() - began)
            return data if isinstance(data, HttpResponseBase) else JsonResponse(envelope(request, data))

        return view

    return view_of


@contextmanager
def _without_place() -> Iterator[None]:
    """The text that is searched was made of the one that came: a place in it would mislead."""
    try:
        yield
    except QuerySyntax as error:
        raise BadRequest(error.message, hint=error.hint or error.expected, code=error.stable_code) from error
