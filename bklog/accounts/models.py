"""Who may use the API: people with their sessions, and tokens; and what they did. Secrets are kept as hashes."""

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


class User(models.Model):
    """A person. `roles` are by space, `*` for every one; `permissions` were granted by name; `password` is Django's hash."""

    name = models.CharField(max_length=64, unique=True)
    password = models.CharField(max_length=256)
    roles = models.JSONField(default=dict)
    permissions = models.JSONField(default=list)
    preferences = models.JSONField(default=dict)
    is_disabled = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    signed_in_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[User]] = models.Manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Session(models.Model):
    """A browser in which a person has signed in. It ends with its row: nothing of it is believed without the database."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    hash = models.CharField(max_length=64, unique=True)
    address = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)

    objects: ClassVar[models.Manager[Session]] = models.Manager()

    def __str__(self) -> str:
        return f"session {self.pk} of {self.user_id}"


class SignInCount(models.Model):
    """Sign-ins that failed, or are under way, of one name, one address, or both, until a moment; `key` is a hash of them."""

    key = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField()
    until = models.DateTimeField(db_index=True)

    objects: ClassVar[models.Manager[SignInCount]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.count} until {self.until}"


class AuditEntry(models.Model):
    """Who did what when. `who` is a name as text: people and tokens go, what they did stays."""

    class Way(models.TextChoices):
        SESSION = "session", "signed in"
        TOKEN = "token", "by an API token"
        COMMAND = "command", "by a command on the platform's machine"
        NOBODY = "nobody", "without proof of who it was"

    at = models.DateTimeField(db_index=True)
    who = models.CharField(max_length=64, db_index=True)
    way = models.CharField(max_length=8, choices=Way.choices)
    address = models.CharField(max_length=64, blank=True)
    action = models.CharField(max_length=64, db_index=True)
    subject = models.CharField(max_length=128, blank=True, db_index=True)
    details = models.JSONField(default=dict)

    objects: ClassVar[models.Manager[AuditEntry]] = models.Manager()

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.who}: {self.action} {self.subject}"
