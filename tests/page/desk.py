"""A running platform with real lines, and people who work on its page, each in a browser of their own."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, expect

from bklog.page.paths import DIST
from bklog.supervise.rpc import Supervisor
from config.sockets import socket_path
from tests.running_fleet import RunningFleet
from tests.search.lines import LOGHUB
from tests.waiting import wait_until

CHROMIUM: Final = shutil.which("chromium")
AXE: Final = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
FLAGS: Final = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic", "--disable-component-update"),
    *("--disable-sync", "--no-first-run"),
)
# The pages of Operate.
PARTS: Final = (
    *("fleet", "health", "storage", "settings", "pipelines", "exports", "client-logs", "index-sets", "masking"),
    *("users", "spaces", "tokens", "audit"),
)
WAIT_MS: Final = 30_000
expect.set_options(timeout=WAIT_MS)  # a machine that has other work to do is no failure of the page
Theme = Literal["light", "dark"]
FAR: Final = "far"  # the second store
PASSWORD: Final = "kept-for-this-test"
NEEDS_A_BROWSER: Final = (
    pytest.mark.fleet,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(not DIST.is_dir(), reason="the page is not built: make page"),
)
LINES: Final = 3_000
HOSTILE: Final = "<img src=x onerror=alert(1)><script>alert(2)</script> 🙂 支付超时"


def lines() -> Iterator[dict[str, Any]]:
    """One in a second up to now; real ones where they are there."""
    now = datetime.now(UTC)
    real = (LOGHUB / "OpenSSH_2k.log").read_text().splitlines() if LOGHUB.is_dir() else ["connection refused by db-1"]
    for number in range(LINES):
        text = HOSTILE if number % 500 == 7 else real[number % len(real)]
        yield {
            "ts": (now - timedelta(seconds=LINES - number)).isoformat(),
            "level": ("INFO", "DEBUG", "INFO", "WARN", "ERROR")[number % 5],
            "service": ("shop", "billing", "search")[number % 3],
            "status": (200, 404, 502)[number % 3],
            "message": text,
        }


class Platform:
    def __init__(self, fleet: RunningFleet) -> None:
        self.fleet = fleet
        self.tailed = 0
        rule = {"kind": "json", "time_field": "ts", "level_field": "level", "types": {"status": "int", "service": "keyword"}}
        made = fleet.api("POST", "/api/v1/databus/collectors/", {"name": "shop", "clean_rule": rule})
        self._token = made["ingest_token"]
        self.send(list(lines()))

    def employ(self, name: str, roles: dict[str, str]) -> None:
        """One more person, whose password is PASSWORD."""
        self.fleet.api(
            "POST", "/api/v1/accounts/users/", {"name": name, "password": PASSWORD, "roles": roles, "permissions": []}
        )

    def send(self, rows: list[dict[str, Any]]) -> None:
        body = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()
        assert self.fleet.send("/ingest/v1/jsonl", body, token=self._token, key=str(len(rows)))["stored"] == len(rows)

    @contextmanager
    def without_store(self) -> Iterator[None]:
        supervisor = Supervisor(socket_path(self.fleet.home, "supervisor"))
        supervisor.ask_to_stop("store")
        wait_until(lambda: not self.fleet.program("store").pid)
        try:
            yield
        finally:
            supervisor.start("store")
            wait_until(lambda: self.fleet.try_bklog("search", "*", "--index-set", "shop", "--count").returncode == 0)

    @contextmanager
    def slow_store(self) -> Iterator[None]:
        """One that takes what it is asked and does nothing about it for now."""
        store = self.fleet.pid("store")
        os.kill(store, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(store, signal.SIGCONT)


class Operator:
    """One who has signed in, in a browser of their own; what the console and the policy said is in `said`."""

    def __init__(self, browser: Browser, fleet: RunningFleet, *, theme: Theme = "light", language: str = "en") -> None:
        self.fleet = fleet
        self.theme = theme
        self.context: BrowserContext = browser.new_context(
            viewport={"width": 1280, "height": 720}, color_scheme=self.theme, locale=language, accept_downloads=True
        )
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.said: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.asked: list[str] = []
        self.leaves = True
        self.page.on("dialog", self._answer)

    def _answer(self, dialog: Dialog) -> None:
        """What is not saved is left behind where she `leaves`; nothing else of the page asks in the browser's own way."""
        if dialog.type in ("confirm", "beforeunload"):
            self.asked.append(dialog.type)
        else:
            self.said.append(f"a line ran: {dialog.message}")
        if self.leaves:
            dialog.accept()
        else:
            dialog.dismiss()

    def is_asked(self, *kinds: str) -> None:
        """So far, or soon: it is heard of while something is asked of the page."""
        wait_until(lambda: self.page.evaluate("true") and self.asked == list(kinds))

    @classmethod
    @contextmanager
    def signed_in(cls, browser: Browser, platform: Platform, name: str = "admin", password: str = "") -> Iterator[Operator]:
        """Until the end of the block, in a browser of their own."""
        operator = cls(browser, platform.fleet)
        operator.sign_in(name=name, password=password)
        try:
            yield operator
        finally:
            operator.context.close()

    def at(self, name: str) -> Any:
        return self.page.get_by_test_id(name)

    def sign_in(self, path: str = "/", name: str = "admin", password: str = "", *, finds: str = "shop") -> None:
        """As the administrator of the platform's first day where nobody is named."""
        self.page.goto(self.fleet.url + path)
        self.prove(name, password or self.fleet.secret("admin-password"))
        expect(self.at("source")).to_contain_text(finds, timeout=WAIT_MS)

    def prove(self, name: str, password: str) -> None:
        self.at("name").fill(name)
        self.at("password").fill(password)
        self.at("password").press("Enter")

    def sign_in_by_token(self, path: str = "/") -> None:
        self.page.goto(self.fleet.url + path)
        self.at("by-token").click()
        self.at("token").fill(self.fleet.secret("api-token"))
        self.at("token").press("Enter")
        expect(self.at("source")).to_contain_text("shop", timeout=WAIT_MS)

    def ask(self, text: str) -> None:
        self.at("query").click()
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.press("Delete")
        self.page.keyboard.insert_text(text)
        self.page.keyboard.press("Escape")
        self.at("query").click()
        self.page.keyboard.press("Enter")

    def counts(self, rows: int, words: str = "{:,} rows") -> None:
        """The chart's total, which the server counted, is or becomes so many."""
        expect(self.at("total")).to_have_text(words.format(rows), timeout=WAIT_MS)
        expect(self.at("stop")).to_have_count(0, timeout=WAIT_MS)

    def lines(self) -> Any:
        return self.at("rows").locator("[role=row][aria-rowindex]")

    def serious(self) -> list[str]:
        """What axe finds that keeps somebody out, in her theme, and of the colours in the other one too: no more may differ."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text())
        found = self._violations("{}")
        self.page.emulate_media(color_scheme="light" if self.theme == "dark" else "dark")
        found += self._violations("{runOnly: ['color-contrast']}")
        self.page.emulate_media(color_scheme=self.theme)
        return found

    def _violations(self, options: str) -> list[str]:
        found = self.page.evaluate(f"axe.run(document, {options})")["violations"]
        return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]
