"""POST /api/v1/search/index_set/{id}/search/: one page of an index set, or a count, or what would be run; as one answer,
or with Accept: application/x-ndjson as it is found.

POST /api/v1/search/cancel/: stop one that is under way.

POST /api/v1/search/index_set/{id}/inspect/: what a query means there, or where it fails and a repair.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from bklog.api.acting import masking_for
from bklog.api.admission import admitted
from bklog.api.afterwards import afterwards
from bklog.api.answers import json_answer
from bklog.api.middleware import REQUEST_ID, REQUEST_IDS, mark_of_id
from bklog.api.pacing import paced, the_watch
from bklog.api.requests import asker, by_method, json_object
from bklog.api.saved import kept_in_history, recorded
from bklog.api.streams import is_streamed, streamed
from bklog.api.wiring import search_limits, the_catalogue, the_store
from bklog.collect.searchable import Searchable, get_searchable
from bklog.errors import BadRequest, BklogError
from bklog.query.plan import Order
from bklog.records import Bearer
from bklog.search import service
from bklog.search.asking import cancel
from bklog.search.inspect import inspect
from bklog.search.request import SearchRequest, parse_request
from bklog.search.service import Begun, Explanation, SearchResult
from bklog.search.stream import events
from bklog.telemetry import SearchAnswered, SearchFailed

Found = TypeVar("Found", Explanation, SearchResult, Begun, Explanation | SearchResult)
Call = Callable[[SearchRequest], Found]


def search_index_set(request: HttpRequest, index_set_id: int) -> HttpResponseBase:
    began = time.perf_counter()
    try:
        raw, bearer = json_object(request), asker(request)
        asked = parse_request(raw, now=datetime.now(UTC))
        index_set = get_searchable(index_set_id)
        if is_streamed(request) and not asked.explain:
            answer = _streamed(asked, index_set, bearer)
            if not asked.cursor:
                kept_in_history(bearer.name, index_set, raw)
            return answer
        with admitted(bearer, index_set, asked.query):
            found = _find(asked, index_set, bearer)
    except BklogError as error:
        SearchFailed(index_set_id, error.stable_code, error.message).emit()
        raise
    seconds = time.perf_counter() - began
    if isinstance(found, Explanation):
        SearchAnswered(index_set_id, "explain", rows_read=0, bytes_read=0, seconds=seconds).emit()
        return JsonResponse({"explanation": found.as_dict()})
    read = found.statistics
    kind = "count" if asked.count else "page"
    answered = SearchAnswered(index_set_id, kind, rows_read=read.rows_read, bytes_read=read.bytes_read, seconds=seconds)
    afterwards(answered.emit)
    for one in read.sources:
        if one.error:  # the others have answered
            SearchFailed(index_set_id, one.error.stable_code, f"{one.collector}: {one.error.message}").emit()
    if asked.cursor:  # a further page of what was asked before
        return json_answer(found.as_dict())
    return recorded(found.as_dict(), bearer.name, index_set, raw)


def _find(asked: SearchRequest, index_set: Searchable, bearer: Bearer) -> Explanation | SearchResult:
    way: Callable[..., Explanation | SearchResult] = service.explain if asked.explain else service.search
    return with_defaults(asked, index_set, _call(way, asked, index_set, bearer))


def _call(way: Callable[..., Found], asked: SearchRequest, index_set: Searchable, bearer: Bearer) -> Call[Found]:
    kind = "explain" if asked.explain else "search"
    masking = masking_for(
        bearer, index_set.masking, index_set_id=index_set.pk, masked=asked.masked, kind=kind, query=asked.query
    )
    return partial(
        way,
        tables=index_set.tables,
        masking=masking,
        store=paced(the_store()),
        catalogue=the_catalogue(),
        limits=search_limits(),
    )


def _streamed(asked: SearchRequest, index_set: Searchable, bearer: Bearer) -> StreamingHttpResponse:
    """What is wrong with the question is answered as ever; what goes wrong later is the last event."""
    kind = "count" if asked.count else "page"

    def begin() -> Iterator[dict[str, Any]]:
        return events(with_defaults(asked, index_set, _call(service.begin, asked, index_set, bearer)))

    return streamed(bearer, index_set, asked.query, kind=kind, begin=begin)


def cancel_search(request: HttpRequest) -> HttpResponse:
    """Of a search that was asked with the header X-Request-ID, by the same token."""
    given = json_object(request).get("request_id")
    if not isinstance(given, str) or not REQUEST_IDS.fullmatch(given):
        hint = f"what the search was sent with as {REQUEST_ID}: 8 to 64 letters, digits, _ and -"
        raise BadRequest("request_id is no id of a request", hint=hint, code="search_request")
    mark = mark_of_id(asker(request).name, given)
    is_elsewhere = the_watch().call_off(mark)
    return JsonResponse({"cancelled": cancel(mark, the_store()) or is_elsewhere})


def with_defaults(asked: SearchRequest, index_set: Searchable, call: Call[Found]) -> Found:
    """What the request does not say, the index set does. Fields that its rows no longer have hold nobody up."""
    asked = asked if asked.order else replace(asked, order=Order(index_set.default_order))
    if asked.fields is not None or asked.count or not index_set.default_fields:
        return call(asked)
    fields = index_set.default_fields
    try:
        found = call(replace(asked, fields=fields))
    except BadRequest as error:
        if error.stable_code != "unknown_field":
            raise
        return call(asked)
    return replace(found, fields=fields) if isinstance(found, SearchResult) else found


def inspect_query(request: HttpRequest, index_set_id: int) -> HttpResponse:
    asked = parse_request(json_object(request), now=datetime.now(UTC))
    index_set = get_searchable(index_set_id)
    # No row is read: whoever asks is told what a search without raw values would say.
    found = inspect(
        asked,
        tables=index_set.tables,
        masking=index_set.masking,
        store=the_store(),
        catalogue=the_catalogue(),
        limits=search_limits(),
    )
    return JsonResponse(found.as_dict())


search = by_method(POST=search_index_set)
cancellation = by_method(POST=cancel_search)
inspection = by_method(POST=inspect_query)
