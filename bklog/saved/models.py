"""What is kept of searches. `owner` is the name of the API token that asked; `asked` the keys of a search that make it up.

An index set is named by its number, and by the name that it had: it may go, and what was kept for a person stays readable.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Favourite(models.Model):
    """A search under a name. `holder` is whose it is: a person's, or a space's. A name is there once in a group of a holder."""

    class Visibility(models.TextChoices):
        PERSONAL = "personal", "only its owner sees and changes it"
        SPACE = "space", "everybody sees and changes it"

    owner = models.CharField(max_length=64)
    visibility = models.CharField(max_length=8, choices=Visibility.choices)
    holder = models.CharField(max_length=64)
    group = models.CharField(max_length=64, blank=True)
    name = models.CharField(max_length=64)
    index_set_id = models.BigIntegerField(db_index=True)
    index_set = models.CharField(max_length=64)
    asked = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[models.Manager[Favourite]] = models.Manager()

    class Meta:
        ordering = ("visibility", "group", "name")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["visibility", "holder", "group", "name"], name="saved_one_favourite_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class HistoryEntry(models.Model):
    """A query with its conditions, once for each person and index set; `asked` is how it was asked the last time."""

    owner = models.CharField(max_length=64)
    index_set_id = models.BigIntegerField()
    index_set = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    asked = models.JSONField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    objects: ClassVar[models.Manager[HistoryEntry]] = models.Manager()

    class Meta:
        ordering = ("-last_at", "-id")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["owner", "index_set_id", "digest"], name="saved_one_entry_a_query"),
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["owner", "last_at"], name="saved_history_newest")]

    def __str__(self) -> str:
        return f"{self.owner}: {self.asked.get('query', '')}"


class Link(models.Model):
    """A search under a text that nobody guesses, until it expires. `is_frozen`: its times were made absolute."""

    token = models.CharField(max_length=32, unique=True)
    owner = models.CharField(max_length=64, db_index=True)
    index_set_id = models.BigIntegerField()
    index_set = models.CharField(max_length=64)
    asked = models.JSONField()
    is_frozen = models.BooleanField()
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)

    objects: ClassVar[models.Manager[Link]] = models.Manager()

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"link {self.pk} of {self.owner}"
