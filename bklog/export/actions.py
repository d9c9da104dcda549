"""Writes: the states of an export, each changed in one statement, so that a process killed between two leaves a known one.

create ─▶ waiting ─a slot is free─▶ pending ─claim─▶ running ─▶ storing ─▶ success ─(days)─▶ expired
                                       ▲                └──────────┴─────▶ failed, cancelled
                                       └ postpone, hand_on, begin_anew ◀┘       └─ retry (a person) ─▶ waiting
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from bklog.errors import BklogError, Conflict, Overloaded, Unavailable
from bklog.export.models import Export
from bklog.export.request import ExportRequest
from bklog.export.selectors import get_export
from bklog.export.slices import Slice
from bklog.records import Bearer, Permission
from bklog.telemetry import ExportEnded

logger = logging.getLogger("bklog.export")
State = Export.State
WORKING: Final = (State.PENDING, State.RUNNING, State.STORING)
GOING: Final = (State.WAITING, *WORKING)
SENT_AGAIN: Final = timedelta(minutes=5)  # a message that was lost, or a worker that is gone, is made up for after so long
FIRST_PAUSE_SECONDS: Final = 5
LONGEST_PAUSE_SECONDS: Final = 300
MOST_WAITING: Final = 100
MOST_BEGINNINGS: Final = 3
AT_ONCE: Final = 1000
NOTHING_WRITTEN: Final[dict[str, Any]] = {
    "tables": None, "digest": "", "arrived_by": 0, "slices": [], "ends": [], "prefix_sha256": "",
    "rows": 0, "matched_rows": 0, "size_bytes": 0, "sha256": "",
}  # fmt: skip
NO_REASON: Final = {"code": "", "reason": "", "hint": ""}
Send = Callable[[str, int], None]


def create(request: ExportRequest, *, bearer: Bearer, index_set: tuple[int, str], target: str) -> Export:
    """In line: `promote` gives it one of its owner's slots. Raises Overloaded where too many wait."""
    if Export.objects.filter(owner=bearer.name, state=State.WAITING).count() >= MOST_WAITING:
        hint = "wait until some have ended, or cancel some: `bklog export list`"
        raise Overloaded(
            f"{MOST_WAITING} exports of yours wait already", hint=hint, retry_after_seconds=60, code="exports_waiting"
        )
    return Export.objects.create(
        owner=bearer.name,
        is_unmasked=not request.masked and bearer.may(Permission.RAW_VALUES),
        index_set_id=index_set[0],
        index_set=index_set[1],
        query=request.query,
        start=request.time_range.start,
        end=request.time_range.end,
        fields=None if request.fields is None else list(request.fields),
        order=request.order.value,
        form=request.form.value,
        compression=request.compression.value,
        limit=request.limit,
        mail_to=list(request.mail_to),
        mail_state=Export.Mail.DUE if request.mail_to else Export.Mail.NONE,
        target=target,
    )


def promote(owner: str, *, slots: int, send: Send) -> None:
    """Those that wait longest get the free slots. The unique pair (owner, slot) keeps two processes from the same one."""
    for slot in range(slots):
        if Export.objects.filter(owner=owner, slot=slot).exists():
            continue
        first = Export.objects.filter(owner=owner, state=State.WAITING).order_by("pk").first()
        if first is None:
            return
        try:
            with transaction.atomic():
                waiting = Export.objects.filter(pk=first.pk, state=State.WAITING)
                if waiting.update(state=State.PENDING, slot=slot, next_try_at=timezone.now() + SENT_AGAIN):
                    _send(first.pk, send)
        except IntegrityError:
            logger.debug("another process took the slot", extra={"export": first.pk})


def _send(pk: int, send: Send) -> None:
    """A message that cannot be sent is no failure of who asks: the sweep sends it."""

    def publish() -> None:
        try:
            send("export.run", pk)
        except Unavailable as problem:
            logger.warning("ExportNotSent", extra={"export": pk, "reason": problem.message})

    transaction.on_commit(publish)


def claim(pk: int, *, most_attempts: int) -> Export | None:
    """None where it has ended. An attempt counts when it begins, and is forgotten when a slice is done."""
    going = Export.objects.filter(pk=pk, state__in=WORKING)
    if going.filter(attempts__lt=most_attempts).update(
        state=State.RUNNING, attempts=F("attempts") + 1, next_try_at=timezone.now() + SENT_AGAIN
    ):
        Export.objects.filter(pk=pk, started_at=None).update(started_at=timezone.now())
        return Export.objects.get(pk=pk)
    for export in going:
        said = export.reason or "the worker ended in the middle of it each time"
        fail(export, BklogError(said, hint=export.hint or "see the log of async_export", code=export.code or "worker_lost"))
    return None


def is_going(export: Export) -> bool:
    return Export.objects.filter(pk=export.pk, state__in=WORKING).exists()


def save_beginning(export: Export, slices: Sequence[Slice], **frozen: Any) -> bool:
    """False where it was cancelled meanwhile; so with all that is saved on the way."""
    return _save(export, slices=[one.as_list() for one in slices], **frozen)


def save_slice(export: Export, *, rows: int, ends: list[int], prefix_sha256: str) -> bool:
    return _save(export, rows=rows, ends=ends, prefix_sha256=prefix_sha256, size_bytes=ends[-1], attempts=0, **NO_REASON)


def save_rewind(export: Export) -> bool:
    return _save(export, rows=0, ends=[], prefix_sha256="", size_bytes=0)


def save_storing(export: Export) -> bool:
    return _save(export, state=State.STORING)


def _save(export: Export, **values: Any) -> bool:
    for name, value in values.items():
        setattr(export, name, value)
    going = Export.objects.filter(pk=export.pk, state__in=WORKING)
    return bool(going.update(next_try_at=timezone.now() + SENT_AGAIN, **values))


