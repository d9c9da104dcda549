"""What every request below /api/bk-log-search/prod/ meets beside the rest: its credentials as the original's gateway takes
them, and failures in its envelope.

X-Bkapi-Authorization: {"access_token": …} ─▶ Bearer ─▶ … ─▶ answer; a failure as {"result": false, "code", "message", …}
"""

from __future__ import annotations

import json
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.api.middleware import REQUEST_ID, REQUEST_IDS, View

PREFIX: Final = "/api/bk-log-search/prod/"
CREDENTIALS: Final = "HTTP_X_BKAPI_AUTHORIZATION"  # in META: once read, request.headers would not see what is set here
MAX_CHARACTERS: Final = 8_000
# A token of ours, under the name of either: who asks is the token's owner, whatever else the header says.
SECRETS: Final = ("access_token", "bk_app_secret")


def open_door(get_response: View) -> View:
    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(PREFIX):
            return get_response(request)
        if token := token_of(request.META.get(CREDENTIALS, "")):
            request.META.setdefault("HTTP_AUTHORIZATION", f"Bearer {token}")
        response = get_response(request)
        return _in_envelope(request, response) if response.status_code >= 400 else response

    return middleware


def token_of(header: str) -> str:
    """Empty where the header is no JSON object with a token."""
    try:
        given = json.loads(header[:MAX_CHARACTERS]) if header else {}
    except (ValueError, RecursionError):
        return ""
    found = [given.get(name) for name in SECRETS] if isinstance(given, dict) else []
    return next((one for one in found if isinstance(one, str) and one.isascii() and one.isprintable() and one), "")


def envelope(request: HttpRequest, data: Any) -> dict[str, Any]:
    return {"result": True, "code": 0, "message": "", "data": data, "request_id": request_id(request)}


def request_id(request: HttpRequest) -> str:
    """That which the client gave, by which it can cancel the request."""
    given = request.headers.get(REQUEST_ID, "")
    return given if REQUEST_IDS.fullmatch(given) else ""


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
