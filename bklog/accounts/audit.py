"""Who did what when: entries written in the transaction of what they tell of, read newest first, deleted when they are old."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from bklog.accounts.models import AuditEntry

MOST_CHARACTERS: Final = 8_000  # of the details of one entry
MOST_AT_ONCE: Final = 1_000
_NUL: Final = r"\u0000"  # as JSON escapes it
_UNKNOWN: Final = r"\ufffd"
_EXPIRED_AT_ONCE: Final = 5_000
FILTERS: Final = ("who", "action", "subject", "way")


@dataclass(frozen=True, slots=True)
class Actor:
    """`way` is how it was known who that is."""

    name: str
    way: AuditEntry.Way
    address: str = ""


def record(actor: Actor, action: str, subject: str = "", details: Mapping[str, Any] | None = None) -> None:
    AuditEntry.objects.create(
        at=timezone.now(),
        who=actor.name[:64],
        way=actor.way,
        address=actor.address[:64],
        action=action,
        subject=subject[:128],
        details=_bounded(dict(details or {})),
    )


def _bounded(details: dict[str, Any]) -> dict[str, Any]:
    """As every database keeps it; of a change that is too large for an entry, what it was about."""
    text = json.dumps(details, ensure_ascii=False).encode("utf-8", "replace").decode()
    if len(text) <= MOST_CHARACTERS:
        kept: dict[str, Any] = json.loads(text.replace(_NUL, _UNKNOWN))
        return kept
    return _bounded({"cut": {name: str(value)[:200] for name, value in list(details.items())[:20]}})


@contextmanager
def recorded(actor: Actor, action: str, subject: str = "", **details: Any) -> Iterator[dict[str, Any]]:
    """What is done inside and its entry are there together or not at all. What is put into the value gets into the entry;
    `subject` there wins, for what has its name only once it is made.
    """
    with transaction.atomic():
        yield details
        record(actor, action, str(details.pop("subject", subject)), details)


def list_entries(
    filters: Mapping[str, str], *, since: datetime | None, until: datetime | None, limit: int, before: int | None
) -> list[dict[str, Any]]:
    """The newest first. An action that ends in a dot stands for all that begin with it: `user.`"""
    found = AuditEntry.objects.all()
    for name in FILTERS:
        if value := filters.get(name, ""):
            is_beginning = name == "action" and value.endswith(".")
            found = found.filter(**{f"{name}__startswith" if is_beginning else name: value})
    if since:
        found = found.filter(at__gte=since)
    if until:
        found = found.filter(at__lt=until)
    if before is not None:
        found = found.filter(pk__lt=before)
    return [_present(one) for one in found[:limit]]


def expire(*, before: datetime) -> int:
    """In portions: no transaction of it holds others up for long."""
    deleted = 0
    while keys := list(AuditEntry.objects.filter(at__lt=before).order_by("pk").values_list("pk", flat=True)[:_EXPIRED_AT_ONCE]):
        deleted += AuditEntry.objects.filter(pk__in=keys).delete()[0]
    return deleted


def _present(entry: AuditEntry) -> dict[str, Any]:
    names = ("id", "who", "way", "address", "action", "subject", "details")
    return {"at": entry.at.isoformat(), **{name: getattr(entry, name) for name in names}}
