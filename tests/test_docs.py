"""The documentation is complete: every protocol has its page, every dependency its line, every link its file."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from bklog.ingest.app import PROTOCOLS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DEPENDENCIES = PROJECT["dependencies"]


@pytest.mark.parametrize("name", [name for name, _ in PROTOCOLS.items()])
def test_a_protocol_has_its_page(name: str) -> None:
    assert f"POST /ingest/v1/{name}" in (ROOT / "docs" / "ingest" / f"{name}.md").read_text()


@pytest.mark.parametrize("requirement", DEPENDENCIES)
def test_a_dependency_says_why_it_is_there(requirement: str) -> None:
    name = re.split(r"[\[<>=; ]", requirement, maxsplit=1)[0]
    table = (ROOT / "docs" / "dependencies.md").read_text().lower()
    assert re.search(rf"^\| [^|]*\b{re.escape(name.lower())}\b", table, re.MULTILINE), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []
