"""/api/v1/search/index_set/: index sets, found by name, alias, tag and space; made, changed, deleted."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.accounts.audit import recorded
from bklog.api.requests import actor, asker, by_method, json_object
from bklog.api.spaces import SPACES, require_collectors, visible
from bklog.api.wiring import the_catalogue
from bklog.collect.index_sets import (
    Wanted,
    as_wanted,
    change_index_set,
    create_index_set,
    delete_index_set,
    present_index_set,
)
from bklog.collect.models import Collector
from bklog.collect.selectors import get_index_set, list_index_sets
from bklog.query import find_field
from bklog.records import Role


def show_index_sets(request: HttpRequest) -> HttpResponse:
    asked = {name: request.GET.get(name, "") for name in ("name", "tag", "space")}
    return JsonResponse({"items": [present_index_set(one) for one in visible(asker(request), list_index_sets(**asked))]})


def make_index_set(request: HttpRequest) -> HttpResponse:
    wanted = Wanted.from_dict(json_object(request))
    asker(request).require_role(Role.EDITOR, wanted.space)
    require_collectors(asker(request), wanted.collectors)
    _require_fields(wanted)
    with recorded(actor(request), "index_set.create", wanted.name, collectors=wanted.collectors):
        made = create_index_set(wanted)
    return JsonResponse(present_index_set(made), status=201)


def show_index_set(request: HttpRequest, index_set_id: int) -> HttpResponse:
    return JsonResponse(present_index_set(get_index_set(index_set_id)))


def change(request: HttpRequest, index_set_id: int) -> HttpResponse:
    index_set, raw = get_index_set(index_set_id), json_object(request)
    wanted = Wanted.from_dict(raw, as_wanted(index_set))
    if {"collectors", "default_fields"} & set(raw):
        _require_fields(wanted)
    asker(request).require_role(Role.EDITOR, wanted.space)
    require_collectors(asker(request), set(wanted.collectors) - {one.name for one in index_set.collectors.all()})
    with recorded(actor(request), "index_set.change", index_set.name, changed=raw):
        changed = change_index_set(index_set, raw)
    SPACES.forget()
    return JsonResponse(present_index_set(changed))


def delete(request: HttpRequest, index_set_id: int) -> HttpResponse:
    found = get_index_set(index_set_id)
    with recorded(actor(request), "index_set.delete", found.name):
        delete_index_set(found)
    return HttpResponse(status=204)


def _require_fields(wanted: Wanted) -> None:
    """Raises BadRequest (`unknown_field`) for a default field that no row has: told now, not by each search."""
    names: Any = [name for name in wanted.default_fields if name != "fields"]
    if not names:
        return
    tables = [one.log_table for one in Collector.objects.filter(name__in=wanted.collectors)]
    known = the_catalogue().describe(tables, names)
    for name in names if known else ():
        find_field(name, known)


index_sets = by_method(GET=show_index_sets, POST=make_index_set)
index_set = by_method(GET=show_index_set, PATCH=change, DELETE=delete)
