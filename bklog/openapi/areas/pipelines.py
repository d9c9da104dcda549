"""/api/v1/pipelines/: the runs of pipelines, and what a person may do with one."""

from __future__ import annotations

from typing import Any, Final

from bklog.openapi.codes import KEPT, PAGE
from bklog.openapi.operation import Answer, Area, Example, Operation, Parameter
from bklog.openapi.schema import (
    ANYTHING,
    COUNT,
    FLAG,
    ID,
    MOMENT,
    TEXT,
    Schema,
    choice,
    listing,
    mapping,
    nullable,
    record,
    ref,
    text,
    whole,
)

RUN: Final = "/api/v1/pipelines/{run_id}/"
STATES: Final = ("running", "waiting", "done", "failed", "cancelled")
STEP_STATES: Final = ("pending", "running", "waiting", "retrying", "done", "skipped", "failed", "cancelled")
_RUN: Final[dict[str, Schema]] = {
    "id": ID,
    "pipeline": TEXT,
    "subject": TEXT,
    "state": choice(STATES),
    "step": TEXT,
    "steps_done": COUNT,
    "steps_total": COUNT,
    "note": TEXT,
    "code": TEXT,
    "reason": TEXT,
    "hint": TEXT,
    "context": mapping(ANYTHING),
    "urgent": FLAG,
    "origin": TEXT,
    "created_at": MOMENT,
    "finished_at": nullable(MOMENT),
}
_STEP: Final = record(
    {
        "name": TEXT,
        "state": choice(STEP_STATES),
        "may_skip": FLAG,
        "note": TEXT,
        "attempts": COUNT,
        "code": TEXT,
        "reason": TEXT,
        "hint": TEXT,
        "started_at": nullable(MOMENT),
        "deadline_at": nullable(MOMENT),
        "finished_at": nullable(MOMENT),
    }
)
_WITH_STEPS: Final = Answer("The run with its steps", ref("PipelineRunWithSteps"))


def _one(method: str, path: str, name: str, summary: str, status: int, *codes: str, **more: Any) -> Operation:
    """Of one run that is there."""
    more.setdefault("examples", [Example("One")])
    return Operation(method, f"{RUN}{path}", name, summary, {status: _WITH_STEPS}, ("no_pipeline_run", *codes), **more)


AREA = Area(
    "Work of several steps: docs/pipelines.md",
    [
        Operation(
            "GET",
            "/api/v1/pipelines/",
            "list_pipeline_runs",
            "Runs, newest first",
            {200: Answer("A page", record({"items": listing(ref("PipelineRun"))}))},
            codes=(*PAGE, "pipeline_state"),
            query=[
                Parameter("state", choice(["", *STATES]), "only those"),
                Parameter("pipeline", TEXT, "only those"),
                Parameter("subject", TEXT, "only those"),
                Parameter("limit", whole(1, 500), "most to show"),
                Parameter("before", ID, "the id of the last one of the former page"),
            ],
            examples=[Example("Those that failed", query={"state": "failed"})],
        ),
        _one("GET", "", "show_pipeline_run", "One run, with its steps", 200),
        _one(
            "POST",
            "retry/",
            "retry_pipeline_run",
            "Try its step again",
            202,
            "pipeline_state",
            "pipeline_running",
            examples=[Example("One that goes on", status=409)],
        ),
        _one(
            "POST",
            "skip/",
            "skip_pipeline_step",
            "Leave its step out",
            202,
            "pipeline_state",
            "step_not_skippable",
            "pipeline_running",
            examples=[Example("One that goes on", status=409)],
        ),
        _one(
            "POST",
            "fail/",
            "fail_pipeline_run",
            "Give its step up",
            200,
            "pipeline_state",
            "reason",
            *KEPT,
            body=record({}, {"reason": text(maxLength=500)}),
            examples=[Example("With a reason", body={"reason": "the disk is being replaced"}, shown={"state": "failed"})],
        ),
        _one("POST", "cancel/", "cancel_pipeline_run", "End it", 200, "pipeline_state"),
    ],
    {"PipelineRun": record(_RUN), "PipelineRunWithSteps": record({**_RUN, "steps": listing(_STEP)})},
)
