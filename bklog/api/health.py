"""/healthz/: every part, 503 when one is down; its parts for a page, and its history. /readiness/: this process answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.api.requests import by_method, last_hours
from bklog.errors import BadRequest
from bklog.supervise.health import Part, as_text, check_all, is_healthy, part_names
from bklog.supervise.history import KEEP, read_history

KEEP_HOURS: Final = KEEP // timedelta(hours=1)
FORMATS: Final = ("json", "text", "k8s")


def show_health(request: HttpRequest) -> HttpResponse:
    form = request.GET.get("format_type", "json")
    if form not in FORMATS:
        raise BadRequest(f"format_type is {form!r}", hint=f"one of {', '.join(FORMATS)}", code="format_type")
    include, exclude = (part_names(request.GET.get(name, "")) for name in ("include", "exclude"))
    parts = check_all(include=include, exclude=exclude)
    status = 200 if is_healthy(parts) else 503
    if form != "json":
        return HttpResponse(as_text(parts), status=status, content_type="text/plain; charset=utf-8")
    return JsonResponse(_present(parts), status=status)


def show_parts(request: HttpRequest) -> HttpResponse:
    """200 whatever is down: that it can be told is the answer, and no browser reports it as a failure."""
    return JsonResponse(_present(check_all()))


def _present(parts: Sequence[Part]) -> dict[str, object]:
    return {"healthy": is_healthy(parts), "parts": [asdict(part) for part in parts]}


def show_history(request: HttpRequest) -> HttpResponse:
    hours = last_hours(request, default=24, most=KEEP_HOURS)
    return JsonResponse({"items": read_history(since=datetime.now(UTC) - hours)})


def show_readiness(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"ready": True})


healthz = by_method(GET=show_health)
parts = by_method(GET=show_parts)
history = by_method(GET=show_history)
readiness = by_method(GET=show_readiness)
