"""Since when the parts of the platform have been as they are."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class HealthPeriod(models.Model):
    """A time during which a part answered each check alike: a row a change, not a row a minute."""

    part = models.CharField(max_length=64)
    ok = models.BooleanField()
    message = models.CharField(max_length=500)
    since = models.DateTimeField()
    until = models.DateTimeField(db_index=True)

    objects: ClassVar[models.Manager[HealthPeriod]] = models.Manager()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["part", "until"], name="supervise_part_until")]

    def __str__(self) -> str:
        return f"{self.part} {'ok' if self.ok else 'failing'} {self.since} to {self.until}"
