"""Every route says what it needs, and a person gets no further than their roles: over the API, on a database."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver

from bklog.accounts.tokens import replace_api_token
from bklog.accounts.users import create_user
from bklog.api.authorise import require
from bklog.api.requests import METHODS
from bklog.api.rights import ANY, OPEN, RIGHTS, Where, right_of
from bklog.api.spaces import SPACES
from bklog.collect.models import Collector, IndexSet, RuleTemplate
from bklog.errors import Forbidden
from bklog.page import paths
from bklog.pipeline.models import PipelineRun
from bklog.records import EVERY_SPACE, Bearer, Permission, Role
from bklog.saved.models import Favourite
from tests.accounts.test_session import code_of, quick_hashes, signed_in

__all__ = ["quick_hashes"]
ROUTES = [(str(one.pattern), one.callback) for one in get_resolver().url_patterns]
GUARDED_NAMES = ("accounts/users", "accounts/tokens", "accounts/spaces", "accounts/audit", "search/block")
GUARDED = tuple(f"api/v1/{name}" for name in GUARDED_NAMES)
NOBODY = Bearer("nobody", roles=())
OWN = {  # to these everybody gets who has proven who that is: they tell of nobody else
    *paths.ROUTES,
    f"{paths.FILES}<str:name>",
    "healthz/",
    "readiness/",
    "api/v1/health/",
    "ready",
    "api/v1/openapi.json",
    "api/v1/accounts/session/",
    "api/v1/accounts/me/",
    "api/v1/accounts/me/password/",
    "api/v1/search/history/",
    "api/v1/search/history/<int:entry_id>/",
    "api/v1/search/link/",
    "api/v1/search/link/<slug:token>/",
    "api/v1/search/cancel/",
}


@pytest.fixture(autouse=True)
def _fresh() -> None:
    SPACES.forget()


@pytest.fixture
def places(db: None) -> dict[str, Any]:
    """Two spaces with a collector each; what hangs on that of the space `shop`."""
    made: dict[str, Any] = {}
    for space in ("shop", "bank"):
        rule = {"kind": "text"}
        collector = Collector.objects.create(name=f"{space}-logs", space=space, table=space, clean_rule=rule, retention_days=7)
        made[space] = IndexSet.objects.create(name=f"{space}-logs", space=space)
        made[space].collectors.add(collector)
        made[f"{space}_collector"] = collector
        made[f"{space}_template"] = RuleTemplate.objects.create(name="a", space=space, clean_rule=rule)
    return made


def _methods(view: Any) -> tuple[str, ...]:
    return METHODS.get(view, ())


def test_every_route_and_method_says_what_it_needs() -> None:
    """A route without a line in bklog/api/rights.py answers nobody: add it there."""
    assert {route for route, _ in ROUTES} == set(RIGHTS)
    for route, view in ROUTES:
        if methods := set(_methods(view)):
            assert all(right_of(route, method) for method in methods), route
            assert set(RIGHTS[route]) - {ANY} <= methods, f"{route} names a method that its view does not have"


def test_a_route_without_a_line_answers_nobody() -> None:
    for bearer in (NOBODY, Bearer("token", frozenset(Permission))):
        with pytest.raises(Forbidden, match="nobody may use"):
            require(bearer, "api/v9/new/", "GET", {})


def test_who_has_no_role_gets_nowhere(places: dict[str, Any]) -> None:
    """But to what is their own."""
    path = {"index_set_id": places["shop"].pk, "collector_id": places["shop_collector"].pk}
    path["template_id"] = places["shop_template"].pk
    let_in = set()
    for route, view in ROUTES:
        for method in _methods(view):
            right = right_of(route, method)
            assert right is not None
            if right.where in (Where.EXPORT, Where.RUN, Where.FAVOURITE):
                continue  # below
            try:
                require(NOBODY, route, method, path)
            except Forbidden:
                continue
            let_in.add((method, route))
    assert {route for _, route in let_in} == OWN
    assert ("POST", "api/v1/search/link/") not in let_in


def test_tokens_may_do_what_they_could(places: dict[str, Any]) -> None:
    """All routes but those that a permission guards."""
    token = Bearer("token")
    codes, refused = set(), set()
    for route, view in ROUTES:
        for method in _methods(view):
            try:
                require(token, route, method, {})
            except Forbidden as error:
                codes.add(error.stable_code)
                refused.add(route)
    assert codes == {"permission_missing"}
    assert refused == {route for route in RIGHTS if route.startswith(GUARDED)}


@pytest.mark.parametrize(
    ("role", "method", "path", "is_let_in"),
    [
        (Role.VIEWER, "GET", "search/index_set/{shop}/", True),
        (Role.VIEWER, "GET", "search/index_set/{bank}/", False),
        (Role.VIEWER, "PATCH", "search/index_set/{shop}/", False),
        (Role.EDITOR, "PATCH", "search/index_set/{shop}/", True),
        (Role.EDITOR, "PATCH", "search/index_set/{bank}/", False),
        (Role.EDITOR, "PUT", "search/index_set/{shop}/masking/", False),
        (Role.ADMIN, "GET", "search/index_set/{shop}/masking/", True),
        (Role.VIEWER, "GET", "databus/collectors/{shop_collector}/", True),
        (Role.VIEWER, "GET", "databus/collectors/{bank_collector}/", False),
        (Role.VIEWER, "POST", "databus/collectors/{shop_collector}/tokens/", False),
        (Role.EDITOR, "POST", "databus/collectors/{shop_collector}/tokens/", True),
        (Role.VIEWER, "GET", "databus/collectors/{shop_collector}/tokens/", False),
        (Role.EDITOR, "GET", "databus/collectors/{shop_collector}/tokens/", True),
        (Role.VIEWER, "DELETE", "databus/collectors/{shop_collector}/tokens/1/", False),
        (Role.ADMIN, "DELETE", "databus/collectors/{bank_collector}/tokens/1/", False),
        (Role.ADMIN, "POST", "databus/collectors/{bank_collector}/tokens/", False),
        (Role.VIEWER, "POST", "databus/etl_preview/", False),
        (Role.VIEWER, "GET", "databus/collectors/{shop_collector}/rules/", True),
        (Role.ADMIN, "GET", "databus/collectors/{bank_collector}/rules/", False),
        (Role.VIEWER, "GET", "databus/clean_template/{shop_template}/", True),
        (Role.VIEWER, "DELETE", "databus/clean_template/{shop_template}/", False),
        (Role.EDITOR, "DELETE", "databus/clean_template/{shop_template}/", True),
        (Role.ADMIN, "GET", "databus/clean_template/{bank_template}/", False),
        (Role.VIEWER, "POST", "databus/clean_template/", False),
        (Role.ADMIN, "GET", "fleet/settings/", False),
        (Role.ADMIN, "GET", "accounts/users/", False),
        (Role.ADMIN, "GET", "accounts/audit/", False),
        (Role.ADMIN, "GET", "storage/", False),
        (Role.ADMIN, "GET", "pipelines/", False),
        (Role.VIEWER, "GET", "health/history/", True),
    ],
)
def test_a_role_reaches_as_far_as_its_space(
    places: dict[str, Any], role: Role, method: str, path: str, is_let_in: bool
) -> None:
    create_user("li", "four words of 密码", roles={"shop": role})
    client, headers = signed_in()
    ids = {name: one.pk for name, one in places.items()}
    answer = client.generic(method, f"/api/v1/{path.format(**ids)}", "{}", "application/json", headers=headers)
    if is_let_in:
        assert answer.status_code < 300, answer.content
    else:
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] in ("role_missing", "permission_missing")


def test_lists_show_what_is_in_ones_spaces(places: dict[str, Any]) -> None:
    create_user("li", "four words of 密码", roles={"shop": Role.VIEWER})
    client, _ = signed_in()
    IndexSet.objects.create(name="bklog-platform")
    token = {"Authorization": f"Bearer {replace_api_token('all')}"}
    for path in ("search/index_set/", "databus/collectors/"):
        assert [one["name"] for one in client.get(f"/api/v1/{path}").json()["items"]] == ["shop-logs"]
        assert len(Client().get(f"/api/v1/{path}", headers=token).json()["items"]) >= 2
    assert list(client.get("/es/_alias").json()) == ["shop-logs"]
    gone = client.get("/api/v1/search/index_set/999999/")
    assert code_of(gone) == (404, "no_index_set")
    assert "bank" not in gone.content.decode(), "nor does a refusal tell what else there is"


def test_an_index_set_shows_no_rows_of_another_space(places: dict[str, Any]) -> None:
    create_user("li", "four words of 密码", roles={"shop": Role.EDITOR, "bank": Role.VIEWER})
    client, headers = signed_in()
    over = {"name": "mine", "space": "shop", "collectors": ["shop-logs", "bank-logs"]}
    assert code_of(client.post("/api/v1/search/index_set/", over, "application/json", headers=headers)) == (403, "role_missing")
    elsewhere = {**over, "space": "bank", "collectors": ["shop-logs"]}
    assert code_of(client.post("/api/v1/search/index_set/", elsewhere, "application/json", headers=headers)) == (
        403,
        "role_missing",
    )
    mine = client.post("/api/v1/search/index_set/", {**over, "collectors": ["shop-logs"]}, "application/json", headers=headers)
    assert mine.status_code == 201, mine.content
    added = client.patch(
        f"/api/v1/search/index_set/{mine.json()['id']}/", {"collectors": ["bank-logs"]}, "application/json", headers=headers
    )
    assert code_of(added) == (403, "role_missing")


def test_files_of_the_machine_take_a_role_in_every_space(places: dict[str, Any]) -> None:
    create_user("li", "four words of 密码", roles={"shop": Role.ADMIN})
    client, headers = signed_in()
    asked = {"name": "syslog", "space": "shop", "agent": {"paths": ["/var/log/syslog"]}}
    refused = client.post("/api/v1/databus/collectors/onboard/", asked, "application/json", headers=headers)
    assert code_of(refused) == (403, "role_missing")


def test_what_one_has_made_oneself_is_ones_own(places: dict[str, Any]) -> None:
    mine, theirs = Bearer("li", roles=(("shop", Role.VIEWER),)), Bearer("wang", roles=(("shop", Role.VIEWER),))
    run = PipelineRun.objects.create(pipeline="p", subject="s", state="waiting", origin="api:li")
    editor = Bearer("li", roles=(("shop", Role.EDITOR),))
    require(editor, "api/v1/pipelines/<int:run_id>/", "GET", {"run_id": run.pk})
    for other in (mine, Bearer("wang", roles=(("shop", Role.ADMIN),))):
        with pytest.raises(Forbidden):
            require(other, "api/v1/pipelines/<int:run_id>/", "GET", {"run_id": run.pk})
    favourite = Favourite.objects.create(
        owner="wang", visibility="space", holder="bank", name="x", index_set_id=1, index_set="x", asked={}
    )
    with pytest.raises(Forbidden):
        require(mine, "api/v1/search/favourite/<int:favourite_id>/", "GET", {"favourite_id": favourite.pk})
    require(theirs, "api/v1/search/history/", "GET", {})


def test_a_role_in_every_space_is_one_in_each() -> None:
    everywhere = Bearer("li", roles=((EVERY_SPACE, Role.EDITOR),))
    assert everywhere.has_role(Role.VIEWER, "any")
    assert everywhere.has_role(Role.EDITOR, EVERY_SPACE)
    assert not everywhere.has_role(Role.ADMIN, "any")
    assert not Bearer("li", roles=(("any", Role.ADMIN),)).has_role(Role.VIEWER, EVERY_SPACE)
    assert OPEN.where is Where.NOWHERE
