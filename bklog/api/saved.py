"""/api/v1/search/favourite/, history/, link/: searches that are kept. Who asks is the owner of the API token."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.api.afterwards import afterwards
from bklog.api.answers import json_answer
from bklog.api.requests import LARGEST_ID, asker, by_method, json_object, whole_number
from bklog.api.spaces import require_index_set
from bklog.collect.models import IndexSet
from bklog.collect.searchable import Searchable
from bklog.collect.selectors import get_index_set
from bklog.errors import BadRequest
from bklog.query import parse
from bklog.records import Bearer, Role
from bklog.saved import favourites, history, links
from bklog.saved.search import KEPT, SavedSearch, kept_of
from bklog.search.request import parse_request

LONGEST_LINK_DAYS: Final = 3650
RECORDER: Final = history.Recorder()


def recorded(content: Mapping[str, Any], owner: str, index_set: Searchable, raw: Mapping[str, Any]) -> HttpResponse:
    """The answer to a search, which the history of who asked it gets."""
    kept_in_history(owner, index_set, raw)
    return json_answer(content)


def kept_in_history(owner: str, index_set: Searchable, raw: Mapping[str, Any]) -> None:
    """Once the answer has been sent, the last line of a stream too: nobody waits for it."""
    afterwards(partial(_record, owner, index_set, raw))


def _record(owner: str, index_set: Searchable, raw: Mapping[str, Any]) -> None:
    """A search that is too long to be kept, or no text, was answered all the same."""
    try:
        search = SavedSearch(index_set.pk, index_set.name, kept_of(raw))
    except BadRequest:
        return
    RECORDER.record(owner, search, now=datetime.now(UTC), most=settings.BKLOG_HISTORY_ENTRIES)


def read_search(raw: Mapping[str, Any], bearer: Bearer, *, now: datetime, frozen: bool = False) -> SavedSearch:
    """`index_set_id` and what of a search is kept. Raises BadRequest, QuerySyntax and NotFound as a search would.

    Frozen, its times are those that they are now.
    """
    index_set_id = raw.get("index_set_id")
    if type(index_set_id) is not int:
        raise BadRequest("index_set_id is no whole number", hint="the id of an index set", code="search_request")
    index_set_id = min(max(index_set_id, 0), LARGEST_ID)
    require_index_set(bearer, Role.VIEWER, index_set_id)
    index_set = get_index_set(index_set_id)
    asked = kept_of(raw)
    request = parse_request(asked, now=now)
    parse(request.query)
    if frozen:
        asked |= {"start": request.time_range.start.isoformat(), "end": request.time_range.end.isoformat()}
    return SavedSearch(index_set.pk, index_set.name, asked)


def list_favourites(request: HttpRequest) -> HttpResponse:
    names = ("group", "visibility", "name", "space")
    given = {name: request.GET[name] for name in names if name in request.GET}
    if "index_set_id" in request.GET:
        given["index_set_id"] = str(whole_number(request.GET["index_set_id"], "index_set_id", LARGEST_ID))
    who = asker(request)
    found = favourites.list_favourites(who.name, given)
    found = [one for one in found if one.visibility == "personal" or who.has_role(Role.VIEWER, one.holder)]
    there = set(IndexSet.objects.values_list("pk", flat=True))
    items = [{**favourites.present_favourite(one), "index_set_exists": one.index_set_id in there} for one in found]
    return JsonResponse({"items": items})


def make_favourite(request: HttpRequest) -> HttpResponse:
    raw = json_object(request)
    search = read_search(raw, asker(request), now=datetime.now(UTC))
    space = get_index_set(search.index_set_id).space
    made = favourites.create_favourite(asker(request).name, space, _about(raw), search)
    return JsonResponse(favourites.present_favourite(made), status=201)


def show_favourite(request: HttpRequest, favourite_id: int) -> HttpResponse:
    return JsonResponse(favourites.present_favourite(favourites.get_favourite(favourite_id, asker(request).name)))


def change_favourite(request: HttpRequest, favourite_id: int) -> HttpResponse:
    """What is not named stays."""
    raw, bearer = json_object(request), asker(request)
    who = bearer.name
    found = favourites.get_favourite(favourite_id, who)
    now = {"index_set_id": found.index_set_id, **found.asked}
    asked = {**now, **{name: raw[name] for name in ("index_set_id", *KEPT) if name in raw}}
    search = read_search(asked, bearer, now=datetime.now(UTC))
    space = get_index_set(search.index_set_id).space
    changed = favourites.change_favourite(found, who, space, _about(raw), search)
    return JsonResponse(favourites.present_favourite(changed))


def delete_favourite(request: HttpRequest, favourite_id: int) -> HttpResponse:
    favourites.get_favourite(favourite_id, asker(request).name).delete()
    return HttpResponse(status=204)


def _about(raw: Mapping[str, Any]) -> dict[str, Any]:
    """What of a favourite is no part of its search."""
    return {name: value for name, value in raw.items() if name not in ("index_set_id", *KEPT)}


def list_history(request: HttpRequest) -> HttpResponse:
    given = request.GET
    index_set_id = whole_number(given["index_set_id"], "index_set_id", LARGEST_ID) if "index_set_id" in given else None
    limit = whole_number(given.get("limit", "50"), "limit", 10_000)
    return JsonResponse({"items": history.list_history(asker(request).name, index_set_id=index_set_id, limit=limit)})


def clear_history(request: HttpRequest) -> HttpResponse:
    who = asker(request).name
    deleted = history.forget(who)
    RECORDER.forget(who)
    return JsonResponse({"deleted": deleted})


def delete_entry(request: HttpRequest, entry_id: int) -> HttpResponse:
    who = asker(request).name
    history.forget(who, entry_id)
    RECORDER.forget(who)
    return HttpResponse(status=204)


def make_link(request: HttpRequest) -> HttpResponse:
    """`freeze` makes the times absolute; `expires_in_days` says how long the link opens."""
    raw, now = json_object(request), datetime.now(UTC)
    own = {"freeze": raw.get("freeze", False), "expires_in_days": raw.get("expires_in_days", settings.BKLOG_LINK_DAYS)}
    if unknown := sorted(set(raw) - {*own, *KEPT, "index_set_id"}):
        hint = f"known: index_set_id, {', '.join((*own, *KEPT))}"
        raise BadRequest(f"unknown key {unknown[0]!r}", hint=hint, code="search_request")
    frozen, days = own["freeze"], own["expires_in_days"]
    if type(frozen) is not bool or type(days) is not int or not 1 <= days <= LONGEST_LINK_DAYS:
        hint = f"freeze is true or false, expires_in_days a whole number from 1 to {LONGEST_LINK_DAYS}"
        raise BadRequest("the link cannot be made", hint=hint, code="search_request")
    search = read_search(raw, asker(request), now=now, frozen=frozen)
    made = links.create_link(asker(request).name, search, is_frozen=frozen, now=now, keep=timedelta(days=days))
    return JsonResponse(links.present_link(made), status=201)


def list_links(request: HttpRequest) -> HttpResponse:
    found = links.list_links(asker(request).name, now=datetime.now(UTC))
    return JsonResponse({"items": [links.present_link(one) for one in found]})


def open_link(request: HttpRequest, token: str) -> HttpResponse:
    return JsonResponse(links.present_link(links.open_link(token, now=datetime.now(UTC))))


def delete_link(request: HttpRequest, token: str) -> HttpResponse:
    links.delete_link(links.open_link(token, now=datetime.now(UTC)), asker(request).name)
    return HttpResponse(status=204)


favourite_list = by_method(GET=list_favourites, POST=make_favourite)
favourite = by_method(GET=show_favourite, PATCH=change_favourite, DELETE=delete_favourite)
history_list = by_method(GET=list_history, DELETE=clear_history)
history_entry = by_method(DELETE=delete_entry)
link_list = by_method(GET=list_links, POST=make_link)
link = by_method(GET=open_link, DELETE=delete_link)
