"""What is kept of a pipeline: the run with its place and its context, and a row for each of its steps."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class PipelineRun(models.Model):
    """`active_subject` is the subject while the run goes on, else NULL: being unique, it lets one run work on a thing.

    `turn` grows with each change: what was decided about an older turn is dropped. `next_at` is when the run counts as lost,
    and is sent again; `resent` how often that was done since it was last worked on.
    """

    class State(models.TextChoices):
        RUNNING = "running", "a step is being done, or sent to be done"
        WAITING = "waiting", "a step waits for something, and is asked again"
        DONE = "done", "every step is done or skipped"
        FAILED = "failed", "a step could not be done; the reason says why"
        CANCELLED = "cancelled", "somebody ended it"

    pipeline = models.CharField(max_length=64, db_index=True)
    subject = models.CharField(max_length=120, db_index=True)
    active_subject = models.CharField(max_length=120, null=True, unique=True)  # noqa: DJ001 NULL is what is not compared
    context = models.JSONField(default=dict)
    urgent = models.BooleanField(default=False)
    state = models.CharField(max_length=16, choices=State.choices, default=State.RUNNING, db_index=True)
    position = models.PositiveIntegerField(default=0)
    turn = models.PositiveIntegerField(default=0)
    resent = models.PositiveIntegerField(default=0)
    code = models.CharField(max_length=64, blank=True)
    reason = models.TextField(blank=True)
    hint = models.TextField(blank=True)
    origin = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    next_at = models.DateTimeField(null=True, db_index=True)
    finished_at = models.DateTimeField(null=True, db_index=True)

    objects: ClassVar[models.Manager[PipelineRun]] = models.Manager()

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.pipeline} of {self.subject} ({self.pk})"


class PipelineStep(models.Model):
    """`claimed_at` is set while a worker has the step: found set by the next one, the former was lost in the middle.

    `due_at` is when a step that waits is asked again: a message that comes before has a double, and is dropped.
    """

    class State(models.TextChoices):
        PENDING = "pending", "not begun"
        RUNNING = "running", "is being done"
        WAITING = "waiting", "waits; the note says for what"
        RETRYING = "retrying", "could not be done for now; is tried again"
        DONE = "done", "done"
        SKIPPED = "skipped", "left out by somebody"
        FAILED = "failed", "could not be done"
        CANCELLED = "cancelled", "the run was cancelled before it was done"

    run = models.ForeignKey(PipelineRun, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=64)
    may_skip = models.BooleanField(default=False)
    state = models.CharField(max_length=16, choices=State.choices, default=State.PENDING)
    note = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    pauses = models.PositiveIntegerField(default=0)
    losses = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    code = models.CharField(max_length=64, blank=True)
    reason = models.TextField(blank=True)
    hint = models.TextField(blank=True)

    objects: ClassVar[models.Manager[PipelineStep]] = models.Manager()

    class Meta:
        ordering = ("position",)
        constraints: ClassVar = [models.UniqueConstraint(fields=["run", "position"], name="pipeline_step_position")]

    def __str__(self) -> str:
        return f"{self.name} of {self.run_id}"
