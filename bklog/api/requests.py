"""HttpRequest -> what a view needs of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import wraps
from typing import Any, Final

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponseBase

from bklog.accounts.audit import Actor
from bklog.api.acting import actor_of
from bklog.api.credentials import address_of
from bklog.api.middleware import ASKER, present_failure
from bklog.errors import BadRequest, TooLarge
from bklog.records import Bearer

View = Callable[..., HttpResponseBase]
USUAL_LIMIT: Final = 50
LARGEST_ID: Final = 2**53
METHODS: Final[dict[View, tuple[str, ...]]] = {}  # of the views that `by_method` made


def asker(request: HttpRequest) -> Bearer:
    """Whose token or session came with the request. Raises KeyError on the paths that need none."""
    found = request.META[ASKER]
    if not isinstance(found, Bearer):
        raise TypeError(f"{ASKER} holds {type(found).__name__}")
    return found


def actor(request: HttpRequest) -> Actor:
    """Who asks, as the audit names them."""
    return actor_of(asker(request), address_of(request))


def json_object(request: HttpRequest) -> dict[str, Any]:
    """The body as a JSON object; an empty body is an empty object."""
    try:
        given = json.loads(body_of(request) or b"{}", parse_constant=_refuse_constant)
    except ValueError as error:
        raise BadRequest(f"the body is no JSON: {error}", hint="send a JSON object", code="no_json") from error
    except RecursionError as error:
        raise BadRequest("the body is nested too deep to be read", hint="send a flat object", code="no_json") from error
    if not isinstance(given, dict):
        raise BadRequest("the body is JSON but no object", hint='send {"…": …}', code="no_json")
    return given


def body_of(request: HttpRequest) -> bytes:
    """Raises TooLarge (`body_too_large`)."""
    try:
        return request.body
    except RequestDataTooBig as error:
        raise TooLarge("the body is too large for this path", hint="logs go to /ingest/v1/", code="body_too_large") from error


def kept_object(request: HttpRequest) -> dict[str, Any]:
    """As `json_object`, of what a database is to keep: none keeps half of a character, PostgreSQL no U+0000."""
    given = json_object(request)
    if b"\\ud" in request.body.lower():
        _require_whole_characters(given)
    if b"\\u0000" in request.body and "\\u0000" in json.dumps(given):
        raise _refuse_nul("the body")
    return given


def _require_whole_characters(given: dict[str, Any]) -> None:
    try:
        json.dumps(given, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        hint = "the text was cut or encoded wrongly"
        raise BadRequest("half of a character stands in the body", hint=hint, code="no_json") from error


def _refuse_nul(where: str) -> BadRequest:
    return BadRequest(f"{where} has the character U+0000", hint="leave it out: not every database keeps it", code="nul")


def _require_no_nul(request: HttpRequest, path: Mapping[str, Any]) -> None:
    """What stands in a path or its query is looked up in a database."""
    given = [text for _, values in request.GET.lists() for text in values]
    if any("\x00" in text for text in (*given, *map(str, path.values()))):
        raise _refuse_nul("the path")


def _refuse_constant(name: str) -> float:
    """NaN, Infinity: Python's reader takes them, JSON has none."""
    raise ValueError(f"{name} is no value of JSON")


def last_hours(request: HttpRequest, *, default: int, most: int) -> timedelta:
    """The query's `hours`. Raises BadRequest."""
    text = request.GET.get("hours", str(default))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise BadRequest(f"hours is {text!r}", hint=f"a whole number from 1 to {most}", code="hours")
    return timedelta(hours=int(text))


def whole_number(text: str, name: str, most: int) -> int:
    """A value of the query, from 1. Raises BadRequest with the name as its code."""
    if not text.isascii() or not text.isdigit() or len(text) > 16 or not 1 <= int(text) <= most:
        raise BadRequest(f"{name} is {text[:50]!r}", hint=f"a whole number from 1 to {most}", code=name)
    return int(text)


class MethodNotAllowed(BadRequest):
    code = "method_not_allowed"
    status = 405


def by_method(**views: View) -> View:
    """One view of several: GET=list_them, POST=make_one. Another method is answered with 405 and what is possible."""

    def dispatch(request: HttpRequest, **path: Any) -> HttpResponseBase:
        view = views.get(request.method or "")
        if view is not None:
            _require_no_nul(request, path)
            return view(request, **path)
        allowed = ", ".join(views)
        response = present_failure(MethodNotAllowed(f"{request.method} is not possible here", hint=f"possible: {allowed}"))
        response["Allow"] = allowed
        return response

    view = wraps(next(iter(views.values())))(dispatch)
    METHODS[view] = tuple(views)
    return view


def page_of(request: HttpRequest, *, most: int) -> tuple[int, int | None]:
    """The query's `limit` and `before`, the id of the last item of the former page. Raises BadRequest."""
    given = request.GET
    limit = whole_number(given.get("limit", str(USUAL_LIMIT)), "limit", most)
    return limit, whole_number(given["before"], "before", LARGEST_ID) if "before" in given else None
