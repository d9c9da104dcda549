"""GET /api/v1/storage/: what collectors take, what the disks have left, and the day on which they are full."""

from __future__ import annotations

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.api.requests import by_method
from bklog.api.wiring import the_store
from bklog.collect.storage import report_storage


def show_storage(request: HttpRequest) -> HttpResponse:
    return JsonResponse(report_storage(store=the_store(), now=datetime.now(UTC)).as_dict())


storage = by_method(GET=show_storage)
