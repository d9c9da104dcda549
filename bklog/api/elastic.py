"""/es/…: index sets as Elasticsearch's clients and Grafana ask for them. docs/elasticsearch.md says what of it there is.

request ─▶ names of index sets, parameters, body ─▶ `bklog.elastic` ─▶ its answer as JSON
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property, wraps
from typing import Any, Final
from urllib.parse import unquote

from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.api.admission import require_not_blocked
from bklog.api.pacing import paced
from bklog.api.requests import View, asker, body_of, by_method, json_object
from bklog.api.spaces import visible
from bklog.api.wiring import search_limits, the_catalogue, the_store
from bklog.collect.searchable import list_searchable
from bklog.elastic import search as searching
from bklog.elastic.failures import as_failure
from bklog.elastic.keys import Keys, items, names, wrong
from bklog.elastic.names import chosen
from bklog.elastic.view import Index, Parts
from bklog.errors import BklogError
from bklog.records import Bearer
from bklog.telemetry import ElasticAnswered, ElasticFailed

MAX_SEARCHES: Final = 100  # of one _msearch: a dashboard has fewer panels
Answer = dict[str, Any]


class Call:
    """A request: what it names, asks and may take."""

    def __init__(self, request: HttpRequest, index: str = "") -> None:
        self.names = tuple(one for one in unquote(index).split(",") if one)
        self.path: dict[str, Any] = dict(request.GET.items())
        self.parts = parts()
        self.bearer = asker(request)
        self._request = request

    @property
    def body(self) -> Answer:
        """Clients that cannot send one with GET put it into the parameter `source`."""
        if "source" not in self.path:
            return json_object(self._request)
        source = self.path.pop("source")
        self.path.pop("source_content_type", None)
        try:
            found = json.loads(source)
        except (ValueError, RecursionError) as error:
            raise wrong(f"the parameter source is no JSON: {error}") from error
        return found if isinstance(found, dict) else _no_object()

    def lines(self) -> list[bytes]:
        return body_of(self._request).split(b"\n")

    @property
    def ignore_missing(self) -> bool:
        return Keys(self.path, tuple(self.path), "parameters").flag("ignore_unavailable", default=False)

    def resolve(self, wanted: Sequence[str]) -> list[Index]:
        """Raises NotFound, and Forbidden, for which the body is the query."""
        return self.allowed(indexes(wanted, self.bearer, ignore_missing=self.ignore_missing), self._text)

    def allowed(self, found: list[Index], text: str) -> list[Index]:
        """Raises Forbidden (`search_blocked`)."""
        for index in found:
            require_not_blocked(self.bearer, index.pk, text)
        return found

    @cached_property
    def _text(self) -> str:
        return body_of(self._request).decode("utf-8", "replace")


def parts() -> Parts:
    limits = search_limits()
    return Parts(paced(the_store()), the_catalogue(), limits, datetime.now(UTC), time.monotonic() + limits.seconds)


def indexes(wanted: Sequence[str], bearer: Bearer, *, ignore_missing: bool = False) -> list[Index]:
    """Raises NotFound."""
    sets = {one.name: one for one in visible(bearer, list_searchable())}
    found = [sets[name] for name in chosen(wanted, tuple(sets), ignore_missing=ignore_missing)]
    return [Index(one.name, one.tables, one.masking, one.pk) for one in found]


def answering(kind: str) -> Callable[[Callable[..., Answer]], View]:
    """A view that shows rows or values of rows: each answer is counted."""

    def view_of(answer: Callable[..., Answer]) -> View:
        @wraps(answer)
        def view(request: HttpRequest, **path: str) -> HttpResponse:
            began = time.perf_counter()
            call = Call(request, path.pop("index", ""))
            try:
                found = answer(call, **path)
            except BklogError as error:
                ElasticFailed(kind, error.stable_code, error.message).emit()
                raise
            rows, size = (sum(getattr(one, cost) for one in call.parts.answers) for cost in ("rows_read", "bytes_read"))
            ElasticAnswered(kind, rows_read=rows, bytes_read=size, seconds=time.perf_counter() - began).emit()
            return JsonResponse(found)

        return view

    return view_of


@answering("search")
def search(call: Call) -> Answer:
    return searching.search(call.body, call.path, call.names, call.resolve, call.parts)


@answering("count")
def count(call: Call) -> Answer:
    return searching.count(call.body, call.path, call.names, call.resolve, call.parts)


@answering("msearch")
def msearch(call: Call) -> Answer:
    """Each search has its own status; all of them share the time of one."""
    began = time.perf_counter()
    responses = [_one_of_many(call, header, body) for header, body in _pairs(call)]
    return {"took": int((time.perf_counter() - began) * 1000), "responses": responses}


def _one_of_many(call: Call, header: Mapping[str, Any], body: Mapping[str, Any]) -> Answer:
    try:
        given = dict(header)
        wanted = [part for one in names(items(given.pop("index", None)), "index") for part in one.split(",")]
        missing = given.get("ignore_unavailable", call.ignore_missing) in (True, "true")
        text = json.dumps(body, ensure_ascii=False)
        found = searching.search(
            body,
            {**call.path, **given},
            wanted or call.names,
            lambda asked: call.allowed(indexes(asked, call.bearer, ignore_missing=missing), text),
            call.parts,
        )
    except BklogError as error:
        ElasticFailed("msearch", error.stable_code, error.message).emit()
        return as_failure(error.as_dict()["error"], error.status)
    return {**found, "status": 200}


def _pairs(call: Call) -> list[tuple[Answer, Answer]]:
    """A header and a body, each on its line. Raises BadRequest."""
    lines = [line for line in call.lines() if line.strip()]
    if len(lines) % 2:
        raise wrong("an _msearch has a header and a body for each search, each on a line of its own")
    if len(lines) > 2 * MAX_SEARCHES:
        raise wrong(f"there are {len(lines) // 2} searches in the request; at most {MAX_SEARCHES} are made")
    found = [_object(line) for line in lines]
    return list(zip(found[::2], found[1::2], strict=True))


def _object(line: bytes) -> Answer:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise wrong(f"a line of the request is no JSON: {error}") from error
    return found if isinstance(found, dict) else _no_object()


def _no_object() -> Answer:
    raise wrong("a search is a JSON object")


@answering("async_search")
def async_search(call: Call) -> Answer:
    """Answered at once, whole: there is nothing to come back for."""
    found = searching.search(call.body, call.path, call.names, call.resolve, call.parts)
    now = int(call.parts.now.timestamp() * 1000)
    about = {"is_partial": False, "is_running": False, "start_time_in_millis": now, "expiration_time_in_millis": now}
    return {**about, "response": found}


@answering("scroll")
def scroll(call: Call, scroll_id: str = "") -> Answer:
    given = Keys({**call.path, **call.body}, ("scroll_id", "scroll", "rest_total_hits_as_int"), "scroll")
    as_int = given.flag("rest_total_hits_as_int", default=False)
    token = scroll_id or given.text("scroll_id")
    return searching.scroll(token, given.text("scroll", ""), call.resolve, call.parts, as_int=as_int)


def clear_scroll(request: HttpRequest, scroll_id: str = "") -> HttpResponse:
    """Nothing is kept for a scroll: there is nothing to free, and it ends when it expires."""
    given = Keys(json_object(request), ("scroll_id",), "scroll")
    ids = [scroll_id] if scroll_id else list(names(items(given.raw("scroll_id")), "scroll_id"))
    return JsonResponse({"succeeded": True, "num_freed": len(ids)})


@answering("open_point_in_time")
def open_point_in_time(call: Call) -> Answer:
    known = ("keep_alive", "ignore_unavailable", "preference", "routing", "expand_wildcards", "allow_partial_search_results")
    given = Keys(call.path, known, "parameters")
    token = searching.open_point_in_time(call.names, given.text("keep_alive"), call.resolve, call.parts)
    return {"id": token, "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0}}


def close_point_in_time(request: HttpRequest) -> HttpResponse:
    """As of a scroll."""
    Keys(json_object(request), ("id",), "pit").text("id")
    return JsonResponse({"succeeded": True, "num_freed": 1})


searches = by_method(POST=search, GET=search)
counts = by_method(POST=count, GET=count)
multi_searches = by_method(POST=msearch, GET=msearch)
async_searches = by_method(POST=async_search)
scrolls = by_method(POST=scroll, GET=scroll, DELETE=clear_scroll)
points_in_time = by_method(POST=open_point_in_time)
closing = by_method(DELETE=close_point_in_time)
