"""Writes: the states of a task, each changed in one statement, so that a process killed between two leaves a known one.

submit ─▶ pending ─claim─▶ fetching ─▶ unpacking ─▶ ingesting ─▶ success
             ▲                └────────────┴─────────────┴─────▶ failed ─(3 days)─▶ expired
             └── postpone (what may pass) ◀──┘        retry (a person) ─▶ pending
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from bklog.clientlog.models import ClientFile, ClientTask
from bklog.clientlog.selectors import get_task
from bklog.clientlog.submission import Submission
from bklog.errors import BklogError, Conflict

State = ClientTask.State
ENDED: Final = (State.SUCCESS, State.FAILED, State.EXPIRED)
SENT_AGAIN: Final = timedelta(minutes=5)  # a message that was lost is made up for after so long
FIRST_PAUSE_SECONDS: Final = 30
LONGEST_PAUSE_SECONDS: Final = 1800
FORGOTTEN_AFTER: Final = 10  # times the days that a report is kept: until then a task id is known
Send = Callable[[str, int], None]


def submit(submission: Submission, *, origin: str, send: Send) -> tuple[ClientTask, bool]:
    """The task, and whether it is new. The same again is the same task; Conflict where its id was used for another."""
    try:
        with transaction.atomic():
            values = {**asdict(submission), "metadata": dict(submission.metadata)}
            task = ClientTask.objects.create(**values, origin=origin, next_try_at=timezone.now() + SENT_AGAIN)
            send("clientlog.process", task.pk)
    except IntegrityError:
        task = get_task(submission.task_id)
        _require_same(task, submission)
        return task, False
    return task, True


def _require_same(task: ClientTask, submission: Submission) -> None:
    for name, value in asdict(submission).items():
        if getattr(task, name) != value:
            raise Conflict(
                f"the task {task.task_id} exists with another {name}", hint="choose another task_id", code="client_task_exists"
            )


def claim(pk: int, *, most_attempts: int) -> ClientTask | None:
    """None where it has ended. An attempt counts when it begins: a file that kills its worker is not tried for ever."""
    going = ClientTask.objects.filter(pk=pk).exclude(state__in=ENDED)
    if going.filter(attempts__lt=most_attempts).update(
        state=State.FETCHING, attempts=F("attempts") + 1, code="", reason="", hint=""
    ):
        return ClientTask.objects.get(pk=pk)
    for task in going:
        said = "the worker ended in the middle of it each time" if not task.reason else task.reason
        fail(task, BklogError(said, hint=task.hint or "see the log of tgpa_task", code=task.code or "worker_lost"))
    return None


def move(task: ClientTask, state: ClientTask.State, **values: int) -> None:
    task.state = state
    ClientTask.objects.filter(pk=task.pk).update(state=state, **values)


def succeed(task: ClientTask, files: Sequence[ClientFile], *, fetched_bytes: int) -> None:
    with transaction.atomic():
        ClientFile.objects.filter(task=task).delete()
        ClientFile.objects.bulk_create(files, batch_size=500)
        lines = sum(file.line_count for file in files)
        stored = sum(file.stored_lines + file.duplicate_lines for file in files)
        counts = {"file_count": len(files), "line_count": lines, "stored_lines": stored, "fetched_bytes": fetched_bytes}
        _end(task, State.SUCCESS, **counts)


def fail(task: ClientTask, error: BklogError) -> None:
    _end(task, State.FAILED, code=error.stable_code[:64], reason=error.message, hint=error.hint)


def _end(task: ClientTask, state: ClientTask.State, **values: int | str) -> None:
    task.state = state
    ClientTask.objects.filter(pk=task.pk).update(state=state, finished_at=timezone.now(), next_try_at=None, **values)


def postpone(task: ClientTask, error: BklogError, *, most_attempts: int) -> None:
    """Later again, each time twice as long; after the last attempt it has failed, with the reason of that one."""
    if task.attempts >= most_attempts:
        fail(task, error)
        return
    task.state = State.PENDING
    said = {"code": error.stable_code[:64], "reason": error.message, "hint": error.hint}
    later = timezone.now() + timedelta(seconds=pause_seconds(task.attempts))
    ClientTask.objects.filter(pk=task.pk).update(state=State.PENDING, next_try_at=later, **said)


def pause_seconds(attempts: int) -> int:
    return int(min(FIRST_PAUSE_SECONDS * 2 ** max(0, attempts - 1), LONGEST_PAUSE_SECONDS))


def retry(task: ClientTask, *, send: Send) -> ClientTask:
    """Raises Conflict unless it failed. Its attempts count from the beginning; lines that are stored stay stored once."""
    with transaction.atomic():
        failed = ClientTask.objects.filter(pk=task.pk, state=State.FAILED)
        later = timezone.now() + SENT_AGAIN
        values = {"attempts": 0, "code": "", "reason": "", "hint": "", "finished_at": None, "reported_at": None}
        if not failed.update(state=State.PENDING, next_try_at=later, **values):
            hint = "only a task that failed can be tried again"
            raise Conflict(f"the task {task.task_id} is {task.get_state_display()}", hint=hint, code="client_task_state")
        send("clientlog.process", task.pk)
    return get_task(task.task_id)


def send_due(send: Send) -> int:
    """Sends what waits for its next try, and what a lost message or worker left; see `claim` and the lease for doubles."""
    now = timezone.now()
    due = ClientTask.objects.exclude(state__in=ENDED).filter(next_try_at__lte=now)
    sent = 0
    for pk in list(due.values_list("pk", flat=True)[:1000]):
        if due.filter(pk=pk).update(next_try_at=now + SENT_AGAIN):
            send("clientlog.process", pk)
            sent += 1
    return sent


def expire(*, keep_days: int) -> int:
    """Reports go after `keep_days`, and what never ended; ids are remembered longer, so that nothing is taken twice."""
    before = timezone.now() - timedelta(days=keep_days)
    old = ClientTask.objects.exclude(state=State.EXPIRED).filter(
        Q(finished_at__lt=before) | Q(finished_at=None, created_at__lt=before)
    )
    keys = list(old.values_list("pk", flat=True)[:5000])
    ClientFile.objects.filter(task__in=keys).delete()
    expired = ClientTask.objects.filter(pk__in=keys).update(state=State.EXPIRED, next_try_at=None)
    forgotten = timezone.now() - timedelta(days=keep_days * FORGOTTEN_AFTER)
    ClientTask.objects.filter(state=State.EXPIRED, created_at__lt=forgotten).delete()
    return expired
