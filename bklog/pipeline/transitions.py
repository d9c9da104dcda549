"""The states of a run, each change one transaction that takes place only if nobody changed the run since it was read.

running ⇄ waiting ─▶ done          failed ─retry─▶ running
   └────────┴──────▶ failed, cancelled    failed ─▶ cancelled
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from bklog.errors import BadRequest, BklogError
from bklog.pipeline.messages import LOST_AFTER
from bklog.pipeline.models import PipelineRun, PipelineStep
from bklog.telemetry import PipelineEnded, PipelineStepEnded

State = PipelineRun.State
GOING: Final = (State.RUNNING, State.WAITING)
MOST_CONTEXT_CHARACTERS: Final = 65_536
NO_ERROR: Final = {"code": "", "reason": "", "hint": ""}


class Overtaken(Exception):
    """Somebody else changed the run: what was to be written is out of date."""


def change(run: PipelineRun, **values: Any) -> None:
    """Raises Overtaken. `run` is afterwards as the database has it."""
    changed = PipelineRun.objects.filter(pk=run.pk, turn=run.turn).update(turn=run.turn + 1, **values)
    if not changed:
        raise Overtaken
    run.turn += 1
    for name, value in values.items():
        setattr(run, name, value)


def current_step(run: PipelineRun) -> PipelineStep | None:
    """None where no worker has looked at the run yet, or it is done."""
    return run.steps.filter(position=run.position).first()


def advance(run: PipelineRun, step: PipelineStep, *, state: PipelineStep.State, note: str = "") -> None:
    """From a step that is done or skipped to the next one, or to the end."""
    is_last = not run.steps.filter(position__gt=step.position).exists()
    with transaction.atomic():
        if is_last:
            _end(run, State.DONE)
        else:
            change(run, state=State.RUNNING, position=step.position + 1, next_at=lost_at(), **NO_ERROR)
        _end_step(step, state, note=note, **NO_ERROR)
    _tell_step(run, step)
    if is_last:
        _tell_end(run)


def pause(run: PipelineRun, step: PipelineStep, *, run_state: State, seconds: float, **about: Any) -> None:
    """The step is not done; `about` are values of its row."""
    with transaction.atomic():
        change(run, state=run_state, next_at=lost_at(seconds))
        due_at = timezone.now() + timedelta(seconds=seconds) if seconds else None
        _change_step(step, claimed_at=None, due_at=due_at, losses=0, **about)


def fail(run: PipelineRun, error: BklogError) -> None:
    said = {"code": error.stable_code[:64], "reason": error.message, "hint": error.hint}
    step = current_step(run)
    with transaction.atomic():
        _end(run, State.FAILED, **said)
        if step:
            _end_step(step, PipelineStep.State.FAILED, **said)
    if step:
        _tell_step(run, step)
    _tell_end(run)


def cancel(run: PipelineRun) -> None:
    step = current_step(run)
    with transaction.atomic():
        _end(run, State.CANCELLED)
        if step:
            _end_step(step, PipelineStep.State.CANCELLED)
    _tell_end(run)


def keep_context(run: PipelineRun, adds: Mapping[str, Any]) -> None:
    """As `require_small`."""
    if adds:
        context = {**run.context, **adds}
        require_small(context)
        change(run, context=context)


def require_small(context: Mapping[str, Any]) -> None:
    """Raises BadRequest (`context`) for what is no JSON or too much: a pipeline keeps ids there, not data."""
    try:
        size = len(json.dumps(context, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise BadRequest(f"the context is no JSON: {error}", hint="this is a defect of the pipeline", code="context") from error
    if size > MOST_CONTEXT_CHARACTERS:
        hint = f"at most {MOST_CONTEXT_CHARACTERS} are kept: ask for less at once"
        raise BadRequest(f"what the run has to keep has {size} characters", hint=hint, code="context")


def lost_at(seconds: float = 0) -> datetime:
    return timezone.now() + timedelta(seconds=seconds) + LOST_AFTER


def _end(run: PipelineRun, state: State, **said: str) -> None:
    change(run, state=state, active_subject=None, next_at=None, finished_at=timezone.now(), **(said or NO_ERROR))


def _end_step(step: PipelineStep, state: PipelineStep.State, **about: Any) -> None:
    now = timezone.now()
    _change_step(step, state=state, finished_at=now, claimed_at=None, started_at=step.started_at or now, **about)


def _change_step(step: PipelineStep, **values: Any) -> None:
    PipelineStep.objects.filter(pk=step.pk).update(**values)
    for name, value in values.items():
        setattr(step, name, value)


def _tell_step(run: PipelineRun, step: PipelineStep) -> None:
    seconds = _seconds(step.started_at, step.finished_at)
    PipelineStepEnded(
        run.pipeline, run.subject, run.pk, step.name, outcome=step.state, seconds=seconds, attempts=step.attempts
    ).emit()


def _tell_end(run: PipelineRun) -> None:
    seconds = _seconds(run.created_at, run.finished_at)
    PipelineEnded(
        run.pipeline, run.subject, run.pk, outcome=run.state, seconds=seconds, code=run.code, reason=run.reason
    ).emit()


def _seconds(since: datetime | None, until: datetime | None) -> float:
    return round((until - since).total_seconds(), 3) if since and until else 0.0
