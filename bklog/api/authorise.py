"""Who asks may do this? After the path is known and before its view: rights.py says what is needed, and where.

route, method ─▶ Right ─ permission? ─ role, in the space that the path names ─▶ view
                   └─ none: 403, or the view's own 405 of a method that it does not have
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse

from bklog.api.middleware import ASKER, View, present_any
from bklog.api.rights import RIGHTS, Right, Where, right_of
from bklog.api.spaces import SPACES, require_favourite, space_of
from bklog.collect.models import IndexSet
from bklog.collect.selectors import get_collector
from bklog.collect.templates import get_template
from bklog.errors import BklogError, Forbidden
from bklog.export.selectors import get_export
from bklog.pipeline.selectors import get_run
from bklog.records import EVERY_SPACE, Bearer
from bklog.saved.favourites import get_favourite


class Authorise:
    def __init__(self, get_response: View) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, view: View, args: Any, path: dict[str, Any]) -> HttpResponse | None:
        """What a middleware raises, Django turns into its own page: it is answered here."""
        del view, args
        bearer = request.META.get(ASKER)
        if bearer is None or request.resolver_match is None:  # a path that is open to everybody
            return None
        try:
            require(bearer, request.resolver_match.route, request.method or "", path)
        except (BklogError, DatabaseError) as error:
            return present_any(error, path=request.path)
        return None


def require(bearer: Bearer, route: str, method: str, path: Mapping[str, Any]) -> None:
    """Raises Forbidden, and NotFound for what the path names and nobody has."""
    right = right_of(route, method)
    if right is None:
        if route in RIGHTS:
            return  # its view says which methods there are
        raise Forbidden(f"nobody may use {route}", hint="this is a defect of the platform", code="role_missing")
    if right.permission:
        bearer.require(right.permission, "this")
    if bearer.roles is not None:
        _CHECKS[right.where](bearer, right, path)


def _nowhere(bearer: Bearer, right: Right, path: Mapping[str, Any]) -> None:
    del bearer, right, path


def _somewhere(bearer: Bearer, right: Right, path: Mapping[str, Any]) -> None:
    del path
    if not bearer.has_role_somewhere(right.role):
        hint = f"an administrator grants it: `bklog user grant {bearer.name} --role SPACE={right.role}`"
        raise Forbidden(f"this needs the role {right.role} in a space", hint=hint, code="role_missing")


def _everywhere(bearer: Bearer, right: Right, path: Mapping[str, Any]) -> None:
    del path
    bearer.require_role(right.role, EVERY_SPACE)


def _in_index_set(bearer: Bearer, right: Right, path: Mapping[str, Any]) -> None:
    bearer.require_role(right.role, SPACES.of_index_set(path["index_set_id"]))


def _in_collector(bearer: Bearer, right: Right, path: Mapping[str, Any]) -> None:
    bearer.require_role(right.role, space_of(get_collector(path["collector_id"])))


def _in_template(bearer: Bearer, right: Right, path: Mapping[str, Any]) -> None:
    bearer.require_role(right.role, get_template(path["template_id"]).space)


def _in_export(bearer: Bearer, right: Right, path: Mapping[str, Any]) -> None:
    """Its index set may be gone: then it belongs to no space any more."""
    export = get_export(path["export_id"])
    index_set = IndexSet.objects.filter(pk=export.index_set_id).only("name", "space").first()
    role = right.own if right.own and export.owner == bearer.name else right.role
    bearer.require_role(role, space_of(index_set) if index_set else EVERY_SPACE)


def _in_run(bearer: Bearer, right: Right, path: Mapping[str, Any]) -> None:
    """Who has started one sees it through; a collector that is on its way has no space yet."""
    if right.own and get_run(path["run_id"]).origin == f"api:{bearer.name}" and bearer.has_role_somewhere(right.own):
        return
    bearer.require_role(right.role, EVERY_SPACE)


def _of_favourite(bearer: Bearer, right: Right, path: Mapping[str, Any]) -> None:
    _somewhere(bearer, right, path)
    found = get_favourite(path["favourite_id"], bearer.name)
    require_favourite(bearer, found.holder if found.visibility == "space" else None)


_CHECKS: Final[Mapping[Where, Callable[[Bearer, Right, Mapping[str, Any]], None]]] = {
    Where.NOWHERE: _nowhere,
    Where.SOMEWHERE: _somewhere,
    Where.EVERYWHERE: _everywhere,
    Where.INDEX_SET: _in_index_set,
    Where.COLLECTOR: _in_collector,
    Where.TEMPLATE: _in_template,
    Where.EXPORT: _in_export,
    Where.RUN: _in_run,
    Where.FAVOURITE: _of_favourite,
}
