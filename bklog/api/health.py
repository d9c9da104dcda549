"""/healthz/: every part, 503 when one is down. /readiness/: this process answers."""

from __future__ import annotations

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.api.requests import by_method
from bklog.supervise.health import check_all, is_healthy


def show_health(request: HttpRequest) -> HttpResponse:
    parts = check_all()
    body = {"healthy": is_healthy(parts), "parts": [asdict(part) for part in parts]}
    return JsonResponse(body, status=200 if body["healthy"] else 503)


def show_readiness(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"ready": True})


healthz = by_method(GET=show_health)
readiness = by_method(GET=show_readiness)
