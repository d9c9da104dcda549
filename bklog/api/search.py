"""POST /api/v1/search/index_set/{id}/search/: one page of an index set, or a count, or what would be run.

POST /api/v1/search/index_set/{id}/inspect/: what a query means there, or where it fails and a repair.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache

from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.api.requests import by_method, json_object
from bklog.api.wiring import search_limits, the_store
from bklog.collect.selectors import get_index_set
from bklog.errors import BklogError
from bklog.search import service
from bklog.search.catalogue import FieldCatalogue
from bklog.search.inspect import inspect
from bklog.search.request import SearchRequest, parse_request
from bklog.search.service import Explanation, SearchResult
from bklog.telemetry import SearchAnswered, SearchFailed


@lru_cache(maxsize=1)
def the_catalogue() -> FieldCatalogue:
    return FieldCatalogue(the_store(), search_limits())


def search_index_set(request: HttpRequest, index_set_id: int) -> HttpResponse:
    began = time.perf_counter()
    try:
        asked = parse_request(json_object(request), now=datetime.now(UTC))
        found = _find(asked, index_set_id)
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


def _find(asked: SearchRequest, index_set_id: int) -> Explanation | SearchResult:
    tables = [collector.log_table for collector in get_index_set(index_set_id).collectors.all()]
    call = service.explain if asked.explain else service.search
    return call(asked, tables=tables, store=the_store(), catalogue=the_catalogue(), limits=search_limits())


def inspect_query(request: HttpRequest, index_set_id: int) -> HttpResponse:
    asked = parse_request(json_object(request), now=datetime.now(UTC))
    tables = [collector.log_table for collector in get_index_set(index_set_id).collectors.all()]
    found = inspect(asked, tables=tables, store=the_store(), catalogue=the_catalogue(), limits=search_limits())
    return JsonResponse(found.as_dict())


search = by_method(POST=search_index_set)
inspection = by_method(POST=inspect_query)
