"""What is kept of an export: what was asked, what it began with, how far it is, and what became of it."""

from __future__ import annotations

import secrets
from typing import ClassVar

from django.db import models

from bklog.records import Compression, Form, file_suffix


def new_key() -> str:
    return secrets.token_hex(8)


class Export(models.Model):
    """`slot` is one of the few that its owner has: who has none waits in line. `next_try_at`: when the sweep sends it again.

    From `tables` to `prefix_sha256` it is frozen, or grows with each slice, so that another worker goes on in the middle.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "waits until another export of its owner ends"
        PENDING = "pending", "waits for a worker, or for its next try"
        RUNNING = "running", "rows are being written"
        STORING = "storing", "the file is being brought to its place"
        SUCCESS = "success", "the file is there"
        FAILED = "failed", "nothing more is tried; the reason says why"
        CANCELLED = "cancelled", "somebody stopped it"
        EXPIRED = "expired", "it ended well, and its file is no longer kept"

    class Target(models.TextChoices):
        LOCAL = "local", "a folder of the platform"
        S3 = "s3", "an S3-compatible storage"

    class Mail(models.TextChoices):
        NONE = "", "nobody is told"
        DUE = "due", "is sent when it has ended"
        SENT = "sent", "was taken by the mail server"
        FAILED = "failed", "could not be sent; the reason says why"

    key = models.CharField(max_length=16, default=new_key, unique=True, editable=False)
    owner = models.CharField(max_length=64, db_index=True)
    is_unmasked = models.BooleanField(default=False)
    index_set_id = models.BigIntegerField()
    index_set = models.CharField(max_length=64)
    query = models.TextField(blank=True)
    start = models.DateTimeField()
    end = models.DateTimeField()
    fields = models.JSONField(null=True)
    order = models.CharField(max_length=16)
    form = models.CharField(max_length=16)
    compression = models.CharField(max_length=16)
    limit = models.BigIntegerField()
    mail_to = models.JSONField(default=list)

    state = models.CharField(max_length=16, choices=State.choices, default=State.WAITING, db_index=True)
    slot = models.PositiveSmallIntegerField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    beginnings = models.PositiveIntegerField(default=0)
    code = models.CharField(max_length=64, blank=True)
    reason = models.TextField(blank=True)
    hint = models.TextField(blank=True)

    tables = models.JSONField(null=True)
    digest = models.CharField(max_length=64, blank=True)
    arrived_by = models.BigIntegerField(default=0)
    slices = models.JSONField(default=list)
    ends = models.JSONField(default=list)
    prefix_sha256 = models.CharField(max_length=64, blank=True)

    matched_rows = models.BigIntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    size_bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    seconds = models.FloatField(default=0)
    target = models.CharField(max_length=8, choices=Target.choices)
    mail_state = models.CharField(max_length=8, choices=Mail.choices, default=Mail.NONE, blank=True)
    mail_error = models.TextField(blank=True)
    mail_attempts = models.PositiveIntegerField(default=0)

    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True, db_index=True)
    expires_at = models.DateTimeField(null=True)
    next_try_at = models.DateTimeField(null=True, db_index=True)

    objects: ClassVar[models.Manager[Export]] = models.Manager()

    class Meta:
        ordering = ("-id",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # The rows without a slot do not collide: NULL is unlike NULL in all three databases.
            models.UniqueConstraint(fields=["owner", "slot"], name="export_one_a_slot"),
        ]

    def __str__(self) -> str:
        return f"export {self.pk} of {self.owner}"

    @property
    def folder_name(self) -> str:
        return f"export-{self.pk}-{self.key}"

    @property
    def file_name(self) -> str:
        return f"{self.index_set}-{self.pk}.{file_suffix(Form(self.form), Compression(self.compression))}"

    @property
    def object_key(self) -> str:
        return f"export/{self.folder_name}/{self.file_name}"
