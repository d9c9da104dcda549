"""Ingest tokens as people manage them: over the API and by the command; what the audit says; when each was used last."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from bklog.accounts.models import AuditEntry
from bklog.accounts.tokens import replace_api_token
from bklog.api.token_cache import KEEP_SECONDS
from bklog.api.token_use import NOTE_AGAIN, PAUSE_SECONDS, UseNotes
from bklog.cli import collectors as collectors_module
from bklog.cli import ingest_tokens as command_module
from bklog.cli.commands.collector import collector as command
from bklog.collect import ingest_tokens
from bklog.collect.ingest_tokens import create_ingest_token, find_token, get_token, revoke
from bklog.collect.models import Collector, IngestToken
from bklog.collect.own import ensure_ingest_token, has_token

pytestmark = pytest.mark.django_db


class Site:
    def __init__(self) -> None:
        self.headers = {"Authorization": f"Bearer {replace_api_token('li')}"}
        self.shop, self.pay = (
            Collector.objects.create(name=name, table=name, clean_rule={"kind": "text"}, retention_days=7)
            for name in ("shop", "pay")
        )
        self.path = f"/api/v1/databus/collectors/{self.shop.pk}/tokens/"

    def ask(self, method: str, path: str = "", body: Any = None) -> Any:
        text = b"" if body is None else json.dumps(body).encode()
        return Client().generic(method, path or self.path, text, "application/json", headers=self.headers)

    def refused(self, method: str, path: str = "", body: Any = None) -> tuple[int, str]:
        answer = self.ask(method, path, body)
        return answer.status_code, answer.json()["error"]["code"]

    def made(self, body: Any = None) -> dict[str, Any]:
        answer = self.ask("POST", body=body)
        assert answer.status_code == 201, answer.content
        return dict(answer.json())

    def listed(self) -> list[dict[str, Any]]:
        return list(self.ask("GET").json()["items"])


@pytest.fixture
def site() -> Site:
    return Site()


def test_a_token_is_listed_without_its_secret_and_known_by_its_beginning(site: Site) -> None:
    first = site.made()
    second = site.made({"name": " 支付网关 ", "kept_on": "web-1"})
    assert [one["id"] for one in site.listed()] == [second["id"], first["id"]]
    listed = site.listed()[0]
    secret = second.pop("ingest_token")
    assert listed == second
    assert (listed["name"], listed["kept_on"], listed["made_by"], listed["last_used_at"]) == ("支付网关", "web-1", "li", None)
    assert secret.startswith(listed["beginning"])
    assert len(listed["beginning"]) == 8
    assert secret not in json.dumps(site.listed())
    found = find_token(secret)
    assert found is not None
    assert found.collector == site.shop


def test_a_revoked_token_opens_nothing_and_says_since_when(site: Site) -> None:
    kept, gone = site.made(), site.made({"name": "web-1"})
    before = timezone.now().isoformat()
    assert site.ask("DELETE", f"{site.path}{gone['id']}/").status_code == 204
    assert (find_token(gone["ingest_token"]), find_token(kept["ingest_token"]) is None) == (None, False)
    valid, revoked = site.listed()
    assert (valid["id"], valid["revoked_at"], valid["revoked_by"]) == (kept["id"], None, "")
    assert (revoked["id"], revoked["revoked_by"]) == (gone["id"], "li")
    assert revoked["revoked_at"] > before
    assert site.refused("DELETE", f"{site.path}{gone['id']}/") == (404, "no_token")
    entry = AuditEntry.objects.get(action="collector.token_revoke")
    assert (entry.who, entry.subject) == ("li", "shop")
    told = {name: gone[name] for name in ("id", "name", "kept_on", "beginning")}
    assert entry.details == told
    made = AuditEntry.objects.get(action="collector.token", details__id=gone["id"])
    assert made.details == told


def test_the_last_token_can_be_revoked_and_that_of_another_collector_cannot(site: Site) -> None:
    other, _ = create_ingest_token(site.pay, made_by="li")
    assert site.refused("DELETE", f"{site.path}{other.pk}/") == (404, "no_token")
    only = site.made()
    assert site.ask("DELETE", f"{site.path}{only['id']}/").status_code == 204
    assert [one["revoked_at"] is None for one in site.listed()] == [False]
    assert IngestToken.objects.get(pk=other.pk).revoked_at is None


@pytest.mark.parametrize(
    "body", [{"name": "x" * 65}, {"name": 5}, {"name": "a\nb"}, {"kept_on": "\x1b[2J"}, {"note": "x"}, {"name": ["x"]}]
)
def test_what_no_token_can_be_called_is_refused(site: Site, body: Any) -> None:
    assert site.refused("POST", body=body) == (400, "ingest_token")
    assert not IngestToken.objects.exists()
    whole = {"name": "third", "token": body}
    assert site.refused("POST", "/api/v1/databus/collectors/", whole) == (400, "ingest_token")


def test_a_collector_has_so_many_tokens_and_remembers_so_many_revoked_ones(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ingest_tokens, "MOST_TOKENS", 4)
    monkeypatch.setattr(ingest_tokens, "KEPT_REVOKED", 2)
    made = [site.made()["id"] for _ in range(4)]
    assert site.refused("POST") == (409, "too_many_tokens")
    ensure_ingest_token("shop", tmp_path / "shop")  # the platform itself is never without one
    now = timezone.now()
    for number, one in enumerate(made):
        revoke(get_token(site.shop, one), by="li", now=now + timedelta(seconds=number))
    assert [one["id"] for one in site.listed()[1:]] == made[:1:-1]
    site.made()


def test_the_platforms_own_token_says_where_it_lies_and_is_made_anew_once_revoked(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "shop"
    ensure_ingest_token("shop", file)
    (own,) = site.listed()
    assert (own["made_by"], own["name"]) == ("bklog", "")
    assert own["kept_on"] != ""
    site.ask("DELETE", f"{site.path}{own['id']}/")
    assert not has_token("shop", file)
    assert ensure_ingest_token("shop", file) == ["ingest token of shop"]
    assert has_token("shop", file)


class Notes:
    """What is to be noted waits here; the clock and the state of the database are the test's."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []
        self.seconds = 100.0
        self.is_locked = False
        self._notes = UseNotes(self.waiting.append, prepare=self._prepare, clock=lambda: self.seconds)

    def _prepare(self) -> None:
        if self.is_locked:
            raise OperationalError("database is locked")

    def count(self, token: IngestToken | None) -> int:
        """How many wait once this one was used."""
        assert token is not None
        self._notes.note(token)
        return len(self.waiting)

    def write(self) -> None:
        self.waiting.pop()()


