"""POST /api/v1/search/index_set/{id}/…: what rows amount to, which fields they have, what stands around one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from bklog.api.acting import masking_for
from bklog.api.admission import admitted
from bklog.api.pacing import paced
from bklog.api.requests import View, asker, by_method, json_object
from bklog.api.streams import is_streamed, streamed
from bklog.api.wiring import search_limits, the_catalogue, the_store
from bklog.collect.searchable import Searchable, get_searchable
from bklog.errors import BklogError
from bklog.records import Bearer
from bklog.search.context import context
from bklog.search.field_list import field_list
from bklog.search.histogram import asked_histogram, date_histogram
from bklog.search.numbers import numbers, statistics
from bklog.search.question import Answer, Searched
from bklog.search.sliced import Asked
from bklog.search.sql import sql
from bklog.search.table import table
from bklog.search.terms import asked_terms, distinct, terms, values
from bklog.telemetry import SearchAnswered, SearchFailed

Analysis = Callable[..., Answer]
ANALYSES: Final[Mapping[str, Analysis]] = {  # the path below the index set → what answers it
    "aggs/date_histogram": date_histogram,
    "aggs/terms": terms,
    "aggs/distinct": distinct,
    "aggs/numbers": numbers,
    "fields": field_list,
    "fields/statistics": statistics,
    "fields/values": values,
    "context": context,
    "sql": sql,
    "table": table,
}
# Those of them that come in slices where they take long: with Accept: application/x-ndjson as lines of events.
SLICED: Final[Mapping[Analysis, Callable[..., Asked]]] = {date_histogram: asked_histogram, terms: asked_terms}


def view_of(analysis: Analysis) -> View:
    def answer(request: HttpRequest, index_set_id: int) -> HttpResponseBase:
        began = time.perf_counter()
        try:
            raw = json_object(request)
            index_set, bearer = get_searchable(index_set_id), asker(request)
            if analysis in SLICED and is_streamed(request) and not raw.get("explain"):
                return _streamed(analysis, raw, index_set, bearer)
            with admitted(bearer, index_set, raw.get("sql") or raw.get("query")):
                searched = _searched(index_set, bearer, raw, kind=analysis.__name__)
                found = analysis(raw, now=datetime.now(UTC), searched=searched)
        except BklogError as error:
            SearchFailed(index_set_id, error.stable_code, error.message).emit()
            raise
        _emit(analysis.__name__, index_set_id, found, seconds=time.perf_counter() - began)
        return JsonResponse(found)

    return by_method(POST=answer)


def _streamed(analysis: Analysis, raw: Mapping[str, Any], index_set: Searchable, bearer: Bearer) -> StreamingHttpResponse:
    kind = analysis.__name__

    def begin() -> Iterator[dict[str, Any]]:
        searched = _searched(index_set, bearer, raw, kind=kind)
        return SLICED[analysis](raw, now=datetime.now(UTC), searched=searched).events()

    return streamed(bearer, index_set, raw.get("query"), kind=kind, begin=begin)


def _searched(index_set: Searchable, bearer: Bearer, raw: Mapping[str, Any], *, kind: str) -> Searched:
    masked = raw.get("masking") is not False  # the analysis refuses what is neither true nor false
    query = str(raw.get("sql") or raw.get("query", ""))
    masking = masking_for(bearer, index_set.masking, index_set_id=index_set.pk, masked=masked, kind=kind, query=query)
    return Searched(index_set.tables, masking, paced(the_store()), the_catalogue(), search_limits())


def _emit(kind: str, index_set_id: int, found: Mapping[str, Any], *, seconds: float) -> None:
    """An explanation has read nothing."""
    read = found.get("statistics", {"rows_read": 0, "bytes_read": 0})
    kind = "explain" if "explanation" in found else kind
    SearchAnswered(index_set_id, kind, rows_read=read["rows_read"], bytes_read=read["bytes_read"], seconds=seconds).emit()