def add_seconds(export: Export, seconds: float) -> None:
    """What workers spent on it, in all its turns."""
    Export.objects.filter(pk=export.pk).update(seconds=F("seconds") + seconds)


def hand_on(export: Export, *, send: Send) -> None:
    """The time of one task is up: the next one goes on."""
    with transaction.atomic():
        values = {"state": State.PENDING, "attempts": 0, "next_try_at": timezone.now() + SENT_AGAIN}
        if Export.objects.filter(pk=export.pk, state__in=WORKING).update(**values):
            _send(export.pk, send)


def begin_anew(export: Export, error: BklogError, *, send: Send) -> None:
    """Nothing is kept of what was written. A table that changes again and again is a failure."""
    if export.beginnings + 1 >= MOST_BEGINNINGS:
        fail(export, error)
        return
    with transaction.atomic():
        values = {**NOTHING_WRITTEN, "beginnings": F("beginnings") + 1, "next_try_at": timezone.now() + SENT_AGAIN}
        if Export.objects.filter(pk=export.pk, state__in=WORKING).update(state=State.PENDING, attempts=0, **values):
            _send(export.pk, send)


def postpone(export: Export, error: BklogError, *, most_attempts: int) -> None:
    """Later again, each time twice as long; after the last attempt it has failed, with the reason of that one."""
    if export.attempts >= most_attempts:
        fail(export, error)
        return
    pause = min(FIRST_PAUSE_SECONDS * 2 ** max(0, export.attempts - 1), LONGEST_PAUSE_SECONDS)
    later = timezone.now() + timedelta(seconds=pause)
    Export.objects.filter(pk=export.pk, state__in=WORKING).update(state=State.PENDING, next_try_at=later, **_said(error))


def succeed(export: Export, *, size_bytes: int, sha256: str, keep: timedelta) -> bool:
    """False where it was cancelled meanwhile: its file is nobody's."""
    values = {"size_bytes": size_bytes, "sha256": sha256, "expires_at": timezone.now() + keep, **NO_REASON}
    return _end(export, State.SUCCESS, **values)


def fail(export: Export, error: BklogError) -> None:
    _end(export, State.FAILED, **_said(error))


def cancel(export: Export) -> Export:
    """Raises Conflict unless it is going. A worker notices it within a second and removes what it wrote."""
    if not _end(export, State.CANCELLED, **NO_REASON):
        now = get_export(export.pk)
        raise Conflict(
            f"the export {export.pk} is {now.state}", hint="only one that is going can be cancelled", code="export_state"
        )
    return get_export(export.pk)


def _end(export: Export, state: Export.State, **values: Any) -> bool:
    going = Export.objects.filter(pk=export.pk, state__in=GOING)
    ended = {"slot": None, "finished_at": timezone.now(), "next_try_at": None, **values}
    if not going.update(state=state, **ended):
        return False
    export.refresh_from_db()
    outcome = {State.SUCCESS: "succeeded", State.FAILED: "failed"}.get(state, "cancelled")
    ExportEnded(export.pk, outcome, export.rows, export.size_bytes, round(export.seconds, 3), reason=export.reason).emit()
    return True


def retry(export: Export) -> Export:
    """Raises Conflict unless it failed or was cancelled. It begins anew, at the end of the line; its range stays."""
    ended = Export.objects.filter(pk=export.pk, state__in=(State.FAILED, State.CANCELLED))
    told = Export.Mail.DUE if export.mail_to else Export.Mail.NONE
    values = {
        **NOTHING_WRITTEN,
        **NO_REASON,
        "attempts": 0,
        "beginnings": 0,
        "seconds": 0,
        "mail_state": told,
        "mail_error": "",
    }
    if not ended.update(state=State.WAITING, started_at=None, finished_at=None, mail_attempts=0, **values):
        hint = "only one that failed or was cancelled can be tried again"
        raise Conflict(f"the export {export.pk} is {export.state}", hint=hint, code="export_state")
    return get_export(export.pk)


def delete(export: Export, *, remove: Callable[[Export], None]) -> None:
    """Raises Conflict where it is going."""
    if export.state in GOING:
        raise Conflict(f"the export {export.pk} is {export.state}", hint="cancel it first", code="export_state")
    remove(export)
    Export.objects.filter(pk=export.pk).exclude(state__in=GOING).delete()


def send_due(*, slots: int, send: Send) -> int:
    """What waits for its next try, and what a lost message or a dead worker left; then whoever waits in line."""
    now = timezone.now()
    due = Export.objects.filter(state__in=WORKING, next_try_at__lte=now)
    sent = 0
    for pk in list(due.values_list("pk", flat=True)[:AT_ONCE]):
        if due.filter(pk=pk).update(next_try_at=now + SENT_AGAIN):
            _send(pk, send)
            sent += 1
    for owner in list(Export.objects.filter(state=State.WAITING).values_list("owner", flat=True).distinct()[:AT_ONCE]):
        promote(owner, slots=slots, send=send)
    return sent


def expire(*, now: datetime, remove: Callable[[Export], None], history: timedelta) -> int:
    """Files go when they expire, the rows of what ended later."""
    expired = 0
    for export in list(Export.objects.filter(state=State.SUCCESS, expires_at__lte=now)[:AT_ONCE]):
        remove(export)
        expired += Export.objects.filter(pk=export.pk, state=State.SUCCESS).update(state=State.EXPIRED)
    old = Q(finished_at__lt=now - history, state__in=(State.EXPIRED, State.FAILED, State.CANCELLED))
    Export.objects.filter(old).delete()
    return expired


def _said(error: BklogError) -> dict[str, str]:
    return {"code": error.stable_code[:64], "reason": error.message, "hint": error.hint}
