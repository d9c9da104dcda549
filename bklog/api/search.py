"""POST /api/v1/search/index_set/{id}/search/: one page of an index set, or a count, or what would be run."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.api.requests import by_method, json_object
from bklog.api.wiring import search_limits, the_store
from bklog.collect.selectors import get_index_set
from bklog.search import service
from bklog.search.catalogue import FieldCatalogue
from bklog.search.request import parse_request


@lru_cache(maxsize=1)
def the_catalogue() -> FieldCatalogue:
    return FieldCatalogue(the_store(), search_limits())


def search_index_set(request: HttpRequest, index_set_id: int) -> HttpResponse:
    asked = parse_request(json_object(request), now=datetime.now(UTC))
    tables = [collector.log_table for collector in get_index_set(index_set_id).collectors.all()]
    call = service.explain if asked.explain else service.search
    found = call(asked, tables=tables, store=the_store(), catalogue=the_catalogue(), limits=search_limits())
    return JsonResponse({"explanation": found.as_dict()} if asked.explain else found.as_dict())


search = by_method(POST=search_index_set)
