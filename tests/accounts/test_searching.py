"""People search as tokens do: under their name, in their spaces, at no further cost; what they take along is written down."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bklog.accounts.models import AuditEntry
from bklog.accounts.users import create_user
from bklog.api.spaces import SPACES
from bklog.collect.models import IndexSet
from bklog.records import Permission, Role
from tests.accounts.test_session import PASSWORD, code_of, signed_in
from tests.openapi.conftest import Platform, platform, store
from tests.store.conftest import store_server

__all__ = ["platform", "store", "store_server"]
DAY = {"start": "2026-11-20T00:00:00Z", "end": "2026-11-21T00:00:00Z"}


class Person:
    """Signed in, with a role in the space of the platform's index set."""

    def __init__(self, platform: Platform, *permissions: Permission, role: Role = Role.VIEWER, space: str = "default") -> None:
        SPACES.forget()
        create_user("wang", PASSWORD, roles={space: role}, permissions=permissions)
        self.client, self.headers = signed_in("wang")
        self.path = f"/api/v1/search/index_set/{platform.ids['index_set_id']}/"

    def post(self, what: str, **asked: Any) -> Any:
        return self.client.post(f"{self.path}{what}/", {**DAY, **asked}, "application/json", headers=self.headers)


def masked(platform: Platform) -> None:
    rules = [{"field": "user", "operator": "replace", "text": "某人"}]
    IndexSet.objects.filter(pk=platform.ids["index_set_id"]).update(masking_rules=rules)


def text_of(answer: Any) -> str:
    return json.dumps(answer.json(), ensure_ascii=False)


def entries() -> list[tuple[str, str, str, str]]:
    found = AuditEntry.objects.exclude(action__startswith="sign_in").order_by("pk")
    return list(found.values_list("who", "way", "action", "subject"))


def test_a_search_is_kept_under_the_name_of_who_asked(platform: Platform) -> None:
    person = Person(platform)
    found = person.post("search", query="timeout")
    assert len(found.json()["rows"]) == 12, found.content
    kept = person.client.get("/api/v1/search/history/").json()["items"]
    assert [one["search"]["query"] for one in kept] == ["timeout"]
    assert entries() == [], "a search of masked values is nobody's business"


def test_a_search_of_another_space_is_refused(platform: Platform) -> None:
    person = Person(platform, space="elsewhere")
    for what in ("search", "fields", "table", "inspect", "download", "export"):
        assert code_of(person.post(what, query="*")) == (403, "role_missing"), what
    number = platform.ids["index_set_id"]
    theirs = f"/api/bk-log-search/prod/search/index_set/{number}/search/"
    assert code_of(person.client.post(theirs, {}, "application/json", headers=person.headers))[0] == 403
    assert code_of(person.client.post("/es/shop/_search", {}, "application/json", headers=person.headers))[0] == 404
    labels = person.client.get("/loki/api/v1/label/index_set/values", headers=person.headers)
    assert labels.status_code == 200
    assert "shop" not in labels.content.decode()


def test_raw_values_are_read_with_an_entry_or_not_at_all(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    masked(platform)
    person = Person(platform, Permission.RAW_VALUES)
    assert "用户0" not in text_of(person.post("search", query="*"))
    assert entries() == []
    assert "用户0" in text_of(person.post("search", query="支付", masking=False))
    assert entries() == [("wang", "session", "raw_values.read", f"index_set:{platform.ids['index_set_id']}")]
    assert AuditEntry.objects.latest("pk").details == {"kind": "search", "query": "支付"}

    def fails(*_: Any, **__: Any) -> None:
        raise OSError("no place")

    monkeypatch.setattr("bklog.api.acting.record", fails)
    refused = person.post("search", query="*", masking=False)
    assert refused.status_code == 500
    assert "用户0" not in text_of(refused)


def test_a_preview_of_stored_rows_is_a_reading_of_raw_values(platform: Platform) -> None:
    """Also where the rules that are tried hide nothing."""
    masked(platform)
    person = Person(platform, Permission.RAW_VALUES, role=Role.EDITOR)
    assert person.client.post(
        f"{person.path}masking/preview/", {"rules": []}, "application/json", headers=person.headers
    ).json()
    assert [action for _, _, action, _ in entries()] == ["raw_values.read"]
    assert AuditEntry.objects.latest("pk").details["kind"] == "preview"


def test_raw_values_without_the_permission_are_refused(platform: Platform) -> None:
    masked(platform)
    person = Person(platform, role=Role.ADMIN)
    assert code_of(person.post("search", query="*", masking=False)) == (403, "permission_missing")
    changed = person.client.put(f"{person.path}masking/", {"rules": []}, "application/json", headers=person.headers)
    assert code_of(changed) == (403, "permission_missing"), "who could loosen the rules could read what they hide"
    assert entries() == []


def test_a_change_of_what_is_masked_is_in_the_audit(platform: Platform) -> None:
    person = Person(platform, Permission.RAW_VALUES, role=Role.ADMIN)
    rules = [{"field": "user", "operator": "replace", "text": "某人"}]
    changed = person.client.put(f"{person.path}masking/", {"rules": rules}, "application/json", headers=person.headers)
    assert changed.status_code == 200, changed.content
    assert entries() == [("wang", "session", "masking.change", "shop")]
    assert AuditEntry.objects.latest("pk").details["rules"][0]["field"] == "user"


def test_files_that_leave_are_in_the_audit(platform: Platform) -> None:
    person = Person(platform)
    file = person.post("download", query="timeout", format="jsonl")
    assert b"".join(file).count(b"\n") == 12
    assert entries() == [("wang", "session", "rows.download", "shop")]
    assert AuditEntry.objects.latest("pk").details == {"query": "timeout", "rows": 12}


def test_a_session_costs_what_a_token_costs(platform: Platform) -> None:
    """The look-up of the session stands for that of the token; the space is known for a moment."""
    person = Person(platform)
    token = platform.headers

    def statements(client: Client, headers: dict[str, str]) -> int:
        with CaptureQueriesContext(
            connection,
        ) as made:
            found = client.post(f"{person.path}search/", {**DAY, "query": "*"}, "application/json", headers=headers)
        assert found.status_code == 200, found.content
        return len(made)

    statements(person.client, person.headers), statements(Client(), token)
    assert statements(person.client, person.headers) == statements(Client(), token)
