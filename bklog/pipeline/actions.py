"""Writes that a person or a feature asks for: a run is started, retried, skipped a step of, failed, cancelled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from django.db import IntegrityError, transaction

from bklog.errors import BklogError, Conflict
from bklog.pipeline import transitions
from bklog.pipeline.engine import lease_name
from bklog.pipeline.messages import Send, dispatch
from bklog.pipeline.models import PipelineRun, PipelineStep
from bklog.pipeline.selectors import get_run, is_busy, require_idle
from bklog.pipeline.transitions import GOING, NO_ERROR, Overtaken, State
from bklog.queues.leases import take
from bklog.telemetry import PipelineStarted

MOST_TRIES: Final = 5  # a run that changes under somebody's hand is read again
MOST_REASON_CHARACTERS: Final = 500
ALONE_SECONDS: Final = 120.0


def start(
    pipeline: str, subject: str, context: Mapping[str, Any], *, send: Send, origin: str = "", urgent: bool = False
) -> PipelineRun:
    """Raises Conflict (`pipeline_running`) while another run works on the subject. The context never holds a secret."""
    transitions.require_small(context)
    run = PipelineRun(pipeline=pipeline, subject=subject, active_subject=subject, context=dict(context), urgent=urgent)
    run.origin, run.next_at = origin[:100], transitions.lost_at()
    _save_alone(run, run.save)
    PipelineStarted(pipeline, subject, run.pk).emit()
    dispatch(run, send)
    return run


@contextmanager
def alone_with(subject: str) -> Iterator[None]:
    """For what is done at once: no run works on the subject meanwhile. Raises Conflict where one does."""
    holding = take(lease_name(subject), seconds=ALONE_SECONDS)
    try:
        require_idle(subject)
        yield
    finally:
        holding.release()


def retry(run: PipelineRun, *, send: Send) -> PipelineRun:
    """The step that failed begins anew, with all of its time. Raises Conflict for a run that did not fail."""
    _require(run, (State.FAILED,), "only a run that failed can be retried")
    step = transitions.current_step(run)

    def save() -> None:
        again = {"state": State.RUNNING, "active_subject": run.subject, "finished_at": None, "resent": 0}
        transitions.change(run, next_at=transitions.lost_at(), **again, **NO_ERROR)
        if step:
            moments = dict.fromkeys(("started_at", "deadline_at", "due_at", "claimed_at", "finished_at"))
            fresh = {"state": PipelineStep.State.PENDING, "note": "", "pauses": 0, "losses": 0}
            PipelineStep.objects.filter(pk=step.pk).update(**moments, **fresh, **NO_ERROR)

    _save_alone(run, save)
    dispatch(run, send)
    return get_run(run.pk)


def skip(run_id: int, *, send: Send) -> PipelineRun:
    """Goes on with the next step. Raises Conflict where the step may not be skipped, or the run has ended otherwise."""

    def leave_out(run: PipelineRun) -> None:
        _require(run, (*GOING, State.FAILED), "only a run that goes on or failed has a step to skip")
        step = transitions.current_step(run)
        if step is None or not step.may_skip:
            name = step.name if step else "that was not begun"
            raise Conflict(f"the step {name} may not be skipped", hint="retry or cancel the run", code="step_not_skippable")
        revived = {"active_subject": run.subject, "finished_at": None, "resent": 0}
        _save_alone(run, lambda: transitions.change(run, **revived))
        transitions.advance(run, step, state=PipelineStep.State.SKIPPED)

    run = _carefully(run_id, leave_out)
    if run.state in GOING:
        dispatch(run, send)
    return run


def fail(run_id: int, *, reason: str) -> PipelineRun:
    """As if its step had failed: it can be retried."""

    def make_fail(run: PipelineRun) -> None:
        _require(run, GOING, "only a run that goes on can be failed")
        said = reason[:MOST_REASON_CHARACTERS] or "somebody failed it"
        transitions.fail(run, BklogError(said, hint="retry it, or start another run", code="failed_by_hand"))

    return _carefully(run_id, make_fail)


def cancel(run_id: int) -> PipelineRun:
    """For good. What its step is doing at the moment ends first: until then nothing else works on the subject."""

    def end(run: PipelineRun) -> None:
        _require(run, (*GOING, State.FAILED), "it has ended")
        transitions.cancel(run)

    return _carefully(run_id, end)


def _carefully(run_id: int, act: Callable[[PipelineRun], None]) -> PipelineRun:
    """A step that ends in the same moment wins, and the act is tried on what it left."""
    for _ in range(MOST_TRIES):
        try:
            with transaction.atomic():
                act(get_run(run_id))
            return get_run(run_id)
        except Overtaken:
            continue
    raise Conflict(f"the run {run_id} changes all the time", hint="try again", code="pipeline_state")


def _require(run: PipelineRun, states: tuple[State, ...], hint: str) -> None:
    if run.state not in states:
        raise Conflict(f"the run {run.pk} is {run.state}: {run.get_state_display()}", hint=hint, code="pipeline_state")


def _save_alone(run: PipelineRun, save: Callable[[], None]) -> None:
    """The database lets one run at a time have the subject."""
    try:
        with transaction.atomic():
            save()
    except Overtaken:
        raise Conflict(f"the run {run.pk} was changed just now", hint="look at it again", code="pipeline_state") from None
    except IntegrityError as error:
        require_idle(run.subject)
        raise is_busy(run.subject, "another run") from error  # it has just ended
