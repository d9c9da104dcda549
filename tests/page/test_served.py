"""What Django serves of the page: a shell with a strict policy, and its files, packed; nothing else without a token."""

from __future__ import annotations

import gzip
import json
import os
import re
from pathlib import Path

import pytest
from django.test import Client

from bklog.page import views
from bklog.page.built import Built, built
from bklog.page.paths import ROUTES, is_page


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Built:
    """As the build leaves it, smaller."""
    (tmp_path / ".vite").mkdir()
    manifest = {"src/main.ts": {"file": "main-1.js", "css": ["main-2.css"], "imports": ["_x"]}, "_x": {"file": "x-3.js"}}
    (tmp_path / ".vite" / "manifest.json").write_text(json.dumps(manifest))
    for name in ("main-1.js", "main-2.css", "x-3.js", "icon-4.svg"):
        (tmp_path / name).write_text(f"/* {name} */")
    (tmp_path / "main-1.js.gz").write_bytes(gzip.compress(b"/* main-1.js */"))
    (tmp_path / "secret.txt").write_text("nobody's")
    monkeypatch.setattr(views, "built", lambda: built(tmp_path))
    found = built(tmp_path)
    assert found
    return found


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/search", "/sign-in", "/link/q7x2_-"),
        *("/collect", "/collect/new", "/collect/12"),
        *("/operate", "/operate/index-sets"),
    ],
)
def test_a_route_is_answered_with_the_shell(page: Built, path: str) -> None:
    answer = Client().get(path)
    policy, text = answer["Content-Security-Policy"], answer.content.decode()
    nonce = re.search(r"script-src 'self' 'nonce-([^']+)'", policy)
    assert answer.status_code == 200
    assert nonce
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert f'<script type="module" src="/page/main-1.js" nonce="{nonce[1]}"></script>' in text
    assert '<link rel="stylesheet" href="/page/main-2.css">' in text
    assert '<link rel="modulepreload" href="/page/x-3.js">' in text
    assert answer["Cache-Control"] == "no-store"


def test_each_answer_has_a_nonce_of_its_own(page: Built) -> None:
    policies = {Client().get("/search")["Content-Security-Policy"] for _ in range(3)}
    assert len(policies) == 3


@pytest.mark.parametrize(
    ("cookies", "says"), [({}, ""), ({"bklog_session": "x"}, "1"), ({"__Host-bklog_session": "x"}, "1"), ({"other": "x"}, "")]
)
def test_the_shell_says_whether_there_may_be_a_session(page: Built, cookies: dict[str, str], says: str) -> None:
    client = Client()
    client.cookies.load(cookies)
    assert f' data-session="{says}">' in client.get("/").content.decode()


@pytest.mark.parametrize(
    ("accepted", "coding"), [("gzip, br", "gzip"), ("gzip;q=0, br", ""), ("", ""), ("deflate", ""), ("GZIP;q=0.5", "gzip")]
)
def test_a_file_is_sent_as_small_as_the_browser_takes_it(page: Built, accepted: str, coding: str) -> None:
    answer = Client().get("/page/main-1.js", headers={"Accept-Encoding": accepted})
    body = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert answer.get("Content-Encoding", "") == coding
    assert (gzip.decompress(body) if coding else body) == b"/* main-1.js */"
    assert answer["Content-Type"] == "text/javascript; charset=utf-8"
    assert "immutable" in answer["Cache-Control"]
    assert answer["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("name", ["secret.txt", "main-1.js.gz", "manifest.json", "..", "nope.js"])
def test_no_other_file_is_served(page: Built, name: str) -> None:
    answer = Client().get(f"/page/{name}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_path")


@pytest.mark.parametrize(
    "path",
    [
        "/search/",
        "/operate/",
        "/operate/a/b",
        "/page/a/b",
        "/link/",
        "/searching",
        "/sign-in\n",
        "/page/%2e%2e/x",
        "/collect/x",
        "/collect/1/x",
        "/api/v1/fleet/",
    ],
)
def test_what_is_no_page_needs_a_token(path: str) -> None:
    assert not is_page(path)


def test_the_page_is_only_read_without_a_token(page: Built) -> None:
    assert Client().post("/search").status_code == 401
    assert Client().head("/search").status_code == 200


def test_without_a_build_it_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(views, "built", lambda: built(tmp_path))
    answer = Client().get("/")
    assert answer.status_code == 503
    assert "make up" in answer.content.decode()
    assert Client().get("/page/main-1.js").status_code == 404


def test_what_was_built_anew_is_seen(page: Built, tmp_path: Path) -> None:
    (tmp_path / "main-9.js").write_text("new")
    manifest = tmp_path / ".vite" / "manifest.json"
    stamp = manifest.stat().st_mtime_ns + 1_000_000
    manifest.write_text(json.dumps({"src/main.ts": {"file": "main-9.js"}}))
    os.utime(manifest, ns=(stamp, stamp))
    assert (found := built(tmp_path)) is not None
    assert found.script == "main-9.js"


def test_the_routes_are_those_of_the_script() -> None:
    source = (Path(__file__).parents[2] / "web" / "src" / "router.ts").read_text()
    paths = {re.sub(r":\w+.*$", "", path) for path in re.findall(r'path: "/([^"]*)"', source)}
    assert paths == {re.sub(r"<.*>$", "", route) for route in ROUTES}
