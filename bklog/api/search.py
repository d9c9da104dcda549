"""POST /api/v1/search/index_set/{id}/search/: one page of an index set, or a count, or what would be run.

POST /api/v1/search/index_set/{id}/inspect/: what a query means there, or where it fails and a repair.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.api.requests import asker, by_method, json_object
from bklog.api.wiring import search_limits, the_catalogue, the_store
from bklog.collect.selectors import get_index_set
from bklog.errors import BklogError
from bklog.records import Bearer
from bklog.search import service
from bklog.search.inspect import inspect
from bklog.search.masking import masking_for
from bklog.search.request import SearchRequest, parse_request
from bklog.search.service import Explanation, SearchResult
from bklog.telemetry import SearchAnswered, SearchFailed


def search_index_set(request: HttpRequest, index_set_id: int) -> HttpResponse:
    began = time.perf_counter()
    try:
        asked = parse_request(json_object(request), now=datetime.now(UTC))
        found = _find(asked, index_set_id, asker(request))
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
    return JsonResponse(found.as_dict())


def _find(asked: SearchRequest, index_set_id: int, bearer: Bearer) -> Explanation | SearchResult:
    index_set = get_index_set(index_set_id)
    tables = [collector.log_table for collector in index_set.collectors.all()]
    kind = "explain" if asked.explain else "search"
    masking = masking_for(
        bearer, index_set.masking, index_set_id=index_set_id, masked=asked.masked, kind=kind, query=asked.query
    )
    call = service.explain if asked.explain else service.search
    return call(asked, tables=tables, masking=masking, store=the_store(), catalogue=the_catalogue(), limits=search_limits())


def inspect_query(request: HttpRequest, index_set_id: int) -> HttpResponse:
    asked = parse_request(json_object(request), now=datetime.now(UTC))
    index_set = get_index_set(index_set_id)
    tables = [collector.log_table for collector in index_set.collectors.all()]
    # No row is read: whoever asks is told what a search without raw values would say.
    found = inspect(
        asked, tables=tables, masking=index_set.masking, store=the_store(), catalogue=the_catalogue(), limits=search_limits()
    )
    return JsonResponse(found.as_dict())


search = by_method(POST=search_index_set)
inspection = by_method(POST=inspect_query)
