"""What every answer below /api/bk-log-search/prod/ meets beside the rest: the original's envelope, of failures too.

request ─▶ … ─▶ answer; a failure as {"result": false, "code", "message", …}
"""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.api.middleware import View, request_id
from bklog.esquery import PREFIX


def open_door(get_response: View) -> View:
    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(PREFIX):
            return get_response(request)
        response = get_response(request)
        return _in_envelope(request, response) if response.status_code >= 400 else response

    return middleware


def envelope(request: HttpRequest, data: Any) -> dict[str, Any]:
    return {"result": True, "code": 0, "message": "", "data": data, "request_id": request_id(request)}


def _in_envelope(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """`code` is the status, which is never 0; the stable code of ours stands in `error`."""
    failure = json.loads(response.content).get("error") if isinstance(response, JsonResponse) else None
    if not isinstance(failure, dict):
        return response
    told = {"result": False, "code": response.status_code, "message": failure["message"], "data": None}
    shaped = JsonResponse({**told, "request_id": request_id(request), "error": failure}, status=response.status_code)
    for name in ("Retry-After", "Allow"):
        if name in response:
            shaped[name] = response[name]
    return shaped
