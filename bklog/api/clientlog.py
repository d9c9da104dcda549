"""/api/v1/clientlog/tasks/: client logs to take, what became of them, and what finds their lines."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.api.requests import asker, by_method, kept_object, page_of
from bklog.clientlog import actions, selectors
from bklog.clientlog.models import ClientTask
from bklog.clientlog.submission import Submission
from bklog.collect.models import IndexSet
from bklog.queues.send import send
from bklog.records import CLIENT

SEARCH_MARGIN: Final = timedelta(minutes=1)


def submit_task(request: HttpRequest) -> HttpResponse:
    submission = Submission.from_dict(kept_object(request))
    task, created = actions.submit(submission, origin=f"api:{asker(request).name}", send=send)
    return JsonResponse(present(task), status=202 if created else 200)


def list_tasks(request: HttpRequest) -> HttpResponse:
    given = request.GET
    limit, before = page_of(request, most=selectors.MOST_AT_ONCE)
    found = selectors.list_tasks(state=given.get("state", ""), user_id=given.get("user_id", ""), limit=limit, before=before)
    return JsonResponse({"items": [selectors.present_task(task) for task in found]})


def show_task(request: HttpRequest, task_id: str) -> HttpResponse:
    task = selectors.get_task(task_id)
    return JsonResponse({**present(task), "files": selectors.present_files(task)})


def retry_task(request: HttpRequest, task_id: str) -> HttpResponse:
    return JsonResponse(present(actions.retry(selectors.get_task(task_id), send=send)), status=202)


def present(task: ClientTask) -> dict[str, Any]:
    return {**selectors.present_task(task), "search": _search(task)}


def _search(task: ClientTask) -> dict[str, Any]:
    """What finds the task's lines: the body of a search, and where it goes."""
    index_set = IndexSet.objects.filter(name=CLIENT).first()
    return {
        "index_set": CLIENT,
        "path": f"/api/v1/search/index_set/{index_set.pk}/search/" if index_set else "",
        "query": f'fields.task_id:"{task.task_id}"',
        "start": (task.created_at - SEARCH_MARGIN).isoformat(),
        "end": (task.finished_at + SEARCH_MARGIN).isoformat() if task.finished_at else "now",
    }


tasks = by_method(GET=list_tasks, POST=submit_task)
task = by_method(GET=show_task)
retry = by_method(POST=retry_task)
