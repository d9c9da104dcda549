"""What the workers of all instances agree on through the database: leases, and which periodic run was made."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Lease(models.Model):
    """`place` is the host's kernel and process space, `pid` and `began` (seconds since 1970) the process in it."""

    name = models.CharField(max_length=150, primary_key=True)
    holder = models.CharField(max_length=36)
    place = models.CharField(max_length=200)
    pid = models.PositiveIntegerField()
    began = models.FloatField()
    until = models.DateTimeField()

    objects: ClassVar[models.Manager[Lease]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.name} until {self.until}"


class PeriodicRun(models.Model):
    """One due time of one entry of the schedule. The unique pair is what keeps any number of beats from sending it twice."""

    class State(models.TextChoices):
        DUE = "due", "recorded, not yet sent"
        SENT = "sent", "waits in its queue"
        RUNNING = "running", "is worked on"
        DONE = "done", "ended well"
        FAILED = "failed", "ended with an error"

    name = models.CharField(max_length=80)
    due_at = models.DateTimeField(db_index=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.DUE)
    sent_by = models.CharField(max_length=150)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True)

    objects: ClassVar[models.Manager[PeriodicRun]] = models.Manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["name", "due_at"], name="queues_once_a_due_time"),
        ]

    def __str__(self) -> str:
        return f"{self.name} due {self.due_at}"
