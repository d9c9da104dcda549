"""make screenshots: each page in both themes, of a platform of its own with real lines, as screenshots/NAME-THEME.png.

A page more is a line more in SHOTS.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from playwright.sync_api import expect, sync_playwright

from bklog.page.paths import DIST
from tests.page.desk import CHROMIUM, FLAGS, PARTS, Operator, Platform, Theme
from tests.running_fleet import ROOT, RunningFleet

FOLDER: Final = ROOT / "screenshots"
THEMES: Final[tuple[Theme, ...]] = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Shot:
    """What is done before the picture is taken, by somebody who is signed in and at `path`."""

    name: str
    path: str
    act: Callable[[Operator], None]


def _nothing_more(who: Operator) -> None:
    expect(who.at("stop")).to_have_count(0)


def _rows(who: Operator) -> None:
    expect(who.lines().first).to_be_visible()
    _nothing_more(who)


def _detail(who: Operator) -> None:
    _rows(who)
    who.lines().nth(4).click()
    expect(who.at("detail")).to_be_visible()


def _context(who: Operator) -> None:
    _detail(who)
    who.at("context").click()
    expect(who.at("context-drawer").locator("[aria-current=true]")).to_be_visible()


def _broken(who: Operator) -> None:
    expect(who.at("query-error")).to_be_visible()


def _export(who: Operator) -> None:
    _rows(who)
    who.at("open-export").click()


def _tail(who: Operator) -> None:
    expect(who.at("tail-phase")).to_contain_text("Waiting")


def _collectors(who: Operator) -> None:
    expect(who.at("health").first).to_be_visible()


def _sources(who: Operator) -> None:
    expect(who.at("create")).to_be_visible()


def _rule(who: Operator) -> None:
    who.page.get_by_role("link", name="shop", exact=True).click()
    who.at("part-rule").click()
    expect(who.at("rule-read")).to_be_visible()


def _operate(who: Operator) -> None:
    expect(who.at("again").first).to_be_enabled()  # what it asked for has come


SHOTS: Final = (
    Shot("search", "/search?from=now-3h", _rows),
    Shot("search-table", "/search?from=now-3h&view=table&cols=service,status&q=level%3Aerror", _rows),
    Shot("search-detail", "/search?from=now-3h&q=service%3Abilling", _detail),
    Shot("search-context", "/search?from=now-3h&q=level%3Aerror", _context),
    Shot("search-pipe", "/search?from=now-3h&q=*%20%7C%20stats%20count()%20by%20service%2C%20level", _nothing_more),
    Shot("search-error", "/search?from=now-3h&q=level%3Aerror%20AND%20(sshd", _broken),
    Shot("search-tail", "/search?from=now-3h&live=1", _tail),
    Shot("export", "/search?from=now-3h", _export),
    Shot("collect", "/collect", _collectors),
    Shot("collect-new", "/collect/new?source=agent&name=nginx", _sources),
    Shot("collect-rule", "/collect", _rule),
    *(Shot(f"operate-{part}", f"/operate/{part}", _operate) for part in PARTS),
)


def main() -> int:
    if CHROMIUM is None or not DIST.is_dir():
        print("no screenshots: Chromium and a built page are needed (apt-get install chromium; make page)", file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    home = tempfile.TemporaryDirectory(prefix="bklog-shots-")
    with home, RunningFleet(Path(home.name), BKLOG_PROFILE="small") as fleet, sync_playwright() as playwright:
        Platform(fleet)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        for theme in THEMES:
            _take(Operator(browser, fleet, theme=theme), theme)
        browser.close()
    return 0


def _take(who: Operator, theme: str) -> None:
    who.page.goto(who.fleet.url)
    expect(who.at("name")).to_be_visible()
    who.page.screenshot(path=FOLDER / f"sign-in-{theme}.png")
    who.sign_in()
    for shot in SHOTS:
        who.page.goto(who.fleet.url + shot.path)
        shot.act(who)
        who.page.screenshot(path=FOLDER / f"{shot.name}-{theme}.png")
        print(FOLDER / f"{shot.name}-{theme}.png")


if __name__ == "__main__":
    sys.exit(main())
