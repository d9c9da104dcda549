"""Who may use the API: tokens, kept as hashes."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class ApiToken(models.Model):
    """A secret that lets its bearer use the whole API. `name` says whose it is, `permissions` what its bearer may do beyond."""

    name = models.CharField(max_length=64, unique=True)
    hash = models.CharField(max_length=64, unique=True)
    permissions = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager[ApiToken]] = models.Manager()

    def __str__(self) -> str:
        return self.name
