"""What every request meets: who asks, and how a failure is answered.

request ─▶ authenticate (401 without a token or a session) ─▶ view ─▶ answer
                             AnswerFailures: BklogError ─▶ its status and JSON; the database away ─▶ 503, try again;
                                             anything else ─▶ 500 with an id, logged
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable
from typing import Final
from uuid import uuid4

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare

from bklog.api.acting import acting, actor_of
from bklog.api.credentials import address_of, bearer_of_secret, require_from_the_page, secret_of, token_of
from bklog.api.gone import client_watch
from bklog.api.pacing import the_watch
from bklog.errors import BklogError, NotFound
from bklog.page.paths import is_page
from bklog.records import Bearer
from bklog.search.asking import Asking, asking
from bklog.supervise.database import as_unavailable

OPEN_PATHS: Final = frozenset({"/healthz/", "/readiness/", "/api/v1/health/"})  # asked too where nobody can prove who asks
# A link carries its own proof, which the view checks; without one these paths need a token like all others.
LINK_PATHS: Final = re.compile(r"/api/v1/search/export/[0-9]{1,18}/file/", re.ASCII)
READING: Final = frozenset({"GET", "HEAD"})
METRICS_PATHS: Final = frozenset({"/metrics", "/metrics/"})
SESSION_PATH: Final = "/api/v1/accounts/session/"
ASKER: Final = "bklog.asker"  # in META: the Bearer of the request
SECRET: Final = "bklog.secret"  # noqa: S105 in META: the token or session by which it was known
REQUEST_ID: Final = "X-Request-ID"
REQUEST_IDS: Final = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)
logger = logging.getLogger("bklog.api")
View = Callable[[HttpRequest], HttpResponse]


def authenticate(get_response: View) -> View:
    """Deny by default: all paths need a token or a session but those that `is_open` lets through. See `requests.asker`."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if is_open(request):
            return get_response(request)
        secret = secret_of(token_of(request), request.COOKIES)
        try:
            asker = bearer_of_secret(secret)
            require_from_the_page(request, secret)
        except (BklogError, DatabaseError) as error:
            # Django turns what a middleware raises into its own page; what a view raises goes to AnswerFailures.
            return present_any(error, path=request.path)
        request.META[ASKER], request.META[SECRET] = asker, secret
        under_way = Asking(asker.name, mark_of(request, asker), has_left=client_watch(), watch=the_watch())
        with acting(actor_of(asker, address_of(request))), asking(under_way):
            return get_response(request)

    return middleware


def mark_of(request: HttpRequest, asker: Bearer) -> str:
    """By which its statements can be cancelled: the id that the client gave, and whose it is, so that nobody else can."""
    given = request_id(request)
    return mark_of_id(asker.name, given) if given else ""


def request_id(request: HttpRequest) -> str:
    """That which the client gave, or nothing."""
    given = request.headers.get(REQUEST_ID, "")
    return given if REQUEST_IDS.fullmatch(given) else ""


def mark_of_id(owner: str, request_id: str) -> str:
    return f"{hashlib.sha256(owner.encode()).hexdigest()[:16]}.{request_id}"


def is_open(request: HttpRequest) -> bool:
    if request.path in OPEN_PATHS or is_sign_in(request) or (request.path in METRICS_PATHS and may_read_metrics(request)):
        return True
    if request.method in READING and is_page(request.path):
        return True
    return "signature" in request.GET and LINK_PATHS.fullmatch(request.path) is not None


def is_sign_in(request: HttpRequest) -> bool:
    return request.path == SESSION_PATH and request.method == "POST"


def may_read_metrics(request: HttpRequest) -> bool:
    """Without an API token: where the setting opens them, or with the token of the setting."""
    if settings.BKLOG_METRICS_OPEN:
        return True
    wanted: str = settings.BKLOG_METRICS_TOKEN
    return bool(wanted) and constant_time_compare(token_of(request), wanted)


class AnswerFailures:
    """The one place where a failure becomes an answer."""

    def __init__(self, get_response: View) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, Http404):
            return None
        return present_any(error, path=request.path)


def present_any(error: Exception, *, path: str) -> JsonResponse:
    known = error if isinstance(error, BklogError) else as_unavailable(error)
    if known is not None:
        return present_failure(known)
    failure_id = uuid4().hex
    logger.error("RequestFailed", exc_info=error, extra={"path": path, "failure_id": failure_id})
    hint = f"look for {failure_id} in the index set bklog-platform"
    return present_failure(BklogError("the platform failed to answer; this is a defect of it", hint=hint))


def present_failure(error: BklogError) -> JsonResponse:
    return JsonResponse(error.as_dict(), status=error.status, headers=error.headers)


def no_such_path(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Django's handler for 404: the same shape as every other failure."""
    return present_failure(NotFound(f"there is nothing at {request.path}", hint="docs/api.md lists the paths", code="no_path"))
