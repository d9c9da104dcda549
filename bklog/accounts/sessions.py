"""Sessions: a secret in a cookie, its hash in the database, an end; and the proof that a request comes from the page itself.

name, password, address ─ too many failures? 429 ─▶ fits? ─no─▶ 401 ─▶ audit
                                                     └─yes─▶ Session, audit ─▶ secret ─▶ cookie
secret ─ one statement ─▶ Bearer, with the rights of this moment: who was signed out is out with the next request
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from django.db import connection, transaction
from django.utils.crypto import constant_time_compare, salted_hmac

from bklog.accounts import sign_in_counts
from bklog.accounts.audit import Actor, record
from bklog.accounts.models import AuditEntry, Session, User
from bklog.accounts.passwords import fits
from bklog.accounts.users import bearer_of, find_user
from bklog.errors import Unauthorised
from bklog.records import Bearer, new_token, token_hash

PREFIX: Final = "bks"
COOKIE: Final = "bklog_session"  # over HTTPS with a prefix
MOST_OF_ONE: Final = 50  # sessions of a user; the oldest ends with one more
_MOST_GIVEN: Final = 256  # characters of a name that are looked at
Way = AuditEntry.Way


@dataclass(frozen=True, slots=True)
class SignedIn:
    """`secret` is what the cookie holds; it is kept nowhere else."""

    user: User
    secret: str
    expires_at: datetime


def sign_in(name: str, password: str, *, address: str, now: datetime, keep: timedelta) -> SignedIn:
    """Raises Unauthorised (`sign_in_wrong`), which says the same in the same time of each reason; Overloaded (`sign_ins`)."""
    given = name[:_MOST_GIVEN]
    sign_in_counts.count(given, address, now=now)
    user = find_user(given)
    if not fits(password, user) or user is None:
        # A name that nobody has may be a password in the wrong box: it is not written down.
        nobody = Actor(user.name if user else "", Way.NOBODY, address)
        record(nobody, "sign_in.failed", details={"name_exists": user is not None})
        hint = "check both; an administrator sets a new one: `bklog user password NAME`"
        raise Unauthorised("the name or the password is wrong", hint=hint, code="sign_in_wrong")
    sign_in_counts.forget(given, address)
    return begin(user, address=address, now=now, keep=keep)


def begin(user: User, *, address: str, now: datetime, keep: timedelta) -> SignedIn:
    secret = new_token(PREFIX)
    with transaction.atomic():
        user.signed_in_at = now
        user.save(update_fields=["signed_in_at"])
        _make_room(user, now)
        made = Session.objects.create(
            user=user, hash=token_hash(secret), address=address, created_at=now, expires_at=now + keep
        )
        record(Actor(user.name, Way.SESSION, address), "sign_in")
    return SignedIn(user, secret, made.expires_at)


def _make_room(user: User, now: datetime) -> None:
    Session.objects.filter(user=user, expires_at__lte=now).delete()
    oldest = Session.objects.filter(user=user).order_by("-pk").values_list("pk", flat=True)[MOST_OF_ONE - 1 :]
    Session.objects.filter(pk__in=list(oldest)).delete()


def bearer_of_session(secret: str, *, now: datetime) -> Bearer | None:
    """None for one that was never there, has ended, or belongs to who is disabled."""
    with connection.cursor() as cursor:
        cursor.execute(_statement(), [token_hash(secret)])
        found = cursor.fetchone()
    if found is None:
        return None
    name, roles, permissions, is_disabled, expires_at = found
    return None if is_disabled or _moment(expires_at) <= now else _bearer(name, roles, permissions)


def session_of(secret: str) -> Session | None:
    return Session.objects.select_related("user").filter(hash=token_hash(secret)).first()


def end(secret: str, actor: Actor) -> None:
    with transaction.atomic():
        Session.objects.filter(hash=token_hash(secret)).delete()
        record(actor, "sign_out")


def expire(*, now: datetime) -> int:
    return Session.objects.filter(expires_at__lte=now).delete()[0]


def csrf_token(secret: str) -> str:
    """What the page sends along with what changes something. Another site's page has the cookie sent, but cannot read this."""
    return salted_hmac("bklog.accounts.csrf", secret, algorithm="sha256").hexdigest()


def is_from_the_page(secret: str, given: str) -> bool:
    return constant_time_compare(csrf_token(secret), given)


@lru_cache(maxsize=1)
def _statement() -> str:
    """Written once, as that of the tokens is: each request of a session asks it, and it is all that a session adds."""
    wanted = ("user__name", "user__roles", "user__permissions", "user__is_disabled", "expires_at")
    text, _ = Session.objects.filter(hash="").values_list(*wanted).query.sql_with_params()
    return str(text)


def _moment(given: Any) -> datetime:
    """SQLite and MariaDB give what Django's cursor makes of a column that it does not know: a text, or no zone."""
    value = datetime.fromisoformat(given) if isinstance(given, str) else given
    return value if value.tzinfo else value.replace(tzinfo=UTC)


@lru_cache(maxsize=256)
def _bearer(name: str, roles: str, permissions: str) -> Bearer:
    return bearer_of(name, json.loads(roles), json.loads(permissions))
