"""/loki/api/v1/…: what Grafana's Loki data source and logcli ask, answered from the index sets.

A failure is answered as Loki answers it, in plain text: that is what its clients show. `X-Scope-OrgID` names a space.
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
from bklog.api.admission import require_not_blocked
from bklog.api.requests import View, asker, by_method
from bklog.api.spaces import visible
from bklog.api.wiring import paced, search_limits, the_catalogue, the_store
from bklog.collect.models import IndexSet
from bklog.collect.selectors import list_index_sets
from bklog.errors import BklogError, Forbidden
from bklog.loki import index, service
from bklog.loki.service import Place
from bklog.loki.sources import NamedTables
from bklog.loki.times import Parameters, one
from bklog.query.logql.parser import parse
from bklog.records import Bearer
from bklog.telemetry import SearchAnswered, SearchFailed

Asked = Callable[..., dict[str, Any]]
SPACE_HEADER: Final = "X-Scope-OrgID"
NO_INDEX_SET: Final = 0  # a selector may mean several: the event names none
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
    spaces = [space for space in request.headers.get(SPACE_HEADER, "").split("|") if space]
    bearer = asker(request)
    found = [one_set for one_set in visible(bearer, list_index_sets()) if not spaces or one_set.space in spaces]
    text = one(_parameters(request), "query")
    named = [_named(one_set, bearer, kind) for one_set in found if not _is_blocked(bearer, one_set, text)]
    return Place(named, paced(the_store()), the_catalogue(), search_limits())


def _is_blocked(bearer: Bearer, index_set: IndexSet, query: str) -> bool:
    """A block of one index set leaves the others that a selector may mean; one of the query itself refuses it."""
    try:
        require_not_blocked(bearer, index_set.pk, query)
    except Forbidden as error:
        if error.fields.get("index_set_id") is None:
            raise
        return True
    return False


def _named(index_set: IndexSet, bearer: Bearer, kind: str) -> NamedTables:
    collectors = tuple((collector.name, collector.log_table) for collector in index_set.collectors.all())
    masking = masking_for(bearer, index_set.masking, index_set_id=index_set.pk, masked=True, kind=f"loki_{kind}", query="")
    return NamedTables(index_set.name, collectors, masking)


def _failure(error: BklogError) -> HttpResponse:
    text = f"{error.message}\n{error.hint}" if error.hint else error.message
    response = HttpResponse(text, status=error.status, content_type="text/plain; charset=utf-8")
    if "retry_after_seconds" in error.fields:
        response["Retry-After"] = str(error.fields["retry_after_seconds"])
    return response


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
    return HttpResponse("ready\n", content_type="text/plain; charset=utf-8")


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
    "format_query": _view("format_query", _formatted, reads_rows=False),
    "status/buildinfo": by_method(GET=_build_info),
}
label_values = _view("label_values", index.values)
ready = by_method(GET=_in_plain_text(_ready))
