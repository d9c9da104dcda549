"""Reads: tasks, one task with its files, and how each is shown."""

from __future__ import annotations

from typing import Any

from bklog.clientlog.models import ClientFile, ClientTask
from bklog.errors import BadRequest, NotFound
from bklog.records import iso

MOST_AT_ONCE = 500
MOST_FILES = 10_000


def get_task(task_id: str) -> ClientTask:
    task = ClientTask.objects.filter(task_id=task_id).first()
    if task is None:
        raise NotFound(
            f"there is no client log task {task_id!r}", hint="`bklog clientlog list` shows them", code="no_client_task"
        )
    return task


def list_tasks(*, state: str, user_id: str, limit: int, before: int | None) -> list[ClientTask]:
    """Newest first; `before` is the id of the last one of the former page."""
    if state and state not in ClientTask.State.values:
        raise BadRequest(f"state is {state!r}", hint=f"one of: {', '.join(ClientTask.State.values)}", code="client_task")
    found = ClientTask.objects.all()
    for name, value in (("state", state), ("user_id", user_id), ("pk__lt", before)):
        found = found.filter(**{name: value}) if value else found
    return list(found[: min(limit, MOST_AT_ONCE)])


def present_task(task: ClientTask) -> dict[str, Any]:
    return {
        "id": task.pk,
        "task_id": task.task_id,
        "state": task.state,
        "code": task.code,
        "reason": task.reason,
        "hint": task.hint,
        "url": _without_signature(task.url),
        "object_key": task.object_key,
        "user_id": task.user_id,
        "device": task.device,
        "platform": task.platform,
        "metadata": task.metadata,
        "origin": task.origin,
        "attempts": task.attempts,
        "fetched_bytes": task.fetched_bytes,
        "file_count": task.file_count,
        "line_count": task.line_count,
        "stored_lines": task.stored_lines,
        "created_at": task.created_at.isoformat(),
        "finished_at": iso(task.finished_at),
        "next_try_at": iso(task.next_try_at) if task.state == "pending" and task.attempts else None,
    }


def _without_signature(url: str) -> str:
    """Signed links hold what opens them: that is nothing to show."""
    path, mark, _ = url.partition("?")
    return f"{path}{mark and '?…'}"


def present_files(task: ClientTask) -> list[dict[str, Any]]:
    return [_present_file(file) for file in task.files.all()[:MOST_FILES]]


def _present_file(file: ClientFile) -> dict[str, Any]:
    return {
        "name": file.name,
        "size_bytes": file.size_bytes,
        "state": file.state,
        "reason": file.reason,
        "encoding": file.encoding,
        "replaced_characters": file.replaced_characters,
        "line_count": file.line_count,
        "stored_lines": file.stored_lines,
        "duplicate_lines": file.duplicate_lines,
        "rejected_lines": file.rejected_lines,
    }
