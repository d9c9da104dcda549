"""/api/v1/search/index_set/: which index sets there are."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.api.requests import by_method
from bklog.collect.selectors import list_index_sets


def show_index_sets(request: HttpRequest) -> HttpResponse:
    items = [
        {"id": one.pk, "name": one.name, "space": one.space, "collectors": [each.name for each in one.collectors.all()]}
        for one in list_index_sets().prefetch_related("collectors")
    ]
    return JsonResponse({"items": items})


index_sets = by_method(GET=show_index_sets)
