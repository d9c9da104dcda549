"""Content -> the answer in JSON, where it may be long: rows take the standard library fifteen times as long as orjson."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from django.http import HttpResponse, JsonResponse


def json_answer(content: Mapping[str, Any]) -> HttpResponse:
    """The same JSON as JsonResponse's, but in UTF-8 instead of its escapes."""
    try:
        return HttpResponse(orjson.dumps(content), content_type="application/json")
    except TypeError:  # a number beyond 64 bits or half a surrogate pair, which JSON has and orjson does not
        return JsonResponse(content)
