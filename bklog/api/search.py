"""POST /api/v1/search/index_set/{id}/search/: one page of an index set, or a count, or what would be run.

POST /api/v1/search/index_set/{id}/inspect/: what a query means there, or where it fails and a repair.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.api.requests import asker, by_method, json_object
from bklog.api.saved import recorded
from bklog.api.wiring import search_limits, the_catalogue, the_store
from bklog.collect.searchable import Searchable, get_searchable
from bklog.errors import BadRequest, BklogError
from bklog.query.plan import Order
from bklog.records import Bearer
from bklog.search import service
from bklog.search.inspect import inspect
from bklog.search.masking import masking_for
from bklog.search.request import SearchRequest, parse_request
from bklog.search.service import Explanation, SearchResult
from bklog.telemetry import SearchAnswered, SearchFailed

Call = Callable[[SearchRequest], Explanation | SearchResult]


def search_index_set(request: HttpRequest, index_set_id: int) -> HttpResponse:
    began = time.perf_counter()
    try:
        raw, bearer = json_object(request), asker(request)
        asked = parse_request(raw, now=datetime.now(UTC))
        index_set = get_searchable(index_set_id)
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
    SearchAnswered(index_set_id, kind, rows_read=read.rows_read, bytes_read=read.bytes_read, seconds=seconds).emit()
    for one in read.sources:
        if one.error:  # the others have answered
            SearchFailed(index_set_id, one.error.stable_code, f"{one.collector}: {one.error.message}").emit()
    if asked.cursor:  # a further page of what was asked before
        return JsonResponse(found.as_dict())
    return recorded(found.as_dict(), bearer.name, index_set, raw)


def _find(asked: SearchRequest, index_set: Searchable, bearer: Bearer) -> Explanation | SearchResult:
    kind = "explain" if asked.explain else "search"
    masking = masking_for(
        bearer, index_set.masking, index_set_id=index_set.pk, masked=asked.masked, kind=kind, query=asked.query
    )
    call = partial(
        service.explain if asked.explain else service.search,
        tables=index_set.tables,
        masking=masking,
        store=the_store(),
        catalogue=the_catalogue(),
        limits=search_limits(),
    )
    return with_defaults(asked, index_set, call)


def with_defaults(asked: SearchRequest, index_set: Searchable, call: Call) -> Explanation | SearchResult:
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
inspection = by_method(POST=inspect_query)
