"""What every answer below /es/ meets beside the rest: it carries what its clients look for, and failures are as they read them.

request ─▶ … ─▶ answer ─▶ X-Elastic-Product, a failure in Elasticsearch's shape, a challenge where the token is missing
"""

from __future__ import annotations

import json
from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.api.middleware import View
from bklog.elastic.failures import as_failure

PREFIX: Final = "/es"
PRODUCT: Final = "X-Elastic-Product"  # the official clients refuse a server without it
CHALLENGE: Final = 'Basic realm="API token as the password", charset="UTF-8"'


def open_door(get_response: View) -> View:
    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path != PREFIX and not request.path.startswith(f"{PREFIX}/"):
            return get_response(request)
        response = get_response(request)
        if response.status_code >= 400:
            response = _in_their_shape(response)
        if request.method == "HEAD":
            response.content = b""
        response[PRODUCT] = "Elasticsearch"
        if response.status_code == 401:
            response["WWW-Authenticate"] = CHALLENGE
        return response

    return middleware


def _in_their_shape(response: HttpResponse) -> HttpResponse:
    if not isinstance(response, JsonResponse):
        return response
    failure = json.loads(response.content).get("error")
    if not isinstance(failure, dict) or "root_cause" in failure:
        return response
    shaped = JsonResponse(as_failure(failure, response.status_code), status=response.status_code)
    for name in ("Retry-After", "Allow"):
        if name in response:
            shaped[name] = response[name]
    return shaped
