"""Favourites: searches under a name, of a person or of a space, in groups."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from bklog.errors import BadRequest, Conflict, Forbidden, NotFound
from bklog.saved.models import Favourite
from bklog.saved.search import SavedSearch

TITLE: Final = re.compile(r"(?!\s)[^\x00-\x1f\ud800-\udfff]{1,64}(?<!\s)")
MOST: Final = 1_000  # of one holder
KEYS: Final = ("name", "group", "visibility")


def create_favourite(owner: str, space: str, about: Mapping[str, Any], search: SavedSearch) -> Favourite:
    """Raises BadRequest (`favourite`), Conflict for a taken name and for more than a holder may have."""
    made = Favourite(owner=owner)
    _name(made, space, {"group": "", "visibility": Favourite.Visibility.PERSONAL, **about})
    if Favourite.objects.filter(visibility=made.visibility, holder=made.holder).count() >= MOST:
        hint = "delete some that nobody needs: `bklog favourite delete`"
        raise Conflict(f"{made.holder} has {MOST} favourites, which is the most", hint=hint, code="too_many_favourites")
    _save(made, search)
    return made


def change_favourite(favourite: Favourite, asker: str, space: str, about: Mapping[str, Any], search: SavedSearch) -> Favourite:
    """One that everybody had can only become personal for who made it. Raises as `create_favourite` does."""
    now = {name: getattr(favourite, name) for name in KEYS}
    if about.get("visibility", now["visibility"]) != now["visibility"] and asker != favourite.owner:
        hint = "make a favourite of your own from it"
        raise Forbidden(f"{favourite.owner} has made {favourite.name} for all", hint=hint, code="favourite_owner")
    _name(favourite, space, {**now, **about})
    _save(favourite, search)
    return favourite


def get_favourite(favourite_id: int, asker: str) -> Favourite:
    """Somebody else's personal one is not there."""
    for found in visible_to(asker).filter(pk=favourite_id):
        return found
    raise NotFound(f"there is no favourite {favourite_id}", hint="`bklog favourite list` shows them", code="no_favourite")


def visible_to(asker: str) -> QuerySet[Favourite]:
    return Favourite.objects.filter(Q(visibility=Favourite.Visibility.SPACE) | Q(owner=asker))


def list_favourites(asker: str, given: Mapping[str, str]) -> list[Favourite]:
    """`given` may narrow them: group, visibility, name, space, index_set_id."""
    found = visible_to(asker)
    for name in (*KEYS, "index_set_id"):
        if name in given:
            found = found.filter(**{name: given[name]})
    if "space" in given:
        found = found.filter(visibility=Favourite.Visibility.SPACE, holder=given["space"])
    return list(found[: 2 * MOST])


def present_favourite(favourite: Favourite) -> dict[str, Any]:
    names = ("name", "group", "visibility", "owner", "index_set_id", "index_set")
    is_shared = favourite.visibility == Favourite.Visibility.SPACE
    return {
        "id": favourite.pk,
        **{name: getattr(favourite, name) for name in names},
        "space": favourite.holder if is_shared else None,
        "search": favourite.asked,
        "created_at": favourite.created_at.isoformat(),
        "changed_at": favourite.changed_at.isoformat(),
    }


def _name(favourite: Favourite, space: str, about: Mapping[str, Any]) -> None:
    if unknown := sorted(set(about) - set(KEYS)):
        raise _refuse(f"unknown field {unknown[0]!r}", f"known: {', '.join(KEYS)}, and what a search takes")
    if not isinstance(about["group"], str) or (about["group"] and not TITLE.fullmatch(about["group"])):
        raise _refuse(f"group is {about['group']!r:.100}", "group is a text of at most 64 characters, or left out")
    if not isinstance(about.get("name"), str) or not TITLE.fullmatch(about["name"]):
        raise _refuse(f"name is {about.get('name')!r:.100}", "name is a text of 1 to 64 characters, without space around it")
    if about["visibility"] not in Favourite.Visibility.values:
        raise _refuse(f"visibility is {about['visibility']!r:.100}", f"one of: {', '.join(Favourite.Visibility.values)}")
    for name in KEYS:
        setattr(favourite, name, about[name])
    favourite.holder = space if about["visibility"] == Favourite.Visibility.SPACE else favourite.owner


def _save(favourite: Favourite, search: SavedSearch) -> None:
    favourite.index_set_id, favourite.index_set, favourite.asked = search.index_set_id, search.index_set, dict(search.asked)
    with _name_alone(favourite), transaction.atomic():
        favourite.save()


@contextmanager
def _name_alone(favourite: Favourite) -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        where = f"the group {favourite.group}" if favourite.group else "no group"
        hint = "choose another name or group, or change the one that is there"
        message = f"{favourite.holder} has a favourite {favourite.name} in {where}"
        raise Conflict(message, hint=hint, code="favourite_exists") from error


def _refuse(message: str, hint: str) -> BadRequest:
    return BadRequest(f"favourite: {message}", hint=hint, code="favourite")
