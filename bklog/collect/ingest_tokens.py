"""Ingest tokens as the server keeps them: made with a secret that is shown once, listed, revoked; when each was used last.

A revoked one stays in the list for a while: whoever finds its beginning in a sender that is refused learns since when, and
who did it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from bklog.collect.index_sets import PLAIN
from bklog.collect.models import Collector, IngestToken
from bklog.errors import BadRequest, Conflict, NotFound
from bklog.records import iso, new_token, token_hash

PREFIX: Final = "bki"
SHOWN_CHARACTERS: Final = len(PREFIX) + 5  # of the 256 bits of a token they tell 24
MAX_CHARACTERS: Final = 64  # of a name
MOST_TOKENS: Final = 100  # of one collector, that are valid
KEPT_REVOKED: Final = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """`kept_on` is the machine in whose `secrets/tokens/` the token will lie. Raises BadRequest (`ingest_token`)."""

    name: str = ""
    kept_on: str = ""

    @classmethod
    def from_dict(cls, raw: object) -> Wanted:
        known = [one.name for one in fields(cls)]
        if not isinstance(raw, Mapping) or set(raw) - set(known):
            hint = f"an object of at most: {', '.join(known)}"
            raise BadRequest("that does not say what token is meant", hint=hint, code="ingest_token")
        return cls(**{name: _text(name, value) for name, value in raw.items() if value is not None})


NOTHING_SAID: Final = Wanted()


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_CHARACTERS or not PLAIN.fullmatch(value):
        hint = f"a text of at most {MAX_CHARACTERS} characters on one line"
        raise BadRequest(f"{name} is no such text as a token has", hint=hint, code="ingest_token")
    return value.strip()


def create_ingest_token(collector: Collector, wanted: Wanted = NOTHING_SAID, *, made_by: str) -> tuple[IngestToken, str]:
    """The token and its secret, which is not kept: this is the only time that it can be shown."""
    if collector.scenario == Collector.Scenario.REJECTS:
        raise BadRequest(
            "nobody may write into the collector of refused lines", hint="make another collector", code="collector"
        )
    if collector.state == Collector.State.DELETING:
        hint = "make another collector, or cancel the deletion"
        raise Conflict(f"the collector {collector.name} is being deleted", hint=hint, code="collector_deleting")
    secret = new_token(PREFIX)
    made = IngestToken.objects.create(
        collector=collector,
        hash=token_hash(secret),
        name=wanted.name,
        kept_on=wanted.kept_on,
        beginning=secret[:SHOWN_CHARACTERS],
        made_by=made_by[:MAX_CHARACTERS],
    )
    return made, secret


def require_room(collector: Collector) -> None:
    """Raises Conflict (`too_many_tokens`) for people: what the platform needs for itself it may always make."""
    if collector.tokens.filter(revoked_at=None).count() >= MOST_TOKENS:
        hint = "revoke those that are not used any more"
        raise Conflict(f"{collector.name} has {MOST_TOKENS} tokens already", hint=hint, code="too_many_tokens")


def find_token(secret: str) -> IngestToken | None:
    """The valid one, with its collector."""
    return IngestToken.objects.select_related("collector").filter(hash=token_hash(secret), revoked_at=None).first()


def get_token(collector: Collector, token_id: int) -> IngestToken:
    """Raises NotFound (`no_token`), for a revoked one too."""
    found = collector.tokens.filter(pk=token_id, revoked_at=None).first()
    if found is None:
        hint = f"GET /api/v1/databus/collectors/{collector.pk}/tokens/ lists them"
        raise NotFound(f"{collector.name} has no valid token {token_id}", hint=hint, code="no_token")
    return found


def list_tokens(collector: Collector) -> list[IngestToken]:
    """Those that are valid first, of both the newest first."""
    return sorted(collector.tokens.order_by("-pk"), key=lambda token: token.revoked_at is not None)


def revoke(token: IngestToken, *, by: str, now: datetime) -> None:
    """Of the collector's revoked ones the oldest are forgotten."""
    token.revoked_at, token.revoked_by = now, by[:MAX_CHARACTERS]
    token.save(update_fields=["revoked_at", "revoked_by"])
    ended = IngestToken.objects.filter(collector=token.collector_id, revoked_at__isnull=False)
    oldest = list(ended.order_by("-revoked_at", "-pk").values_list("pk", flat=True)[KEPT_REVOKED:])
    ended.filter(pk__in=oldest).delete()


def present_token(token: IngestToken) -> dict[str, Any]:
    names = ("id", "name", "kept_on", "beginning", "made_by", "revoked_by")
    moments = ("created_at", "last_used_at", "revoked_at")
    return {**{name: getattr(token, name) for name in names}, **{name: iso(getattr(token, name)) for name in moments}}
