"""People sign in: what a session opens, what keeps others from using it, and when it ends."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from bklog.accounts import sign_in_counts
from bklog.accounts.models import AuditEntry, Session, SignInCount, User
from bklog.accounts.users import create_user, set_disabled
from bklog.api.bootstrap import _ensure_administrator
from bklog.api.spaces import SPACES
from bklog.api.tail import PlatformAsking, _admit
from bklog.collect.models import IndexSet
from bklog.errors import Unauthorised
from bklog.records import EVERY_SPACE, Permission, Role
from bklog.search.tail.request import parse_tail

pytestmark = pytest.mark.django_db
PASSWORD = "four words of 密码"
SESSION = "/api/v1/accounts/session/"
ME = "/api/v1/accounts/me/"


@pytest.fixture(autouse=True)
def quick_hashes(settings: Any) -> None:
    """The order of scrypt costs a quarter of a second each; what is tested here does not depend on it."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def li() -> User:
    return create_user("li", PASSWORD, roles={"default": Role.EDITOR}, permissions=[Permission.LARGE_EXPORT])


def sign_in(client: Client, name: str = "li", password: str = PASSWORD, **more: Any) -> Any:
    return client.post(SESSION, {"name": name, "password": password}, "application/json", **more)


def signed_in(name: str = "li", password: str = PASSWORD) -> tuple[Client, dict[str, str]]:
    """A browser, and the header that its page sends along."""
    client = Client()
    answer = sign_in(client, name, password)
    assert answer.status_code == 200, answer.content
    return client, {"X-CSRFToken": answer.json()["csrf_token"]}


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_who_signs_in_is_told_who_that_is(li: User) -> None:
    client = Client()
    answer = sign_in(client, " Li ")
    assert answer.json()["user"] == {
        "name": "li",
        "roles": {"default": "editor"},
        "permissions": ["large_export"],
        "preferences": {"language": None, "theme": None, "zone": None},
    }
    cookie = answer.cookies["bklog_session"]
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"], cookie["max-age"]) == (True, "Lax", "", 12 * 3600)
    again = client.get(SESSION).json()
    assert again == answer.json()
    assert client.get(ME).json() == {"user": again["user"]}
    assert cookie.value not in str(list(Session.objects.values())), "only its hash is kept"


def test_over_https_the_cookie_is_for_https_alone(li: User, settings: Any) -> None:
    settings.BKLOG_HTTPS = settings.SESSION_COOKIE_SECURE = True
    cookie = sign_in(Client()).cookies["__Host-bklog_session"]
    assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")


REFUSED = [("li", "wrong"), ("nobody", PASSWORD), ("off", PASSWORD), ("\ud7ff", "x" * 9_000)]


@pytest.mark.parametrize(("name", "password"), REFUSED)
def test_each_refusal_of_a_sign_in_says_the_same(li: User, name: str, password: str) -> None:
    set_disabled(create_user("off", PASSWORD), is_disabled=True)
    refused = sign_in(Client(), name, password)
    assert refused.status_code == 401
    assert refused.json()["error"]["code"] == "sign_in_wrong"
    assert refused.json()["error"]["message"] == "the name or the password is wrong"
    assert not refused.cookies


