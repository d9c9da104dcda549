"""Who did what when is written down with what they did; users, tokens and spaces over the API; the commands."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from django.test import Client

from bklog.accounts import audit
from bklog.accounts.audit import Actor, record, recorded
from bklog.accounts.models import ApiToken, AuditEntry, SignInCount, User
from bklog.accounts.sign_in_counts import count
from bklog.accounts.tokens import replace_api_token
from bklog.accounts.users import create_user, find_user
from bklog.cli.main import bklog
from bklog.collect.models import Collector, IndexSet
from bklog.errors import Conflict
from bklog.records import EVERY_SPACE, Permission, Role
from bklog.tasks.accounts import expire
from tests.accounts.test_session import PASSWORD, code_of, quick_hashes, signed_in

__all__ = ["quick_hashes"]
pytestmark = pytest.mark.django_db
ACCOUNTS = "/api/v1/accounts/"
SOMEBODY = Actor("li", AuditEntry.Way.TOKEN, "10.0.0.1")


class Boss:
    """Somebody with a session who may do everything but what is taken away."""

    def __init__(self, *without: Permission, roles: dict[str, Role] | None = None) -> None:
        permissions = set(Permission) - set(without)
        create_user("boss", PASSWORD, roles=roles or {EVERY_SPACE: Role.ADMIN}, permissions=permissions)
        self._client, self._headers = signed_in("boss")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        text = b"" if body is None else json.dumps(body).encode()
        return self._client.generic(method, f"/api/v1/{path}", text, "application/json", headers=self._headers)


def entries(action: str = "") -> list[tuple[str, str, str]]:
    found = AuditEntry.objects.filter(action__startswith=action).order_by("pk")
    return list(found.values_list("who", "action", "subject"))


def test_an_entry_goes_with_what_it_tells_of() -> None:
    with pytest.raises(Conflict), recorded(SOMEBODY, "user.create", "wang"):
        [create_user("wang", PASSWORD) for _ in range(2)]
    assert (find_user("wang"), entries()) == (None, [])
    with recorded(SOMEBODY, "user.create", "wang"):
        create_user("wang", PASSWORD)
    assert entries() == [("li", "user.create", "wang")]


def test_an_entry_keeps_what_every_database_can() -> None:
    record(SOMEBODY, "x", "s", {"query": "a\x00b \udcff 日志", "long": "x"})
    record(SOMEBODY, "x", "s", {"query": "y" * 100_000, "n": 1})
    long, odd = AuditEntry.objects.all()
    assert odd.details["query"] == "a\ufffdb ? 日志"
    assert long.details == {"cut": {"query": "y" * 200, "n": "1"}}


def test_what_is_changed_over_the_api_is_in_the_audit() -> None:
    boss = Boss()
    shop = Collector.objects.create(name="shop", table="shop", clean_rule={"kind": "text"}, retention_days=7)
    made = boss.ask("POST", "search/index_set/", {"name": "mine", "collectors": ["shop"]})
    assert made.status_code == 201, made.content
    path = f"search/index_set/{made.json()['id']}/"
    assert boss.ask("PATCH", path, {"description": "日志"}).status_code == 200
    IndexSet.objects.create(name="other").collectors.add(shop)
    assert boss.ask("DELETE", path).status_code == 204
    assert boss.ask("POST", f"databus/collectors/{shop.pk}/tokens/").status_code == 201
    block = boss.ask("POST", "search/block/", {"pattern": "*x*", "reason": "slow"}).json()
    assert boss.ask("DELETE", f"search/block/{block['id']}/").status_code == 204
    assert entries()[1:] == [
        ("boss", "index_set.create", "mine"),
        ("boss", "index_set.change", "mine"),
        ("boss", "index_set.delete", "mine"),
        ("boss", "collector.token", "shop"),
        ("boss", "block.create", f"block:{block['id']}"),
        ("boss", "block.delete", f"block:{block['id']}"),
    ]
    listed = boss.ask("GET", "accounts/audit/?action=index_set.&limit=2").json()
    assert [one["action"] for one in listed["items"]] == ["index_set.delete", "index_set.change"]
    assert listed["items"][1]["details"] == {"changed": {"description": "日志"}}
    assert {one["way"] for one in listed["items"]} == {"session"}
    rest = boss.ask("GET", f"accounts/audit/?action=index_set.&limit=2&before={listed['next']}").json()
    assert ([one["action"] for one in rest["items"]], rest["next"]) == (["index_set.create"], None)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("who=li", 1),
        ("who=wang", 0),
        ("since=1h", 1),
        ("since=now", 0),
        ("until=1h", 0),
        ("subject=s&way=token", 1),
        ("way=x", 0),
    ],
)
def test_the_audit_is_filtered(asked: str, found: int) -> None:
    record(SOMEBODY, "x", "s")
    token = replace_api_token("me", [Permission.ACCOUNTS])
    answer = Client().get(f"{ACCOUNTS}audit/?{asked}", headers={"Authorization": f"Bearer {token}"})
    assert len(answer.json()["items"]) == found, answer.content


def test_what_is_old_goes_by_itself(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_EXPIRED_AT_ONCE", 2)
    settings.BKLOG_AUDIT_DAYS = 10
    now = datetime.now(UTC)
    for _ in range(7):
        record(SOMEBODY, "old")
    AuditEntry.objects.update(at=now - timedelta(days=11))
    record(SOMEBODY, "new")
    count("li", "10.0.0.1", now=now - timedelta(hours=1))
    expire()
    assert entries() == [("li", "new", "")]
    assert not SignInCount.objects.exists()


def test_users_are_made_changed_and_deleted() -> None:
    boss = Boss()
    asked = {"name": "Wang", "password": PASSWORD, "roles": {"shop": "editor"}, "permissions": ["large_export"]}
    made = boss.ask("POST", "accounts/users/", asked)
    assert made.status_code == 201, made.content
    assert boss.ask("POST", "accounts/users/", asked).json()["error"]["code"] == "user_exists"
    client, _ = signed_in("wang")
    changed = boss.ask("PATCH", "accounts/users/wang/", {"roles": {"bank": "viewer"}})
    assert changed.json()["permissions"] == ["large_export"], "what is not named stays"
    assert client.get(f"{ACCOUNTS}me/").json()["user"]["roles"] == {"bank": "viewer"}, "in force at once"
    spaces = boss.ask("GET", "accounts/spaces/").json()
    assert spaces["items"] == [
        {"space": "bank", "collectors": 0, "index_sets": 0, "users": [{"name": "wang", "role": "viewer"}]}
    ]
    assert boss.ask("POST", "accounts/users/wang/password/", {"password": "other words of hers"}).status_code == 204
    assert code_of(client.get(f"{ACCOUNTS}me/")) == (401, "session_ended")
    assert boss.ask("PATCH", "accounts/users/wang/", {"is_disabled": True}).json()["is_disabled"] is True
    assert boss.ask("DELETE", "accounts/users/wang/").status_code == 204
    assert code_of(boss.ask("GET", "accounts/users/wang/")) == (404, "no_user")
    whole = [action for _, action, subject in entries("user.") if subject in ("wang", "Wang")]
    assert whole == ["user.create", "user.change", "user.password", "user.change", "user.delete"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"name": "wang"}, "password"),
        ({"password": PASSWORD}, "user"),
        ({"name": "a b", "password": PASSWORD}, "user"),
        ({"name": 7, "password": PASSWORD}, "user"),
        ({"name": "wang", "password": PASSWORD, "roles": {"shop": "king"}}, "roles"),
        ({"name": "wang", "password": PASSWORD, "roles": {"Shop!": "viewer"}}, "roles"),
        ({"name": "wang", "password": PASSWORD, "roles": ["viewer"]}, "roles"),
        ({"name": "wang", "password": PASSWORD, "permissions": ["everything"]}, "permissions"),
        ({"name": "wang", "password": PASSWORD, "email": "x"}, "user"),
    ],
)
def test_a_user_that_cannot_be_is_refused(asked: dict[str, Any], code: str) -> None:
    assert code_of(Boss().ask("POST", "accounts/users/", asked)) == (400, code)
    assert entries("user.") == []


def test_the_last_administrator_stays() -> None:
    boss = Boss()
    for method, body in (("DELETE", None), ("PATCH", {"roles": {}}), ("PATCH", {"is_disabled": True})):
        assert code_of(boss.ask(method, "accounts/users/boss/", body)) == (409, "last_admin")
    create_user("second", PASSWORD, roles={EVERY_SPACE: Role.ADMIN})
    assert boss.ask("PATCH", "accounts/users/boss/", {"roles": {}}).status_code == 200


def test_nobody_gives_what_they_do_not_have() -> None:
    boss = Boss(Permission.RAW_VALUES)
    asked = {"name": "wang", "password": PASSWORD, "permissions": ["raw_values"]}
    assert code_of(boss.ask("POST", "accounts/users/", asked)) == (403, "permission_missing")
    assert code_of(boss.ask("PATCH", "accounts/users/boss/", {"permissions": ["raw_values"]})) == (403, "permission_missing")
    assert code_of(boss.ask("POST", "accounts/tokens/", {"name": "t", "permissions": ["raw_values"]})) == (
        403,
        "permission_missing",
    )


def test_nobody_changes_who_may_do_more() -> None:
    """Else who manages accounts would set the password of who may do everything, and be them."""
    create_user("root", PASSWORD, roles={EVERY_SPACE: Role.ADMIN}, permissions=Permission)
    clerk = Boss(Permission.RAW_VALUES, roles={"shop": Role.ADMIN})
    for method, path, body in (
        ("POST", "users/root/password/", {"password": "words that I know"}),
        ("PATCH", "users/root/", {"is_disabled": True}),
        ("DELETE", "users/root/", None),
        ("PATCH", "users/boss/", {"roles": {"*": "admin"}}),
        ("POST", "tokens/", {"name": "mine"}),
    ):
        assert code_of(clerk.ask(method, f"accounts/{path}", body)) == (403, "role_missing")
    assert (
        clerk.ask("POST", "accounts/users/", {"name": "w", "password": PASSWORD, "roles": {"shop": "editor"}}).status_code
        == 201
    )


def test_tokens_show_their_secret_once() -> None:
    boss = Boss()
    made = boss.ask("POST", "accounts/tokens/", {"name": "grafana"}).json()
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert Client().get(f"{ACCOUNTS}me/", headers=headers).json()["user"]["name"] == "grafana"
    assert made["token"] not in json.dumps(boss.ask("GET", "accounts/tokens/").json())
    assert code_of(boss.ask("POST", "accounts/tokens/", {"name": "grafana"})) == (409, "token_exists")
    for wrong in ({"name": " "}, {"name": 1}, {}):
        assert code_of(boss.ask("POST", "accounts/tokens/", wrong)) == (400, "token_name")
    assert boss.ask("DELETE", f"accounts/tokens/{made['id']}/").status_code == 204
    assert code_of(Client().get(f"{ACCOUNTS}me/", headers=headers)) == (401, "token_wrong")
    assert code_of(boss.ask("DELETE", f"accounts/tokens/{made['id']}/")) == (404, "no_token")
    assert [action for _, action, _ in entries("token.")] == ["token.create", "token.revoke"]


def test_settings_in_force_hide_their_secrets(settings: Any) -> None:
    shown = Boss().ask("GET", "fleet/settings/").json()["settings"]
    assert shown["BKLOG_SESSION_HOURS"] == {"value": 12, "origin": "default"}
    assert settings.SECRET_KEY not in json.dumps(shown)


def test_the_commands_manage_users() -> None:
    def run(*words: str, given: str = "") -> str:
        done = CliRunner().invoke(bklog, ["user", *words], input=given, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output.strip()

    made = run("create", "wang", "--role", "shop=editor", "--permission", "large_export")
    signed_in("wang", made)
    assert run("password", "wang", "--password-stdin", given=f"{PASSWORD}\n") == ""
    client, _ = signed_in("wang")
    run("grant", "wang", "--role", "viewer", "--no-role", "shop")
    run("grant", "wang", "--permission", "raw_values", "--no-permission", "large_export")
    assert User.objects.get().roles == {EVERY_SPACE: "viewer"}
    assert "wang  *=viewer  raw_values  last signed in" in run("list")
    run("disable", "wang")
    assert code_of(client.get(f"{ACCOUNTS}me/")) == (401, "session_ended")
    assert run("list").endswith("disabled")
    run("enable", "wang")
    signed_in("wang")
    run("delete", "wang")
    assert not User.objects.exists()
    done = [action for _, action, _ in entries("user.")]
    assert done == [f"user.{one}" for one in ("create", "password", "change", "change", "disable", "enable", "delete")]
    assert set(AuditEntry.objects.filter(action__startswith="user.").values_list("way", flat=True)) == {"command"}


def test_the_command_that_makes_a_token_is_in_the_audit() -> None:
    assert CliRunner().invoke(bklog, ["token", "me"]).exit_code == 0
    assert [(action, subject) for _, action, subject in entries("token.")] == [("token.create", "me")]
    assert ApiToken.objects.get().name == "me"
