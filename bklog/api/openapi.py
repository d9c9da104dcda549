"""GET /api/v1/openapi.json: the document of the platform's own API."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.api.requests import by_method
from bklog.openapi.document import document


def show_document(request: HttpRequest) -> HttpResponse:
    return JsonResponse(document())


openapi = by_method(GET=show_document)
