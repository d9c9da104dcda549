"""/api/v1/accounts/users/, tokens/, spaces/: who may do what where. All of it needs the permission accounts.

Nobody gives more than they have, or changes who has more: bklog/accounts/granting.py.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.accounts import tokens, users
from bklog.accounts.audit import recorded
from bklog.accounts.granting import require_may_change, require_may_grant, require_may_make_tokens
from bklog.accounts.models import User
from bklog.api.requests import actor, asker, by_method, kept_object
from bklog.collect.models import Collector, IndexSet
from bklog.errors import BadRequest
from bklog.records import EVERY_SPACE, Role

OF_USER: Final = ("roles", "permissions", "is_disabled")


def list_users(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"items": [users.present_user(one) for one in User.objects.all()]})


def make_user(request: HttpRequest) -> HttpResponse:
    raw = kept_object(request)
    _require_keys(raw, "name", "password", "roles", "permissions")
    given = {"roles": {}, "permissions": [], **_said(raw)}
    roles, permissions = users.read_roles(given["roles"]), users.read_permissions(given["permissions"])
    require_may_grant(asker(request), roles, permissions)
    name = given.get("name", "")
    if not isinstance(name, str):
        raise BadRequest("name is no text", hint="the name that they sign in with", code="user")
    with recorded(actor(request), "user.create", name, roles=roles, permissions=permissions):
        made = users.create_user(name, given.get("password"), roles=roles, permissions=permissions)
    return JsonResponse(users.present_user(made), status=201)


def show_user(request: HttpRequest, name: str) -> HttpResponse:
    return JsonResponse(users.present_user(users.get_user(name)))


def change_user(request: HttpRequest, name: str) -> HttpResponse:
    """What is not named stays."""
    user, raw = _changeable(request, name), kept_object(request)
    _require_keys(raw, *OF_USER)
    given = _said(raw)
    roles, permissions = users.read_roles(given.get("roles", user.roles)), given.get("permissions", user.permissions)
    granted = users.read_permissions(permissions)
    require_may_grant(asker(request), roles, granted)
    is_disabled = given.get("is_disabled", user.is_disabled)
    if type(is_disabled) is not bool:
        raise BadRequest("is_disabled is no truth value", hint="true or false", code="user")
    with recorded(actor(request), "user.change", user.name, changed=given):
        if user.is_disabled != is_disabled:
            users.set_disabled(user, is_disabled=is_disabled)
        users.set_rights(user, roles, granted)
    return JsonResponse(users.present_user(user))


def delete_user(request: HttpRequest, name: str) -> HttpResponse:
    user = _changeable(request, name)
    with recorded(actor(request), "user.delete", user.name):
        users.delete_user(user)
    return HttpResponse(status=204)


def set_password(request: HttpRequest, name: str) -> HttpResponse:
    """Of somebody who lost it. They are signed out everywhere."""
    user, raw = _changeable(request, name), kept_object(request)
    _require_keys(raw, "password")
    with recorded(actor(request), "user.password", user.name):
        users.set_password(user, raw.get("password"))
    return HttpResponse(status=204)


def list_tokens(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"items": [tokens.present_token(one) for one in tokens.list_tokens()]})


def make_token(request: HttpRequest) -> HttpResponse:
    """`token` in the answer is the secret, which is shown this once."""
    raw = kept_object(request)
    _require_keys(raw, "name", "permissions")
    permissions = users.read_permissions(_said(raw).get("permissions", []))
    require_may_make_tokens(asker(request), permissions)
    with recorded(actor(request), "token.create", str(raw.get("name")), permissions=permissions):
        made, secret = tokens.create_token(raw.get("name"), permissions)
    return JsonResponse({**tokens.present_token(made), "token": secret}, status=201)


def revoke_token(request: HttpRequest, token_id: int) -> HttpResponse:
    found = tokens.get_token(token_id)
    require_may_make_tokens(asker(request), ())
    with recorded(actor(request), "token.revoke", found.name):
        found.delete()
    return HttpResponse(status=204)


def list_spaces(request: HttpRequest) -> HttpResponse:
    """Those that a collector, an index set or a role names, and who has which role there."""
    del request
    collectors, sets = (Counter(kind.objects.values_list("space", flat=True)) for kind in (Collector, IndexSet))
    people = [(user.name, user.roles) for user in User.objects.filter(is_disabled=False)]
    named = {space for _, roles in people for space in roles} - {EVERY_SPACE}
    items = [
        {"space": space, "collectors": collectors[space], "index_sets": sets[space], "users": _members(people, space)}
        for space in sorted(named | set(collectors) | set(sets))
    ]
    return JsonResponse({"items": items, "everywhere": _members(people, EVERY_SPACE), "roles": list(Role)})


def _members(people: list[tuple[str, dict[str, str]]], space: str) -> list[dict[str, str]]:
    return [{"name": name, "role": roles[space]} for name, roles in people if space in roles]


def _changeable(request: HttpRequest, name: str) -> User:
    user = users.get_user(name)
    require_may_change(asker(request), user)
    return user


def _said(raw: dict[str, Any]) -> dict[str, Any]:
    """A key with null is as one that is not there."""
    return {key: value for key, value in raw.items() if value is not None}


def _require_keys(raw: dict[str, Any], *known: str) -> None:
    if unknown := sorted(set(raw) - set(known)):
        raise BadRequest(f"unknown key {unknown[0]!r:.100}", hint=f"known: {', '.join(known)}", code="user")


user_list = by_method(GET=list_users, POST=make_user)
user = by_method(GET=show_user, PATCH=change_user, DELETE=delete_user)
password = by_method(POST=set_password)
token_list = by_method(GET=list_tokens, POST=make_token)
token = by_method(DELETE=revoke_token)
spaces = by_method(GET=list_spaces)
