"""How often a sign-in failed of late: of a name from an address, of an address, of a name. Too often, and it is refused unseen.

Each is counted before its password is looked at, so that many at once get no further than one after the other, and taken off
again when it fits. The table is bounded: beyond MOST_KEYS the counts that end first go.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import F

from bklog.accounts.models import SignInCount
from bklog.accounts.users import known_as
from bklog.errors import Overloaded
from bklog.records import token_hash

WINDOW: Final = timedelta(minutes=5)
MOST_TOGETHER: Final = 5
MOST_OF_ADDRESS: Final = 30  # many people may come from one
MOST_OF_NAME: Final = 100  # from many addresses; lower, and whoever knows a name could lock its owner out with few
MOST_KEYS: Final = 20_000


def count(name: str, address: str, *, now: datetime) -> None:
    """Raises Overloaded (`sign_ins`)."""
    for key, most in _keys(name, address):
        counted = _add(key, now)
        if counted.count > most:
            seconds = max(1, round((counted.until - now).total_seconds()))
            hint = "wait; another address or another name may be free"
            raise Overloaded("too many sign-ins failed of late", retry_after_seconds=seconds, hint=hint, code="sign_ins")


def forget(name: str, address: str) -> None:
    """That sign-in was right: those of the name from there begin anew, of the others it counts no more."""
    (together, _), *others = _keys(name, address)
    SignInCount.objects.filter(key=together).delete()
    SignInCount.objects.filter(key__in=[key for key, _ in others], count__gt=0).update(count=F("count") - 1)


def expire(*, now: datetime) -> int:
    return SignInCount.objects.filter(until__lte=now).delete()[0]


def _keys(name: str, address: str) -> Iterator[tuple[str, int]]:
    who = known_as(name)
    yield token_hash(f"both\n{who}\n{address}"), MOST_TOGETHER
    yield token_hash(f"address\n{address}"), MOST_OF_ADDRESS
    yield token_hash(f"name\n{who}"), MOST_OF_NAME


def _add(key: str, now: datetime) -> SignInCount:
    with transaction.atomic():
        found = SignInCount.objects.select_for_update().filter(key=key).first()
        if found is None:
            return _first(key, now)
        if found.until <= now:
            found.count, found.until = 0, now + WINDOW
        found.count += 1
        found.save(update_fields=["count", "until"])
        return found


def _first(key: str, now: datetime) -> SignInCount:
    try:
        with transaction.atomic():
            made = SignInCount.objects.create(key=key, count=1, until=now + WINDOW)
    except IntegrityError:  # another process was quicker
        SignInCount.objects.filter(key=key).update(count=F("count") + 1)
        return SignInCount.objects.get(key=key)
    _make_room(now)
    return made


def _make_room(now: datetime) -> None:
    if SignInCount.objects.count() <= MOST_KEYS:
        return
    expire(now=now)
    surplus = SignInCount.objects.order_by("until").values_list("pk", flat=True)[: MOST_KEYS // 10]
    SignInCount.objects.filter(pk__in=list(surplus)).delete()
