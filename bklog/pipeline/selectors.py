"""Reads: runs, one run with its steps, and how each is shown."""

from __future__ import annotations

from typing import Any, Final

from bklog.errors import BadRequest, Conflict, NotFound
from bklog.pipeline.models import PipelineRun, PipelineStep
from bklog.records import iso

MOST_AT_ONCE: Final = 500


def get_run(run_id: int) -> PipelineRun:
    run = PipelineRun.objects.filter(pk=run_id).first()
    if run is None:
        raise NotFound(f"there is no pipeline run {run_id}", hint="`bklog pipeline list` shows them", code="no_pipeline_run")
    return run


def require_idle(subject: str) -> None:
    """Raises Conflict (`pipeline_running`) while a run works on the subject."""
    run = PipelineRun.objects.filter(active_subject=subject).first()
    if run:
        raise is_busy(subject, f"run {run.pk} ({run.pipeline})")


def is_busy(subject: str, who: str) -> Conflict:
    hint = "wait for its end, or cancel it: `bklog pipeline list`"
    return Conflict(f"{who} is working on {subject}", hint=hint, code="pipeline_running")


def list_runs(*, state: str, pipeline: str, subject: str, limit: int, before: int | None) -> list[PipelineRun]:
    """Newest first; `before` is the id of the last one of the former page."""
    if state and state not in PipelineRun.State.values:
        raise BadRequest(f"state is {state!r}", hint=f"one of: {', '.join(PipelineRun.State.values)}", code="pipeline_state")
    found = PipelineRun.objects.prefetch_related("steps")
    for name, value in (("state", state), ("pipeline", pipeline), ("subject", subject), ("pk__lt", before)):
        found = found.filter(**{name: value}) if value else found
    return list(found[: min(limit, MOST_AT_ONCE)])


def present_run(run: PipelineRun) -> dict[str, Any]:
    steps = list(run.steps.all())
    now_at = next((step for step in steps if step.position == run.position), None)
    return {
        "id": run.pk,
        "pipeline": run.pipeline,
        "subject": run.subject,
        "state": run.state,
        "step": now_at.name if now_at and run.state != PipelineRun.State.DONE else "",
        "steps_done": sum(step.state in {PipelineStep.State.DONE, PipelineStep.State.SKIPPED} for step in steps),
        "steps_total": len(steps),
        "note": now_at.note if now_at else "",
        "code": run.code,
        "reason": run.reason,
        "hint": run.hint,
        "context": run.context,
        "urgent": run.urgent,
        "origin": run.origin,
        "created_at": run.created_at.isoformat(),
        "finished_at": iso(run.finished_at),
    }


def present_steps(run: PipelineRun) -> list[dict[str, Any]]:
    return [_present_step(step) for step in run.steps.all()]


def _present_step(step: PipelineStep) -> dict[str, Any]:
    return {
        "name": step.name,
        "state": step.state,
        "may_skip": step.may_skip,
        "note": step.note,
        "attempts": step.attempts,
        "code": step.code,
        "reason": step.reason,
        "hint": step.hint,
        "started_at": iso(step.started_at),
        "deadline_at": iso(step.deadline_at),
        "finished_at": iso(step.finished_at),
    }
