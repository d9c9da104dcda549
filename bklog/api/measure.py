"""Each request that web answers → one RequestAnswered: its line, its count, its time; written when the answer is out."""

from __future__ import annotations

import time
from typing import Final

from django.http import HttpRequest, HttpResponse

from bklog.api.afterwards import afterwards
from bklog.api.middleware import METRICS_PATHS, OPEN_PATHS, View
from bklog.telemetry import RequestAnswered

QUIET_PATHS: Final = OPEN_PATHS | METRICS_PATHS
KNOWN_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def measure(get_response: View) -> View:
    def middleware(request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = get_response(request)
        answered = RequestAnswered(
            method=request.method if request.method in KNOWN_METHODS else "other",  # anybody may invent methods
            route=_route(request),
            path=request.path,
            status=response.status_code,
            seconds=round(time.perf_counter() - began, 6),
            quiet=request.path in QUIET_PATHS,
        )
        afterwards(answered.emit)
        return response

    return middleware


def _route(request: HttpRequest) -> str:
    """A request that was refused before its path was looked at, or whose path is none, has no route."""
    return f"/{request.resolver_match.route}" if request.resolver_match else "none"
