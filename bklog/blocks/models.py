"""A block: which searches are refused, why, and until when."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Block(models.Model):
    """A search is refused where all that is said fits it. `pattern` is the query's text, with `*` for anything; empty fits any.

    `index_set_id` and `owner`, the name of who asks, fit any where they are NULL and empty.
    """

    pattern = models.CharField(max_length=500, blank=True)
    index_set_id = models.BigIntegerField(null=True)
    owner = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=500)
    made_by = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Block]] = models.Manager()

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"block {self.pk}: {self.pattern or '*'}"
