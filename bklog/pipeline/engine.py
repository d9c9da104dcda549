"""(run, position) → one attempt at the step there, by whoever has the lease of the run's subject.

message ─▶ is the run still at this step? ─▶ lease ─▶ claim ─▶ the step's function ─▶ what it answered, kept ─▶ next message

The lease is the subject's and not the run's: what a cancelled run is still doing ends before another run begins.
A process that is killed anywhere in this leaves the run claimed; its message comes back, or the sweep sends it again.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, assert_never

from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from bklog.errors import BklogError, Retryable, Unavailable
from bklog.pipeline import transitions
from bklog.pipeline.definition import Again, Answer, Done, Pipeline, Pipelines, Step, Wait, Work
from bklog.pipeline.messages import LOST_AFTER, Send, dispatch
from bklog.pipeline.models import PipelineRun, PipelineStep
from bklog.pipeline.transitions import GOING, Overtaken, State
from bklog.queues.leases import Holding, LeaseHeld, lease

LEASE_SECONDS: Final = 30.0
BUSY_SECONDS: Final = 5.0
UNKNOWN_SECONDS: Final = 600.0  # how long a run waits for a worker whose code knows its step: a fleet that is being renewed
MOST_LOSSES: Final = 10  # a step that takes its worker with it is not tried for ever
MOST_NOTE_CHARACTERS: Final = 500
logger = logging.getLogger("bklog.pipeline")


def lease_name(subject: str) -> str:
    return f"pipeline:{subject}"


def execute(run_id: int, position: int, *, pipelines: Pipelines, send: Send) -> None:
    """May be called twice for the same, and by two processes at once: the second finds nothing to do, or comes later."""
    run = _at(run_id, position)
    if run is None:
        return
    try:
        with lease(lease_name(run.subject), seconds=LEASE_SECONDS) as holding:
            pause = _attempt(run_id, position, pipelines, holding)
    except LeaseHeld:
        dispatch(run, send, countdown_seconds=BUSY_SECONDS)
        return
    if pause is not None and (after := PipelineRun.objects.filter(pk=run_id, state__in=GOING).first()):
        dispatch(after, send, countdown_seconds=pause)  # not before the lease is free


def _at(run_id: int, position: int) -> PipelineRun | None:
    """None where the message came twice, or somebody ended the run."""
    return PipelineRun.objects.filter(pk=run_id, position=position, state__in=GOING).first()


def _attempt(run_id: int, position: int, pipelines: Pipelines, holding: Holding) -> float | None:
    """Seconds until the run is to be sent again; None where it is not to be."""
    run = _at(run_id, position)
    if run is None:
        return None
    try:
        found = _find(run, pipelines)
        if isinstance(found, BklogError):
            return _put_off_unknown(run, found)
        row, step = found
        if not _claim(run, row, step):
            return None
        return _conclude(run, row, step, _ask(run, row, step, holding))
    except Overtaken:
        logger.info("a run was changed while its step was done", extra={"run_id": run_id, "position": position})
        return None


def _find(run: PipelineRun, pipelines: Pipelines) -> tuple[PipelineStep, Step] | BklogError:
    pipeline = pipelines.get(run.pipeline)
    row = transitions.current_step(run)
    if pipeline and row is None:
        _plan(run, pipeline)
        row = transitions.current_step(run)
    if row is None:
        return _unknown(f"the pipeline {run.pipeline}")
    step = pipeline.step(row.name) if pipeline else None
    if step is None:
        step = Step(row.name, partial(_refuse_unknown, f"the step {row.name} of {run.pipeline}"), UNKNOWN_SECONDS)
    return row, step


def _plan(run: PipelineRun, pipeline: Pipeline) -> None:
    """The steps as they are in the code that first works on the run."""
    rows = [
        PipelineStep(run=run, position=position, name=step.name, may_skip=step.may_skip)
        for position, step in enumerate(pipeline.steps)
    ]
    with transaction.atomic():
        transitions.change(run)
        PipelineStep.objects.bulk_create(rows)


def _unknown(what: str) -> Unavailable:
    hint = "its worker is of another version: start that one, or cancel the run and start it anew"
    return Unavailable(f"this worker does not know {what}", hint=hint, code="step_unknown")


def _refuse_unknown(what: str, _: Work) -> Answer:
    raise _unknown(what)


def _put_off_unknown(run: PipelineRun, error: BklogError) -> float | None:
    if run.created_at + timedelta(seconds=UNKNOWN_SECONDS) < timezone.now():
        transitions.fail(run, error)
        return None
    transitions.change(run, next_at=transitions.lost_at(LEASE_SECONDS))
    return LEASE_SECONDS


def _claim(run: PipelineRun, row: PipelineStep, step: Step) -> bool:
    """False where it is not yet its time, or has been tried for too long: then the run has failed."""
    now = timezone.now()
    if row.due_at and row.due_at > now:
        return False
    losses = row.losses + 1 if row.claimed_at else 0
    if losses > MOST_LOSSES or (losses > 1 and is_overdue(row)):
        transitions.fail(run, lost(row, losses))
        return False
    state = row.state if row.state == PipelineStep.State.WAITING else PipelineStep.State.RUNNING
    values = {"claimed_at": now, "losses": losses, "attempts": row.attempts + 1, "state": state}
    values |= {"started_at": row.started_at or now, "deadline_at": _deadline(row, step, lost_once=bool(losses))}
    with transaction.atomic():
        transitions.change(run, resent=0, next_at=transitions.lost_at())
        PipelineStep.objects.filter(pk=row.pk).update(**values)
    for name, value in values.items():
        setattr(row, name, value)
    return True


def _deadline(row: PipelineStep, step: Step, *, lost_once: bool) -> datetime:
    """Time in which nobody could ask does not count; and who was found lost beyond his time has all of it once more."""
    now = timezone.now()
    if row.deadline_at is None or (lost_once and is_overdue(row)):
        return now + timedelta(seconds=step.timeout_seconds)
    unasked = now - row.due_at if row.due_at else timedelta()
    return row.deadline_at + (unasked if unasked > LOST_AFTER else timedelta())


def is_overdue(row: PipelineStep) -> bool:
    return bool(row.deadline_at and row.deadline_at < timezone.now())


def lost(row: PipelineStep, losses: int) -> BklogError:
    hint = "see the log of the program pipeline, mend what ends it, then retry the run"
    message = f"the step {row.name}: its worker ended in the middle of it, at the last {losses} attempt(s)"
    return BklogError(message, hint=hint, code="worker_lost")


def _ask(run: PipelineRun, row: PipelineStep, step: Step, holding: Holding) -> Answer | BklogError:
    """A database that is away is the task's matter: it comes again."""
    assert row.started_at is not None  # noqa: S101 - it was claimed
    work = Work(run.pk, run.subject, run.context, row.started_at, lambda: holding.is_lost)
    try:
        return step.run(work)
    except (OperationalError, InterfaceError):
        raise
    except BklogError as error:
        return error
    except SoftTimeLimitExceeded:
        hint = step.remedy or "see the log of the program pipeline"
        return Unavailable("the step was not done within the time of one attempt", hint=hint, code="time_limit")
    except Exception as error:
        logger.exception("a step failed in a way that nobody foresaw", extra={"run_id": run.pk, "step": step.name})
        hint = f"this is a defect: look for {run.pk} in fields.run_id of the index set bklog-platform"
        return BklogError(f"{type(error).__name__}: {error}"[:1000], hint=hint)


