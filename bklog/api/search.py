"""POST /api/v1/search/index_set/{id}/search/: one page of an index set, or a count, or what would be run; as one answer,
or with Accept: application/x-ndjson as it is found.

POST /api/v1/search/cancel/: stop one that is under way.

POST /api/v1/search/index_set/{id}/inspect/: what a query means there, or where it fails and a repair.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeVar

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from bklog.api.admission import admitted, require_not_blocked
from bklog.api.afterwards import afterwards
from bklog.api.middleware import REQUEST_ID, REQUEST_IDS, mark, mark_of
from bklog.api.requests import asker, by_method, json_object
from bklog.api.saved import recorded
from bklog.api.wiring import paced, search_limits, the_catalogue, the_store
from bklog.collect.searchable import Searchable, get_searchable
from bklog.errors import BadRequest, BklogError
from bklog.query.plan import Order
from bklog.records import Bearer
from bklog.search import service
from bklog.search.inspect import inspect
from bklog.search.masking import masking_for
from bklog.search.pace import asking, cancel
from bklog.search.request import SearchRequest, parse_request
from bklog.search.service import Begun, Explanation, SearchResult
from bklog.search.stream import events
from bklog.telemetry import SearchAnswered, SearchFailed

NDJSON: Final = "application/x-ndjson"
Found = TypeVar("Found", Explanation, SearchResult, Begun, Explanation | SearchResult)
Call = Callable[[SearchRequest], Found]


def search_index_set(request: HttpRequest, index_set_id: int) -> HttpResponseBase:
    began = time.perf_counter()
    try:
        raw, bearer = json_object(request), asker(request)
        asked = parse_request(raw, now=datetime.now(UTC))
        index_set = get_searchable(index_set_id)
        if request.headers.get("Accept") == NDJSON and not asked.explain:
            return _streamed(request, asked, index_set)
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
        return JsonResponse(found.as_dict())
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


def _streamed(request: HttpRequest, asked: SearchRequest, index_set: Searchable) -> StreamingHttpResponse:
    """What is wrong with the question is answered as ever; what goes wrong later is the last event."""
    bearer = asker(request)
    require_not_blocked(bearer, index_set.pk, asked.query)
    begun = with_defaults(asked, index_set, _call(service.begin, asked, index_set, bearer))
    return StreamingHttpResponse(_lines(begun, index_set, bearer, mark_of(request, bearer)), content_type=NDJSON)


def _lines(begun: Begun, index_set: Searchable, bearer: Bearer, mark: str) -> Iterator[bytes]:
    """Runs after the view has returned, so its place in the space and its mark are its own. A client that has gone ends it."""
    with asking(bearer.name, mark):
        try:
            with admitted(bearer, index_set, begun.request.query):
                for event in events(begun):
                    yield json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        except BklogError as error:
            yield json.dumps(error.as_dict()).encode() + b"\n"


def cancel_search(request: HttpRequest) -> HttpResponse:
    """Of a search that was asked with the header X-Request-ID, by the same token."""
    given = json_object(request).get("request_id")
    if not isinstance(given, str) or not REQUEST_IDS.fullmatch(given):
        hint = f"what the search was sent with as {REQUEST_ID}: 8 to 64 letters, digits, _ and -"
        raise BadRequest("request_id is no id of a request", hint=hint, code="search_request")
    return JsonResponse({"cancelled": cancel(mark(asker(request).name, given), the_store())})


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