def test_a_use_is_noted_once_in_a_while(site: Site) -> None:
    notes = Notes()
    made, secret = create_ingest_token(site.shop, made_by="li")
    assert [notes.count(made) for _ in range(3)] == [1, 1, 1]
    notes.write()
    used = find_token(secret)
    assert notes.count(used) == 0
    assert used is not None
    assert site.listed()[0]["last_used_at"] is not None
    IngestToken.objects.update(last_used_at=timezone.now() - NOTE_AGAIN)
    assert notes.count(find_token(secret)) == 1


def test_a_database_that_takes_no_notes_is_left_alone_for_a_while(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    notes = Notes()
    made, _ = create_ingest_token(site.shop, made_by="li")
    notes.is_locked = True
    assert notes.count(made) == 1
    notes.write()
    assert [vars(record)["reason"] for record in caplog.records] == ["database is locked"]
    assert notes.count(made) == 0
    notes.seconds += PAUSE_SECONDS
    notes.is_locked = False
    assert notes.count(made) == 1
    notes.write()
    assert IngestToken.objects.get(pk=made.pk).last_used_at is not None


@pytest.fixture
def call(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """`bklog collector token …` on this platform, on a machine of its own."""

    def api(method: str, path: str, *, json: Any = None) -> dict[str, Any]:
        answer = site.ask(method, path, json)
        return dict(answer.json()) if answer.content else {}

    for module in (command_module, collectors_module):
        monkeypatch.setattr(module, "api", api)
    monkeypatch.setenv("BKLOG_HOME", str(tmp_path))
    return lambda *words, typed="": CliRunner().invoke(command, ["token", *words], input=typed)


def test_the_command_makes_lists_and_revokes(site: Site, call: Callable[..., Any], tmp_path: Path) -> None:
    secret = call("make", "shop", "--for", "网关 1").output.strip()
    kept = call("make", "shop", "--keep")
    assert kept.output == f"kept in {tmp_path}/secrets/tokens/shop\n"
    found = find_token((tmp_path / "secrets" / "tokens" / "shop").read_text().strip())
    assert found is not None
    head, second, first = call("list", "shop").output.splitlines()
    assert head.split()[:3] == ["token", "begins", "with"]
    assert f"kept on {found.kept_on}" in second
    assert (secret[:8] in first, "never" in first, "网关 1" in first, secret in first) == (True, True, True, False)
    left = call("revoke", "shop", secret[:8], typed="n\n")
    assert (left.exit_code, f"within {KEEP_SECONDS:.0f} seconds" in left.output, "the last" in left.output) == (1, True, False)
    assert find_token(secret) is not None
    assert call("revoke", "shop", secret[:8], typed="y\n").exit_code == 0
    assert find_token(secret) is None
    last = call("revoke", "shop", str(found.pk), typed="n\n").output
    assert "It is the last token of shop: nobody can send to it" in last
    assert f"the agent on {found.kept_on} send with it: first run `bklog collector token make shop --keep` there" in last
    assert call("revoke", "shop", str(found.pk), "--yes").output == f"token {found.pk} of shop is revoked\n"
    assert json.loads(call("list", "shop", "--json").output)[0]["revoked_by"] == "li"
    missing = call("revoke", "shop", str(found.pk), "--yes")
    assert "no valid token" in str(missing.exception)


def test_a_beginning_that_several_have_revokes_none(site: Site, call: Callable[..., Any]) -> None:
    for _ in range(2):
        site.made()
    IngestToken.objects.update(beginning="bki_0000")
    assert "2 tokens of shop begin with bki_0000" in str(call("revoke", "shop", "bki_0000", "--yes").exception)
    assert [one["revoked_at"] for one in site.listed()] == [None, None]
