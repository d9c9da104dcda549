"""/healthz/: every part, 503 when one is down. /readiness/: this process answers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.api.requests import by_method
from bklog.errors import BadRequest
from bklog.supervise.health import as_text, check_all, is_healthy

FORMATS: Final = ("json", "text", "k8s")


def show_health(request: HttpRequest) -> HttpResponse:
    form = request.GET.get("format_type", "json")
    if form not in FORMATS:
        raise BadRequest(f"format_type is {form!r}", hint=f"one of {', '.join(FORMATS)}", code="format_type")
    parts = check_all(include=_names(request, "include"), exclude=_names(request, "exclude"))
    status = 200 if is_healthy(parts) else 503
    if form != "json":
        return HttpResponse(as_text(parts), status=status, content_type="text/plain; charset=utf-8")
    return JsonResponse({"healthy": status == 200, "parts": [asdict(part) for part in parts]}, status=status)


def _names(request: HttpRequest, parameter: str) -> list[str]:
    return [name.strip() for name in request.GET.get(parameter, "").split(",") if name.strip()]


def show_readiness(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"ready": True})


healthz = by_method(GET=show_health)
readiness = by_method(GET=show_readiness)
