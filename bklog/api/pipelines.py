"""/api/v1/pipelines/: the runs of pipelines, and what a person may do with one."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.api.requests import by_method, kept_object, page_of
from bklog.errors import BadRequest
from bklog.pipeline import actions, selectors
from bklog.pipeline.models import PipelineRun
from bklog.queues.send import send

REASON_CHARACTERS = 500


def list_runs(request: HttpRequest) -> HttpResponse:
    given = request.GET
    limit, before = page_of(request, most=selectors.MOST_AT_ONCE)
    wanted = {name: given.get(name, "") for name in ("state", "pipeline", "subject")}
    found = selectors.list_runs(**wanted, limit=limit, before=before)
    return JsonResponse({"items": [selectors.present_run(run) for run in found]})


def show_run(request: HttpRequest, run_id: int) -> HttpResponse:
    return JsonResponse(present(selectors.get_run(run_id)))


def retry_run(request: HttpRequest, run_id: int) -> HttpResponse:
    return JsonResponse(present(actions.retry(selectors.get_run(run_id), send=send)), status=202)


def skip_step(request: HttpRequest, run_id: int) -> HttpResponse:
    return JsonResponse(present(actions.skip(run_id, send=send)), status=202)


def fail_run(request: HttpRequest, run_id: int) -> HttpResponse:
    reason = kept_object(request).get("reason", "")
    if not isinstance(reason, str) or len(reason) > REASON_CHARACTERS:
        raise BadRequest("reason is no short text", hint=f"a string of at most {REASON_CHARACTERS} characters", code="reason")
    return JsonResponse(present(actions.fail(run_id, reason=reason)))


def cancel_run(request: HttpRequest, run_id: int) -> HttpResponse:
    return JsonResponse(present(actions.cancel(run_id)))


def present(run: PipelineRun) -> dict[str, Any]:
    return {**selectors.present_run(run), "steps": selectors.present_steps(run)}


runs = by_method(GET=list_runs)
run = by_method(GET=show_run)
retry = by_method(POST=retry_run)
skip = by_method(POST=skip_step)
fail = by_method(POST=fail_run)
cancel = by_method(POST=cancel_run)
