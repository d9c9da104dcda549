"""What Django serves of the page: a shell with a strict policy, and its files, packed; nothing else without a token."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest
from django.test import Client
from django_vite.core.asset_loader import DjangoViteAssetLoader
from pytest_django.fixtures import Settings

from bklog.page.paths import ROUTES, is_page


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Path:
    """As the build leaves it, smaller."""
    files, manifest = tmp_path / "files", tmp_path / ".vite" / "manifest.json"
    files.mkdir()
    manifest.parent.mkdir()
    main = {"file": "files/main-1.js", "css": ["files/main-2.css"], "imports": ["_x"]}
    icon = {"file": "files/icon-4.svg"}
    manifest.write_text(json.dumps({"src/main.ts": main, "_x": {"file": "files/x-3.js"}, "src/icon.svg": icon}))
    for name in ("main-1.js", "main-2.css", "x-3.js", "icon-4.svg"):
        (files / name).write_text(f"/* {name} */" * 9)
    (files / "main-1.js.gz").write_bytes(gzip.compress(b"/* main-1.js */" * 9))
    settings.STATIC_ROOT = files
    settings.DJANGO_VITE = {"default": settings.DJANGO_VITE["default"] | {"manifest_path": manifest}}
    monkeypatch.setattr(DjangoViteAssetLoader, "_instance", None)  # it reads the manifest once
    return tmp_path


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/search", "/sign-in", "/link/q7x2_-"),
        *("/collect", "/collect/new", "/collect/12"),
        *("/operate", "/operate/index-sets"),
    ],
)
def test_a_route_is_answered_with_the_shell(page: Path, path: str) -> None:
    answer = Client().get(path)
    policy, text = answer["Content-Security-Policy"], answer.content.decode()
    nonce = re.search(r"script-src 'self' 'nonce-([^']+)'", policy)
    assert answer.status_code == 200
    assert nonce
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    begun = [tag for tag in re.findall(r"<(?:script|link) [^>]*>", text) if 'rel="icon"' not in tag]
    assert all(f'nonce="{nonce[1]}"' in tag for tag in begun)
    named = {name for tag in begun for name in re.findall(r'(?:src|href)="([^"]*)"', tag)}
    assert named == {f"/page/files/{name}" for name in ("main-1.js", "main-2.css", "x-3.js")}
    assert '<link rel="icon" href="/page/files/icon-4.svg">' in text
    assert answer["Cache-Control"] == "no-store"


def test_each_answer_has_a_nonce_of_its_own(page: Path) -> None:
    policies = {Client().get("/search")["Content-Security-Policy"] for _ in range(3)}
    assert len(policies) == 3


@pytest.mark.parametrize(
    ("cookies", "says"), [({}, ""), ({"bklog_session": "x"}, "1"), ({"__Host-bklog_session": "x"}, "1"), ({"other": "x"}, "")]
)
def test_the_shell_says_whether_there_may_be_a_session(page: Path, cookies: dict[str, str], says: str) -> None:
    client = Client()
    client.cookies.load(cookies)
    assert f' data-session="{says}">' in client.get("/").content.decode()


@pytest.mark.parametrize(("accepted", "coding"), [("gzip, br", "gzip"), ("", ""), ("deflate", ""), ("gzip;q=0.5", "gzip")])
def test_a_file_is_sent_as_small_as_the_browser_takes_it(page: Path, accepted: str, coding: str) -> None:
    answer = Client().get("/page/files/main-1.js", headers={"Accept-Encoding": accepted})
    body = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert answer.get("Content-Encoding", "") == coding
    assert (gzip.decompress(body) if coding else body) == b"/* main-1.js */" * 9
    assert answer["Content-Type"] == 'text/javascript; charset="utf-8"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in answer["Cache-Control"]
    assert answer["Vary"] == "Accept-Encoding"
    assert "Access-Control-Allow-Origin" not in answer


@pytest.mark.parametrize("name", ["secret.txt", "main-1.js.gz", "manifest.json", "..", "nope.js"])
def test_no_other_file_is_served(page: Path, name: str) -> None:
    (page / "secret.txt").write_text("nobody's")
    answer = Client().get(f"/page/files/{name}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_path")
    assert Client().get(f"/page/{name}").status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/search/",
        "/operate/",
        "/operate/a/b",
        "/page/a/b",
        "/page/files/",
        "/page/main-1.js",
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


def test_the_page_is_only_read_without_a_token(page: Path) -> None:
    assert Client().post("/search").status_code == 401
    assert Client().head("/search").status_code == 200


def test_without_a_build_it_says_how_to_get_one(page: Path, settings: Settings) -> None:
    (page / ".vite" / "manifest.json").unlink()
    settings.STATIC_ROOT = None
    answer = Client().get("/")
    assert answer.status_code == 503
    assert "make up" in answer.content.decode()
    assert Client().get("/page/files/main-1.js").status_code == 404


def test_the_routes_are_those_of_the_script() -> None:
    source = (Path(__file__).parents[2] / "web" / "src" / "router.ts").read_text()
    paths = {re.sub(r":\w+.*$", "", path) for path in re.findall(r'path: "/([^"]*)"', source)}
    assert paths == {re.sub(r"<.*>$", "", route) for route in ROUTES}
