"""/loki/api/v1/…: what Grafana's Loki data source and logcli ask, answered from the index sets.

A failure is answered as Loki answers it, in plain text. `X-Scope-OrgID` names a space. Live tail is in `loki_tail`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog import __version__
from bklog.api.acting import masking_for
from bklog.api.loki_sets import IN_PLAIN_TEXT, NO_INDEX_SET, SPACE_HEADER, blocked, index_sets_of, named, spaces_in, told
from bklog.api.pacing import paced
from bklog.api.requests import View, asker, by_method
from bklog.api.spaces import visible
from bklog.api.wiring import search_limits, the_catalogue, the_store
from bklog.collect.searchable import Searchable
from bklog.errors import BklogError
from bklog.loki import fields, index, service
from bklog.loki.service import Place
from bklog.loki.sources import NamedTables
from bklog.loki.times import Parameters, one
from bklog.query.logql.parser import parse
from bklog.records import Bearer
from bklog.telemetry import SearchAnswered, SearchFailed

Asked = Callable[..., dict[str, Any]]
LOKI_VERSION: Final = "3.0.0"  # whose API this is; clients choose by it what they ask for


def _view(kind: str, asked: Asked, *, reads_rows: bool = True) -> View:
    """GET, or POST with a form."""

    def answer(request: HttpRequest, **path: Any) -> HttpResponse:
        began = time.perf_counter()
        try:
            found = asked(_parameters(request), **path, now=datetime.now(UTC), place=_place(request, kind))
        except BklogError as error:
            SearchFailed(NO_INDEX_SET, error.stable_code, error.message).emit()
            return _failure(error)
        if reads_rows:
            _emit(kind, found, seconds=time.perf_counter() - began)
        return JsonResponse(found)

    return by_method(GET=answer, POST=answer)


def _parameters(request: HttpRequest) -> Parameters:
    return {**dict(request.GET.lists()), **dict(request.POST.lists())}


def _place(request: HttpRequest, kind: str) -> Place:
    bearer = asker(request)
    found = visible(bearer, index_sets_of(spaces_in(request.headers.get(SPACE_HEADER, ""))))
    without = blocked(bearer, found, one(_parameters(request), "query"))
    open_sets = [_masked(each, bearer, kind) for each in found if each.pk not in without]
    return Place(open_sets, paced(the_store()), the_catalogue(), search_limits())


def _masked(index_set: Searchable, bearer: Bearer, kind: str) -> NamedTables:
    masking = masking_for(bearer, index_set.masking, index_set_id=index_set.pk, masked=True, kind=f"loki_{kind}", query="")
    return named(index_set, masking)


def _failure(error: BklogError) -> HttpResponse:
    return HttpResponse(told(error), status=error.status, content_type=IN_PLAIN_TEXT, headers=error.headers)


def _emit(kind: str, found: dict[str, Any], *, seconds: float) -> None:
    data = found.get("data")
    read = data.get("stats", {}).get("summary", {}) if isinstance(data, dict) else {}
    rows, size = read.get("totalLinesProcessed", 0), read.get("totalBytesProcessed", 0)
    SearchAnswered(NO_INDEX_SET, f"loki_{kind}", rows_read=rows, bytes_read=size, seconds=seconds).emit()


def _formatted(parameters: Parameters, *, now: datetime, place: Place) -> dict[str, Any]:
    del now, place
    return {"status": "success", "data": str(parse(one(parameters, "query")))}


def _build_info(request: HttpRequest) -> HttpResponse:
    del request
    told = {"revision": f"bklog-{__version__}", "branch": "", "buildUser": "", "buildDate": "", "goVersion": ""}
    return JsonResponse({"status": "success", "data": {"version": LOKI_VERSION, **told}})


def _ready(request: HttpRequest) -> HttpResponse:
    del request
    the_store().ping()
    return HttpResponse("ready\n", content_type=IN_PLAIN_TEXT)


def _in_plain_text(view: View) -> View:
    @wraps(view)
    def answer(request: HttpRequest, **path: Any) -> Any:
        try:
            return view(request, **path)
        except BklogError as error:
            return _failure(error)

    return answer


VIEWS: Final[dict[str, View]] = {  # the path below /loki/api/v1/ → what answers it
    "query_range": _view("query_range", service.query_range),
    "query": _view("query", service.query),
    "labels": _view("labels", index.labels),
    "label": _view("labels", index.labels),
    "series": _view("series", index.series),
    "index/stats": _view("stats", index.stats),
    "index/volume": _view("volume", index.volume),
    "index/volume_range": _view("volume_range", index.volume_range),
    "detected_labels": _view("detected_labels", index.detected_labels),
    "detected_fields": _view("detected_fields", fields.detected_fields),
    "patterns": _view("patterns", fields.patterns, reads_rows=False),
    "format_query": _view("format_query", _formatted, reads_rows=False),
    "status/buildinfo": by_method(GET=_build_info),
}
label_values = _view("label_values", index.values)
field_values = _view("detected_values", fields.detected_values)
ready = by_method(GET=_in_plain_text(_ready))
