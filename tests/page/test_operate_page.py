"""What an operator does on the Operate pages, in a real browser on a running platform: each page in both languages and themes,
and one real piece of work on each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, Locator, Route, expect

from tests.page.desk import LINES, NEEDS_A_BROWSER, PARTS, PASSWORD, Operator, Platform, Theme
from tests.waiting import wait_until

pytestmark = list(NEEDS_A_BROWSER)
OPERATOR: Final = "olga"
PHONE_PIXELS: Final = 390


@pytest.fixture(scope="module", autouse=True)
def _employed(platform: Platform) -> None:
    who = {"name": OPERATOR, "password": PASSWORD, "roles": {"*": "admin"}, "permissions": ["raw_values"]}
    platform.fleet.api("POST", "/api/v1/accounts/users/", who)


@pytest.fixture(scope="module")
def at_desk(browser: Browser, platform: Platform) -> Iterator[Operator]:
    with Operator.signed_in(browser, platform, OPERATOR, PASSWORD) as operator:
        operator.at("tab-operate").click()
        yield operator


@pytest.fixture
def olga(at_desk: Operator) -> Iterator[Operator]:
    """Nothing stands on her console at the end."""
    at_desk.said.clear()
    yield at_desk
    assert at_desk.said == []


def page_of(operator: Operator, part: str) -> Locator:
    operator.at(f"menu-{part}").click()
    page: Locator = operator.at(f"page-{part}")
    expect(page).to_be_visible()
    return page


def row(page: Locator, text: str | re.Pattern[str]) -> Locator:
    return page.get_by_test_id("one").filter(has_text=text)


def confirm(operator: Operator, name: str = "") -> None:
    if name:
        expect(operator.at("confirm-go")).to_be_disabled()
        operator.at("typed-name").fill(name)
    operator.at("confirm-go").click()
    expect(operator.at("confirm")).to_have_count(0)


@pytest.mark.parametrize(("theme", "language", "title"), [("light", "en", "Operate"), ("dark", "zh-CN", "运维")])
def test_each_page_is_open_to_everybody(browser: Browser, platform: Platform, theme: Theme, language: str, title: str) -> None:
    """In each of the four pairs of theme and language: `serious` looks at the other theme too."""
    operator = Operator(browser, platform.fleet, theme=theme, language=language)
    operator.sign_in(name=OPERATOR, password=PASSWORD)
    operator.at("tab-operate").click()
    expect(operator.at("tab-operate")).to_have_text(title)
    found = {}
    for part in PARTS:
        page = page_of(operator, part)
        expect(page.get_by_test_id("again").first).to_be_enabled()  # what it asked for has come
        found[part] = operator.serious()
        operator.page.set_viewport_size({"width": PHONE_PIXELS, "height": 844})
        wait_until(lambda: operator.page.evaluate("document.documentElement.scrollWidth") <= PHONE_PIXELS)
        operator.page.set_viewport_size({"width": 1280, "height": 720})
    assert {part: said for part, said in found.items() if said} == {}
    assert operator.said == []
    operator.context.close()


def test_the_fleet_is_shown_and_leads_to_its_log(olga: Operator, platform: Platform) -> None:
    page = page_of(olga, "fleet")
    expect(row(page, "RUNNING")).not_to_have_count(0)
    expect(page.get_by_test_id("age")).to_be_visible()
    expect(row(page, "async_export").last).to_contain_text("worker")
    page.get_by_role("button", name="Memory", exact=True).click()
    assert "sort=-memory" in olga.page.url
    wait_until(lambda: platform.fleet.count("path:*/web.log", "bklog-platform") > 0, seconds=60)
    page.get_by_role("link", name="Log lines of web").click()
    expect(olga.lines().first).to_be_visible()
    olga.page.go_back()
    expect(page).to_be_visible()
    assert "sort=-memory" in olga.page.url
    page.get_by_role("link", name="Log lines of supervisor").click()
    expect(olga.lines().filter(has_text="ProgramStarted").first).to_be_visible()
    olga.page.go_back()


def test_a_failure_stands_where_it_happened_and_what_was_there_stays(olga: Operator) -> None:
    page = page_of(olga, "fleet")
    expect(row(page, "RUNNING")).not_to_have_count(0)
    failure = {"error": {"code": "unavailable", "message": "the supervisor does not answer", "hint": "bklog up"}}

    def fail(route: Route) -> None:
        route.fulfill(status=503, json=failure)

    olga.page.route("**/api/v1/fleet/", fail)
    page.get_by_test_id("again").click()
    expect(page.get_by_role("alert")).to_contain_text("the supervisor does not answer")
    expect(page.get_by_role("alert")).to_contain_text("page-")
    expect(row(page, "RUNNING")).not_to_have_count(0)
    olga.page.unroute("**/api/v1/fleet/")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    olga.said.clear()  # the browser's own report of the status


def test_a_page_that_is_left_while_it_loads_cancels_no_search(olga: Operator) -> None:
    cancelled: list[str] = []
    olga.page.on("request", lambda request: cancelled.append(request.url) if "/search/cancel/" in request.url else None)
    page_of(olga, "audit")
    olga.page.route("**/api/v1/fleet/", lambda route: None)  # never answered
    with olga.page.expect_request("**/api/v1/fleet/"):
        page_of(olga, "fleet")
    with olga.page.expect_event("requestfailed", lambda request: request.url.endswith("/api/v1/fleet/")):
        page = page_of(olga, "audit")
    expect(page.get_by_test_id("one")).not_to_have_count(0)
    assert cancelled == []
    olga.page.unroute("**/api/v1/fleet/")


def test_health_has_each_part_with_its_sentence(olga: Operator) -> None:
    page = page_of(olga, "health")
    for part in ("database", "mq", "store", "disk"):
        expect(row(page, re.compile(rf"^{part}"))).to_contain_text("ms")


def test_storage_tells_what_a_collector_received(olga: Operator) -> None:
    page = page_of(olga, "storage")
    expect(page.get_by_test_id("forecast")).to_contain_text("free")
    page.get_by_role("button", name="shop", exact=True).click()
    expect(page.get_by_test_id("ledger")).to_contain_text("What shop received")
    received = page.get_by_test_id("ledger").locator("dd").first
    expect(received).to_have_text(re.compile(r"^\d[\d,]*$"))
    expect(row(page, "shop")).to_contain_text(received.inner_text())  # the table has it of all
    assert int(received.inner_text().replace(",", "")) >= LINES


def test_settings_are_found_and_secrets_are_hidden(olga: Operator, platform: Platform) -> None:
    page = page_of(olga, "settings")
    page.get_by_test_id("find-in").fill("secret_key")
    expect(row(page, "BKLOG_SECRET_KEY")).to_contain_text("****")
    assert platform.fleet.secret("secret-key") not in page.inner_text()
    page.get_by_test_id("find-in").fill("")
    page.get_by_label("only what was set").check()
    expect(row(page, "BKLOG_HOME")).to_be_visible()
    expect(row(page, "BKLOG_AUDIT_DAYS")).to_have_count(0)


def test_a_run_is_failed_retried_and_cancelled_and_another_is_helped_on(olga: Operator, platform: Platform) -> None:
    runs = [onboarded(platform, name) for name in ("walk-one", "walk-two")]
    page = page_of(olga, "pipelines")
    page.get_by_role("button", name=f"Run {runs[0]}:", exact=False).click()
    run = olga.at("run")
    expect(run).to_contain_text("first_line")
    olga.at("run-fail").click()
    olga.at("confirm").get_by_label("Reason, for those who look later").fill("нет 数据")
    confirm(olga)
    expect(run.get_by_role("cell", name=re.compile("нет 数据"))).to_be_visible()
    olga.at("run-retry").click()
    confirm(olga)
    expect(olga.at("run-fail")).to_be_visible()
    olga.at("run-cancel").click()
    confirm(olga, "collector:walk-one")
    expect(olga.at("run-retry")).to_have_count(0)
    page.get_by_role("button", name=f"Run {runs[1]}:", exact=False).click()
    olga.at("run-skip").click()
    confirm(olga)
    expect(run.get_by_role("cell", name="skipped", exact=True)).to_be_visible()
    olga.at("state-filter").select_option("cancelled")
    expect(row(page, "collector:walk-two")).to_have_count(0)
    expect(row(page, "collector:walk-one").last).to_contain_text("cancelled")


def onboarded(platform: Platform, name: str) -> int:
    """A run that waits for a line which nobody sends."""
    made = platform.fleet.api("POST", "/api/v1/databus/collectors/onboard/", {"name": name})

    def waits() -> bool:
        shown = platform.fleet.api("GET", f"/api/v1/pipelines/{made['id']}/")
        return bool(shown["step"] == "first_line" and shown["state"] == "waiting")

    wait_until(waits, seconds=60)
    return int(made["id"])


def test_an_export_of_somebody_else_is_seen_and_deleted(olga: Operator, platform: Platform) -> None:
    shop = platform.fleet.api("GET", "/api/v1/search/index_set/?name=shop")["items"][0]
    platform.fleet.api("POST", f"/api/v1/search/index_set/{shop['id']}/export/", {"query": "level:fatal"})
    page = page_of(olga, "exports")
    one = row(page, "level:fatal")
    expect(one).to_contain_text("done")
    with olga.page.expect_download():
        one.get_by_role("button", name="Download").click()
    one.get_by_test_id("export-delete").click()
    confirm(olga)
    expect(one).to_have_count(0)


def test_a_client_log_is_handed_in_and_its_report_says_why_it_failed(olga: Operator) -> None:
    page = page_of(olga, "client-logs")
    olga.at("new-task").click()
    olga.at("task-id").fill("ticket-7")
    olga.at("task-source").select_option("url")
    olga.at("task-where").fill("http://127.0.0.1/up.zip")
    olga.at("hand-in").click()
    report = olga.at("report")
    expect(report).to_contain_text("address_denied")
    expect(row(page, "ticket-7")).to_contain_text("failed")
    with olga.page.expect_response("**/ticket-7/retry/") as answer:
        olga.at("retry-task").click()
    assert answer.value.status == 202
    expect(row(page, "ticket-7")).to_contain_text("failed")


def test_an_index_set_is_made_changed_masked_and_deleted(olga: Operator) -> None:
    page = page_of(olga, "index-sets")
    olga.at("new-set").click()
    olga.at("set-name").fill("trade")
    olga.at("set-form").get_by_label("shop", exact=True).check()
    olga.at("set-tags").fill("prod, 订单")
    olga.at("save-set").click()
    expect(row(page, "trade")).to_contain_text("订单")
    row(page, "trade").get_by_test_id("change-set").click()
    olga.at("set-tags").fill("prod")
    olga.at("save-set").click()
    expect(row(page, "trade")).not_to_contain_text("订单")
    row(page, "trade").get_by_role("link", name="Masking").click()
    masked(olga)
    page_of(olga, "index-sets")
    row(page, "trade").get_by_test_id("delete-set").click()
    confirm(olga, "trade")
    expect(row(page, "trade")).to_have_count(0)


def masked(olga: Operator) -> None:
    """A rule is tried on a line, put in force, and is there after the page was loaded anew."""
    olga.at("add-rule").click()
    olga.at("rule-pattern").fill("1[3-9][0-9]{9}")
    olga.at("rule-head").fill("3")
    olga.at("rule-tail").fill("4")
    olga.at("lines").fill("手机 13812345678 登录")
    olga.at("preview").click()
    expect(olga.at("after")).to_have_text("手机 138***5678 登录")
    olga.at("save-rules").click()
    confirm(olga)
    expect(olga.at("saved-rules")).to_contain_text("shop")
    olga.page.reload()
    expect(olga.at("rule-pattern")).to_have_value("1[3-9][0-9]{9}")


def test_rules_are_tried_on_the_newest_rows_and_not_lost_by_a_click(olga: Operator) -> None:
    page = page_of(olga, "masking")
    shown = olga.at("masked-set")
    shown.select_option("shop")
    olga.at("add-rule").click()
    olga.at("rule-pattern").fill("INFO|DEBUG|WARN|ERROR")
    olga.at("rule-operator").select_option("replace")
    olga.at("rule-text").fill("§")
    olga.at("preview-newest").click()
    expect(olga.at("previewed").first).to_be_visible()
    for line in olga.at("previewed").all():
        before, after = line.locator("pre").all_inner_texts()
        assert after == re.sub("INFO|DEBUG|WARN|ERROR", "§", before) != before
    olga.leaves = False
    olga.at("menu-audit").click()
    shown.select_option("")
    olga.page.evaluate("setTimeout(() => location.reload())")
    olga.is_asked("confirm", "confirm", "beforeunload")
    expect(olga.at("rule-text")).to_have_value("§")
    expect(shown.locator("option:checked")).to_have_text("shop")
    olga.leaves = True
    page_of(olga, "users")
    expect(page).to_have_count(0)
    olga.at("new-user").click()
    olga.at("user-name").fill("half")
    olga.leaves = False
    olga.page.keyboard.press("Escape")
    expect(olga.at("user-name")).to_have_value("half")
    olga.leaves = True
    olga.at("user-form").get_by_role("button", name="Close").click()
    expect(olga.at("user-form")).to_have_count(0)
    assert olga.asked[3:] == ["confirm"] * 3  # the page, Escape, the button


def test_whoever_is_disabled_is_out_at_once_and_comes_back_with_another_password(
    browser: Browser, platform: Platform, olga: Operator
) -> None:
    platform.employ("dora", {"*": "viewer"})
    dora = Operator(browser, platform.fleet)
    dora.sign_in(name="dora", password=PASSWORD)
    page = page_of(olga, "users")
    olga.at("again").click()
    row(page, "dora").get_by_test_id("toggle-user").click()
    confirm(olga)
    expect(row(page, "dora")).to_contain_text("disabled")
    dora.ask("level:error")
    expect(dora.at("sign-in-failure")).to_contain_text("session_ended")
    dora.prove("dora", PASSWORD)
    expect(dora.at("sign-in-failure")).to_contain_text("sign_in_wrong")
    row(page, "dora").get_by_test_id("toggle-user").click()
    confirm(olga)
    expect(row(page, "dora")).to_contain_text("may sign in")
    row(page, "dora").get_by_test_id("set-password").click()
    olga.at("another-password").fill(f"{PASSWORD}-2")
    confirm(olga)
    with dora.page.expect_response("**/accounts/session/") as answer:
        dora.prove("dora", PASSWORD)
    assert answer.value.status == 401
    dora.prove("dora", f"{PASSWORD}-2")
    expect(dora.lines().first).to_be_visible()
    dora.context.close()


def test_a_user_and_a_token_are_made_and_stand_in_the_audit(olga: Operator) -> None:
    page = page_of(olga, "users")
    olga.at("new-user").click()
    olga.at("user-name").fill("kim")
    olga.at("user-password").fill(PASSWORD)
    olga.at("add-role").click()
    olga.at("role-space").fill("default")
    olga.at("role").select_option("editor")
    olga.at("save-user").click()
    expect(row(page, "kim")).to_contain_text("default: editor")
    page = page_of(olga, "tokens")
    olga.at("new-token").click()
    olga.at("token-name").fill("grafana")
    olga.at("make-token").click()
    expect(olga.at("secret").locator("code")).to_have_text(re.compile(r"^\S{20,}$"))
    row(page, "grafana").get_by_test_id("revoke").click()
    confirm(olga, "grafana")
    expect(row(page, "grafana")).to_have_count(0)
    page = page_of(olga, "spaces")
    expect(row(page, "default")).to_contain_text("kim (editor)")
    page = page_of(olga, "audit")
    olga.at("audit-who").fill(OPERATOR)
    olga.at("audit-go").click()
    for action, subject in (("user.create", "kim"), ("token.create", "grafana"), ("token.revoke", "grafana")):
        expect(row(page, re.compile(f"{re.escape(action)}.*{subject}"))).to_be_visible()


def test_what_a_role_does_not_allow_is_not_offered(browser: Browser, platform: Platform, olga: Operator) -> None:
    platform.employ("vic", {"default": "viewer"})
    vic = Operator(browser, platform.fleet)
    vic.sign_in(name="vic", password=PASSWORD)
    vic.at("tab-operate").click()
    expect(vic.at("page-health")).to_be_visible()
    offered = [part for part in PARTS if vic.at(f"menu-{part}").count()]
    assert offered == ["health", "exports", "index-sets", "masking"]
    page = page_of(vic, "index-sets")
    expect(row(page, "shop")).not_to_have_count(0)
    assert page.get_by_test_id("change-set").count() + vic.at("new-set").count() == 0
    vic.page.goto(f"{platform.fleet.url}/operate/users")
    expect(vic.at("page-health")).to_be_visible()
    assert vic.said == []
    vic.context.close()