def _conclude(run: PipelineRun, row: PipelineStep, step: Step, answer: Answer | BklogError) -> float | None:
    """As `_attempt`. The context is kept with the answer, or neither is."""
    if isinstance(answer, BklogError):
        return _conclude_failure(run, row, step, answer)
    try:
        with transaction.atomic():
            transitions.keep_context(run, answer.adds)
            return _follow(run, row, step, answer)
    except BklogError as error:
        run.refresh_from_db()
        transitions.fail(run, error)
        return None


def _follow(run: PipelineRun, row: PipelineStep, step: Step, answer: Answer) -> float | None:
    said: dict[str, Any] = {"note": answer.note[:MOST_NOTE_CHARACTERS], **transitions.NO_ERROR}
    if not isinstance(answer, Done) and is_overdue(row):
        transitions.fail(run, _timed_out(row, step, answer.note))
        return None
    match answer:
        case Done():
            transitions.advance(run, row, state=PipelineStep.State.DONE, note=said["note"])
            return 0.0
        case Again():
            said |= {"state": PipelineStep.State.RUNNING, "pauses": 0}
            transitions.pause(run, row, run_state=State.RUNNING, seconds=0, **said)
            return 0.0
        case Wait():
            return _pause(run, row, step, State.WAITING, {"state": PipelineStep.State.WAITING, **said})
        case unreachable:
            assert_never(unreachable)


def _conclude_failure(run: PipelineRun, row: PipelineStep, step: Step, error: BklogError) -> float | None:
    """What passes is tried again until the step's time is over; then it fails with what it was."""
    if not isinstance(error, Retryable) or is_overdue(row):
        transitions.fail(run, error)
        return None
    said = {"code": error.stable_code[:64], "reason": error.message, "hint": error.hint}
    return _pause(run, row, step, State.RUNNING, {"state": PipelineStep.State.RETRYING, **said})


def _pause(run: PipelineRun, row: PipelineStep, step: Step, state: State, said: dict[str, Any]) -> float:
    assert row.deadline_at is not None  # noqa: S101 - it was claimed
    left = (row.deadline_at - timezone.now()).total_seconds()
    seconds = max(0.0, min(step.pause_seconds(row.pauses), left + 0.1))  # it is asked once more when its time is over
    transitions.pause(run, row, run_state=state, seconds=seconds, pauses=row.pauses + 1, **said)
    return seconds


def _timed_out(row: PipelineStep, step: Step, note: str) -> BklogError:
    hint = step.remedy or "mend what it waits for, then retry the run"
    message = f"the step {row.name} was not done within {step.timeout_seconds:g} seconds: {note}"
    return BklogError(message, hint=hint, code="step_timeout")
