"""/api/v1/databus/: the versions of a collector's clean rule, and clean rules under a name for many collectors."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.accounts.audit import recorded
from bklog.api.requests import actor, asker, by_method, kept_object
from bklog.api.wiring import the_store
from bklog.clean.shipped import SHIPPED
from bklog.collect import selectors
from bklog.collect.preview import require_runnable
from bklog.collect.templates import (
    WantedTemplate,
    change_template,
    create_template,
    delete_template,
    get_template,
    list_templates,
    present_shipped,
    present_template,
)
from bklog.collect.versions import get_version, list_versions, present_version
from bklog.records import Role


def show_versions(request: HttpRequest, collector_id: int) -> HttpResponse:
    del request
    return JsonResponse({"items": list_versions(selectors.get_collector(collector_id))})


def show_version(request: HttpRequest, collector_id: int, number: int) -> HttpResponse:
    del request
    return JsonResponse(present_version(get_version(selectors.get_collector(collector_id), number)))


def show_templates(request: HttpRequest) -> HttpResponse:
    """Those of the spaces that one sees, then those that everybody has."""
    bearer, space = asker(request), request.GET.get("space", "")
    found = [one for one in list_templates() if bearer.has_role(Role.VIEWER, one.space) and space in {"", one.space}]
    return JsonResponse({"items": [*map(present_template, found), *map(present_shipped, SHIPPED)]})


def make_template(request: HttpRequest) -> HttpResponse:
    wanted = WantedTemplate.from_dict(kept_object(request))
    asker(request).require_role(Role.EDITOR, wanted.space)
    require_runnable(wanted.rule, store=the_store())
    with recorded(actor(request), "clean_template.create", wanted.name, space=wanted.space):
        made = create_template(wanted, by=asker(request).name)
    return JsonResponse(present_template(made), status=201)


def show_template(request: HttpRequest, template_id: int) -> HttpResponse:
    del request
    return JsonResponse(present_template(get_template(template_id)))


def change(request: HttpRequest, template_id: int) -> HttpResponse:
    template, raw = get_template(template_id), kept_object(request)
    wanted = WantedTemplate.from_dict(raw, template)
    require_runnable(wanted.rule, store=the_store())
    with recorded(actor(request), "clean_template.change", template.name, space=template.space, changed=raw):
        changed = change_template(template, wanted, by=asker(request).name)
    return JsonResponse(present_template(changed))


def delete(request: HttpRequest, template_id: int) -> HttpResponse:
    found = get_template(template_id)
    with recorded(actor(request), "clean_template.delete", found.name, space=found.space):
        delete_template(found)
    return HttpResponse(status=204)


versions = by_method(GET=show_versions)
version = by_method(GET=show_version)
templates = by_method(GET=show_templates, POST=make_template)
template = by_method(GET=show_template, PATCH=change, DELETE=delete)
