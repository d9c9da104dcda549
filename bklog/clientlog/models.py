"""What is kept of a client log: the task with its state, and for three days a report on each of its files."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models


class ClientTask(models.Model):
    """One file of one client. `next_try_at` is when the sweep sends it to a worker (again)."""

    class State(models.TextChoices):
        PENDING = "pending", "waits for a worker, or for its next try"
        FETCHING = "fetching", "the file is being fetched"
        UNPACKING = "unpacking", "the archive is being unpacked"
        INGESTING = "ingesting", "lines are being stored"
        SUCCESS = "success", "every file is stored or left out with a reason"
        FAILED = "failed", "nothing more is tried; the reason says why"
        EXPIRED = "expired", "ended, and its report is no longer kept"

    task_id = models.CharField(max_length=100, unique=True)
    batch_key = models.UUIDField(default=uuid.uuid4, editable=False)
    url = models.TextField(blank=True)
    object_key = models.TextField(blank=True)
    user_id = models.CharField(max_length=200, blank=True, db_index=True)
    device = models.CharField(max_length=200, blank=True)
    platform = models.CharField(max_length=50, blank=True)
    metadata = models.JSONField(default=dict)
    origin = models.CharField(max_length=100)
    state = models.CharField(max_length=16, choices=State.choices, default=State.PENDING, db_index=True)
    attempts = models.PositiveIntegerField(default=0)
    code = models.CharField(max_length=64, blank=True)
    reason = models.TextField(blank=True)
    hint = models.TextField(blank=True)
    fetched_bytes = models.BigIntegerField(default=0)
    file_count = models.PositiveIntegerField(default=0)
    line_count = models.BigIntegerField(default=0)
    stored_lines = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    next_try_at = models.DateTimeField(null=True, db_index=True)
    finished_at = models.DateTimeField(null=True, db_index=True)
    reported_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[ClientTask]] = models.Manager()

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.task_id

    @property
    def source(self) -> str:
        return self.url or self.object_key


class ClientFile(models.Model):
    """What became of one file. line_count = stored + duplicate + rejected; a retry meets stored lines as duplicates."""

    class State(models.TextChoices):
        STORED = "stored", "its lines are stored"
        SKIPPED = "skipped", "no lines were taken from it; the reason says why"

    task = models.ForeignKey(ClientTask, on_delete=models.CASCADE, related_name="files")
    position = models.PositiveIntegerField()
    name = models.TextField()
    size_bytes = models.BigIntegerField()
    state = models.CharField(max_length=16, choices=State.choices)
    reason = models.CharField(max_length=200, blank=True)
    encoding = models.CharField(max_length=32, blank=True)
    replaced_characters = models.BigIntegerField(default=0)
    line_count = models.BigIntegerField(default=0)
    stored_lines = models.BigIntegerField(default=0)
    duplicate_lines = models.BigIntegerField(default=0)
    rejected_lines = models.JSONField(default=dict)

    objects: ClassVar[models.Manager[ClientFile]] = models.Manager()

    class Meta:
        ordering = ("position",)
        constraints: ClassVar = [models.UniqueConstraint(fields=["task", "position"], name="clientlog_file_position")]

    def __str__(self) -> str:
        return f"{self.task_id}: {self.name}"


class PullPlace(models.Model):
    """How far the outside service was read: its own cursor, kept after the tasks before it were saved."""

    url_hash = models.CharField(max_length=64, unique=True)
    cursor = models.TextField(blank=True)
    read_at = models.DateTimeField(null=True)
    problem = models.TextField(blank=True)

    objects: ClassVar[models.Manager[PullPlace]] = models.Manager()

    def __str__(self) -> str:
        return self.cursor