def test_a_name_that_nobody_has_costs_the_same_work(li: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: one hash is made either way."""
    from django.contrib.auth.hashers import MD5PasswordHasher

    made: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: Any, password: str, salt: str) -> str:
        made.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    for name in ("li", "nobody"):
        made.clear()
        sign_in(Client(), name, "wrong password")
        assert made == ["wrong password"]


def test_what_changes_something_needs_the_header_of_the_page(li: User) -> None:
    client, headers = signed_in()
    body = {"preferences": {"theme": "dark", "zone": "Asia/Shanghai"}}
    for wrong in ({}, {"X-CSRFToken": "0" * 64}, {"X-CSRFToken": "ä"}):
        assert code_of(client.patch(ME, body, "application/json", headers=wrong)) == (403, "csrf")
    other, _ = signed_in()
    assert code_of(other.patch(ME, body, "application/json", headers=headers)) == (403, "csrf"), "that of another session"
    changed = client.patch(ME, body, "application/json", headers=headers)
    assert changed.json()["user"]["preferences"] == {"language": None, "theme": "dark", "zone": "Asia/Shanghai"}


WRONG = [{"theme": "pink"}, {"zone": "Mars/Base"}, {"zone": "../etc/passwd"}, {"language": 1}, {"size": "large"}, [], None]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_preference_that_nobody_understands_is_refused(li: User, wrong: Any) -> None:
    client, headers = signed_in()
    refused = client.patch(ME, {"preferences": wrong}, "application/json", headers=headers)
    assert code_of(refused) == (400, "preferences")


def test_preferences_are_kept_and_null_forgets_one(li: User) -> None:
    client, headers = signed_in()
    for one in ({"language": "zh", "theme": "light"}, {"theme": None}):
        client.patch(ME, {"preferences": one}, "application/json", headers=headers)
    assert signed_in()[0].get(ME).json()["user"]["preferences"] == {"language": "zh", "theme": None, "zone": None}


def test_a_form_of_another_site_signs_nobody_in(li: User) -> None:
    form = Client().post(SESSION, '{"name": "li", "password": "four words of 密码"}', "text/plain")
    assert code_of(form) == (403, "csrf")
    assert code_of(sign_in(Client(), headers={"Sec-Fetch-Site": "cross-site"})) == (403, "csrf")


def test_who_signs_out_is_out(li: User) -> None:
    client, headers = signed_in()
    other, _ = signed_in()
    secret = client.cookies["bklog_session"].value
    assert client.delete(SESSION, headers=headers).status_code == 204
    again = Client()
    again.cookies["bklog_session"] = secret
    assert code_of(again.get(ME)) == (401, "session_ended")
    assert other.get(ME).status_code == 200


def test_a_session_ends_by_itself(li: User) -> None:
    client, _ = signed_in()
    Session.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert code_of(client.get(ME)) == (401, "session_ended")


def test_who_is_disabled_is_out(li: User) -> None:
    client, _ = signed_in()
    User.objects.update(is_disabled=True)
    assert code_of(client.get(ME)) == (401, "session_ended")


def test_a_new_password_ends_every_session_but_its_own_new_one(li: User) -> None:
    client, headers = signed_in()
    other, _ = signed_in()
    new = "another four words"
    wrong = client.post(f"{ME}password/", {"password": "x", "new_password": new}, "application/json", headers=headers)
    assert code_of(wrong) == (403, "password_wrong")
    for weak in ("short", "li", "1234567890", "a" * 300):
        refused = client.post(
            f"{ME}password/", {"password": PASSWORD, "new_password": weak}, "application/json", headers=headers
        )
        assert code_of(refused) == (400, "password")
    before = client.cookies["bklog_session"].value
    changed = client.post(f"{ME}password/", {"password": PASSWORD, "new_password": new}, "application/json", headers=headers)
    assert changed.status_code == 200, changed.content
    assert client.cookies["bklog_session"].value != before
    assert client.get(SESSION).json()["csrf_token"] == changed.json()["csrf_token"]
    assert code_of(other.get(ME)) == (401, "session_ended")
    assert sign_in(Client()).status_code == 401
    assert sign_in(Client(), password=new).status_code == 200


def test_too_many_failures_are_refused_unseen(li: User) -> None:
    answers = [sign_in(Client(), password="wrong").status_code for _ in range(sign_in_counts.MOST_TOGETHER)]
    assert set(answers) == {401}
    refused = sign_in(Client())
    assert code_of(refused) == (429, "sign_ins")
    assert 1 <= int(refused["Retry-After"]) <= sign_in_counts.WINDOW.total_seconds()
    assert sign_in(Client(), REMOTE_ADDR="10.0.0.9").status_code == 200, "its owner comes from elsewhere"
    SignInCount.objects.update(until=timezone.now())
    assert sign_in(Client()).status_code == 200


def test_an_address_is_refused_that_tries_many_names(li: User) -> None:
    now = timezone.now()
    for number in range(sign_in_counts.MOST_OF_ADDRESS):
        sign_in_counts.count(f"name{number}", "127.0.0.1", now=now)
    assert code_of(sign_in(Client())) == (429, "sign_ins")


def test_a_right_password_counts_no_failure(li: User) -> None:
    for _ in range(sign_in_counts.MOST_TOGETHER + 2):
        assert sign_in(Client()).status_code == 200
    assert set(SignInCount.objects.values_list("count", flat=True)) <= {0}


def test_counts_of_failures_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in_counts, "MOST_KEYS", 20)
    for number in range(40):
        sign_in_counts.count(f"name{number}", f"10.0.0.{number}", now=timezone.now())
    assert SignInCount.objects.count() <= 20 + 2


def test_only_proxies_of_ones_own_are_believed(li: User, settings: Any) -> None:
    def seen() -> str:
        sign_in(Client(), headers={"X-Forwarded-For": "1.1.1.1, 2.2.2.2"})
        return AuditEntry.objects.first().address  # type: ignore[union-attr]

    assert seen() == "127.0.0.1"
    settings.BKLOG_TRUSTED_PROXIES = 1
    assert seen() == "2.2.2.2"


def test_sign_ins_and_failures_are_in_the_audit(li: User) -> None:
    sign_in(Client(), password="wrong")
    sign_in(Client(), name="my secret password")
    client, headers = signed_in()
    client.delete(SESSION, headers=headers)
    found = list(AuditEntry.objects.order_by("pk").values_list("who", "way", "action", "details"))
    assert found == [
        ("li", "nobody", "sign_in.failed", {"name_exists": True}),
        ("", "nobody", "sign_in.failed", {"name_exists": False}),
        ("li", "session", "sign_in", {}),
        ("li", "session", "sign_out", {}),
    ]


def test_with_passwords_switched_off_there_is_no_sign_in(li: User, settings: Any) -> None:
    client, _ = signed_in()
    settings.BKLOG_AUTH_METHODS = ("token",)
    assert code_of(sign_in(Client())) == (403, "sign_in_off")
    assert code_of(client.get(ME)) == (401, "session_ended")


def test_a_session_is_no_token(li: User) -> None:
    client, _ = signed_in()
    secret = client.cookies["bklog_session"].value
    assert code_of(Client().get(ME, headers={"Authorization": f"Bearer {secret}"})) == (401, "token_missing")


def test_the_first_administrator_is_made_once(tmp_path: Path, settings: Any) -> None:
    file = tmp_path / "secrets" / "admin-password"
    settings.BKLOG_AUTH_METHODS = ("token",)
    assert _ensure_administrator(file) == []
    settings.BKLOG_AUTH_METHODS = ("token", "password")
    (told,) = _ensure_administrator(file)
    password = file.read_text().strip()
    assert password in told
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    client, _ = signed_in("admin", password)
    assert client.get(ME).json()["user"]["permissions"] == sorted(Permission)
    assert _ensure_administrator(file) == []
    assert file.read_text().strip() == password


def test_a_tail_is_followed_by_who_signed_in(li: User) -> None:
    """Until the session ends, or the role: what is asked of viewers again and again."""
    SPACES.forget()
    index_set = IndexSet.objects.create(name="shop", space="default")
    client, _ = signed_in()
    secret = client.cookies["bklog_session"].value
    request = parse_tail(index_set.pk, {"query": "*"})
    assert _admit(secret, request, "10.0.0.1").name == "li"
    asking = PlatformAsking(request)
    assert asking.require_readers(frozenset({secret})) == {}
    for change, code in (({"roles": {"other": "admin"}}, "role_missing"), ({"is_disabled": True}, "session_ended")):
        User.objects.update(**change)
        assert asking.require_readers(frozenset({secret}))[secret].stable_code == code
    with pytest.raises(Unauthorised):
        _admit(secret, request, "10.0.0.1")


def test_an_administrator_of_every_space_has_what_comes_with_it() -> None:
    create_user("root", PASSWORD, roles={EVERY_SPACE: Role.ADMIN})
    client, _ = signed_in("root")
    assert client.get(ME).json()["user"]["permissions"] == ["accounts", "block_searches"]
