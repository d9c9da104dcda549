"""The page's ways in: by name and password, by a token; what one's roles leave of it, and back to where one was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.page.desk import NEEDS_A_BROWSER, PASSWORD, WAIT_MS, Operator, Platform

pytestmark = list(NEEDS_A_BROWSER)
ANOTHER: str = "another-for-this-test"


@contextmanager
def visitor(browser: Browser, platform: Platform, **how: Any) -> Iterator[Operator]:
    """Somebody whose browser reports nothing but what the test says it must: each answer of 400 and more is one."""
    operator = Operator(browser, platform.fleet, **how)
    yield operator
    assert [said for said in operator.said if "Failed to load resource" not in said] == []
    operator.context.close()


@pytest.fixture(scope="module")
def trade(platform: Platform) -> Platform:
    """Another space beside the usual one, and a viewer of it."""
    rule = {"kind": "json", "time_field": "ts"}
    platform.fleet.api("POST", "/api/v1/databus/collectors/", {"name": "trades", "space": "trade", "clean_rule": rule})
    platform.employ("vera", {"trade": "viewer"})
    return platform


def test_a_password_brings_one_to_where_one_wanted(browser: Browser, platform: Platform) -> None:
    with visitor(browser, platform) as ann:
        ann.page.goto(f"{platform.fleet.url}/search?q=service%3Asearch")
        expect(ann.at("name")).to_be_visible()
        assert ann.said == []  # nobody is asked for who has no cookie
        assert ann.serious() == []
        ann.prove("admin", "not-the-password")
        expect(ann.at("sign-in-failure")).to_contain_text("sign_in_wrong")
        ann.prove("admin", platform.fleet.secret("admin-password"))
        expect(ann.at("query")).to_have_text("service:search")
        expect(ann.at("sign-in-failure")).to_have_count(0)
        ann.at("user").click()
        expect(ann.at("roles")).to_have_text("Administrator in every space")
        assert ann.serious() == []
        ann.page.reload()
        expect(ann.at("query")).to_have_text("service:search")  # the cookie is enough
        assert ann.page.evaluate("document.cookie") == ""
        ann.at("user").click()
        ann.at("sign-out").click()
        expect(ann.at("name")).to_be_visible()
        assert "next" not in ann.page.url
        ann.page.reload()
        expect(ann.at("name")).to_be_visible()


def test_a_token_stays_in_its_tab(browser: Browser, platform: Platform) -> None:
    with visitor(browser, platform) as robot:
        robot.sign_in_by_token("/search?q=service%3Asearch")
        expect(robot.at("query")).to_have_text("service:search")
        robot.at("user").click()
        expect(robot.at("password-old")).to_have_count(0)
        token = platform.fleet.secret("api-token")
        assert token not in str(robot.context.storage_state())
        robot.page.reload()
        expect(robot.at("name")).to_be_visible()


def test_too_many_failures_are_told_with_the_time_to_wait(browser: Browser, platform: Platform) -> None:
    with visitor(browser, platform) as guesser:
        guesser.page.goto(platform.fleet.url)
        for _ in range(5):
            with guesser.page.expect_response("**/accounts/session/") as answer:
                guesser.prove("nobody", "a-guess-of-many")
            assert answer.value.status == 401
            expect(guesser.page.get_by_role("button", name="Sign in")).to_be_enabled()
        guesser.prove("nobody", "a-guess-of-many")
        expect(guesser.at("sign-in-failure")).to_contain_text("sign_ins")


def test_a_viewer_of_a_space_sees_what_is_in_it(browser: Browser, trade: Platform) -> None:
    with visitor(browser, trade) as vera:
        vera.page.goto(trade.fleet.url)
        vera.prove("vera", PASSWORD)
        expect(vera.at("source")).to_contain_text("trades", timeout=WAIT_MS)
        vera.at("source").click()
        expect(vera.at("one-source")).to_have_count(1)
        vera.at("user").click()
        expect(vera.at("roles")).to_have_text("Viewer in trade")
        shop = next(one for one in trade.fleet.api("GET", "/api/v1/search/index_set/")["items"] if one["name"] == "shop")
        vera.page.goto(f"{trade.fleet.url}/search?set={shop['id']}")
        expect(vera.at("rows-failure")).to_contain_text("role_missing")
        expect(vera.lines()).to_have_count(0)


def test_who_has_no_role_is_told_so(browser: Browser, platform: Platform) -> None:
    platform.employ("nora", {})
    with visitor(browser, platform) as nora:
        nora.page.goto(platform.fleet.url)
        nora.prove("nora", PASSWORD)
        expect(nora.at("source")).to_be_visible()
        expect(nora.page.get_by_role("alert").or_(nora.at("no-source")).first).to_contain_text("role")


def test_a_session_that_ended_brings_one_back(browser: Browser, platform: Platform) -> None:
    platform.employ("eve", {"*": "viewer"})
    with visitor(browser, platform) as eve:
        eve.sign_in("/search?from=now-3h", name="eve", password=PASSWORD)
        eve.ask("service:billing")
        eve.counts(1_000)
        for is_disabled in (True, False):  # which ends all sessions
            platform.fleet.api("PATCH", "/api/v1/accounts/users/eve/", {"is_disabled": is_disabled})
        eve.ask("service:billing AND level:error")
        expect(eve.at("sign-in-failure")).to_contain_text("session_ended")
        eve.prove("eve", PASSWORD)
        expect(eve.at("query")).to_have_text("service:billing AND level:error")
        eve.counts(200)


def test_preferences_and_a_new_password_go_with_the_person(browser: Browser, platform: Platform) -> None:
    platform.employ("paul", {"*": "viewer"})
    with visitor(browser, platform) as paul:
        paul.sign_in("/search?from=now-3h", name="paul", password=PASSWORD)
        with paul.page.expect_response("**/accounts/me/"):
            paul.at("theme").click()
        with paul.page.expect_response("**/accounts/me/"):
            paul.at("language").click()
        paul.at("time").click()
        with paul.page.expect_response("**/accounts/me/"):
            paul.at("zone").select_option("Asia/Tokyo")
        first, paul.page = paul.page, paul.context.new_page()
        paul.page.goto(platform.fleet.url)
        paul.at("user").click()
        paul.at("password-old").fill("not-the-password")
        paul.at("password-new").fill(ANOTHER)
        paul.at("change-password").click()
        expect(paul.page.get_by_role("alert")).to_contain_text("password_wrong")
        paul.at("password-old").fill(PASSWORD)
        paul.at("change-password").click()
        expect(paul.page.get_by_role("status")).to_contain_text("已修改")
        paul.page = first
        paul.ask("service:billing")  # its cookie is the new one, what it proves itself with is not
        paul.counts(1_000, "{:,} 条")
    with visitor(browser, platform) as elsewhere:
        elsewhere.sign_in(name="paul", password=ANOTHER)
        expect(elsewhere.page.locator("html")).to_have_attribute("data-theme", "dark")
        expect(elsewhere.at("run")).to_have_text("查询")
        expect(elsewhere.page.get_by_text("Asia/Tokyo")).to_be_visible()
