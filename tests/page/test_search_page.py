"""An operator's work in a real browser, on a running platform with real lines: nothing of it may fail, be refused by the
policy of the page, or stand where no screen reader finds it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from django.test import Client
from playwright.sync_api import Browser, Route, expect

from bklog.page.paths import DIST
from tests.page.desk import LINES, NEEDS_A_BROWSER, WAIT_MS, Operator, Platform
from tests.search.lines import LOGHUB

FIRST_LOAD_BYTES: Final = 250_000
pytestmark = list(NEEDS_A_BROWSER)


@pytest.fixture(autouse=True)
def _fresh(ann: Operator, platform: Platform) -> Iterator[None]:
    """Each test begins with all rows of the last hours, and ends without a word on the console."""
    ann.page.keyboard.press("Escape")
    ann.at("source").click()
    ann.at("one-source").filter(has_text="shop").click()
    ann.ask("*")
    ann.at("time").click()
    ann.page.get_by_role("button", name="3h", exact=True).click()
    ann.counts(LINES + platform.tailed)
    ann.said.clear()
    yield
    assert ann.said == []


def test_the_first_load_is_small() -> None:
    shell = Client().get("/").content.decode()
    first = re.findall(r'(?:src|href)="/page/(files/[^"]+\.(?:js|css))"', shell)
    assert len(first) >= 3
    assert sum((DIST / f"{name}.gz").stat().st_size for name in first) < FIRST_LOAD_BYTES


def test_lines_are_found_and_are_text(ann: Operator, platform: Platform) -> None:
    ann.counts(LINES + platform.tailed)
    expect(ann.lines().first).to_be_visible()
    assert ann.lines().count() < 100  # 200 are loaded; those that are seen are there
    ann.ask("onerror")
    expect(ann.lines().first).to_contain_text("<img src=x onerror=alert(1)>")
    expect(ann.at("rows").locator("mark").first).to_have_text("onerror")
    ann.counts(LINES // 500)
    assert ann.page.locator("[data-testid=rows] img, [data-testid=rows] script").count() == 0


def test_a_value_is_included_and_the_pill_is_the_texts_twin(ann: Operator) -> None:
    ann.at("field").filter(has_text="service").click()
    ann.at("value").filter(has_text="billing").get_by_role("button").first.click()
    expect(ann.at("pill")).to_contain_text("service = billing")
    expect(ann.at("query")).to_contain_text('service:"billing"')
    ann.counts(LINES // 3)
    ann.at("pill").get_by_role("button", name=re.compile("^Turn")).click()
    expect(ann.at("query")).to_contain_text("NOT service")
    expect(ann.at("pill")).to_contain_text("service ≠ billing")
    ann.counts(LINES * 2 // 3)
    ann.at("pill").get_by_role("button").first.click()
    expect(ann.at("pill-off")).to_contain_text("billing")
    ann.counts(LINES)
    ann.page.go_back()
    expect(ann.at("query")).to_contain_text("NOT service")


def test_a_drag_zooms_and_goes_back(ann: Operator) -> None:
    box = ann.page.locator(".chart .u-over").bounding_box()
    assert box
    ann.page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 30)
    ann.page.mouse.down()
    ann.page.mouse.move(box["x"] + box["width"] * 0.95, box["y"] + 30, steps=6)
    ann.page.mouse.up()
    expect(ann.at("zoom-back")).to_be_visible()
    expect(ann.at("total")).not_to_have_text(f"{LINES:,} rows")
    expect(ann.at("stop")).to_have_count(0)
    cells = ann.at("chart-table").locator("td").all_text_contents()
    assert 0 < sum(map(int, cells)) < LINES
    expect(ann.at("total")).to_have_text(f"{sum(map(int, cells)):,} rows")
    ann.at("zoom-back").click()
    expect(ann.at("zoom-back")).to_have_count(0)
    ann.counts(LINES)


def test_a_row_is_opened_and_shows_its_context(ann: Operator) -> None:
    ann.lines().nth(3).click()
    expect(ann.at("detail")).to_contain_text("service")
    assert "row=" in ann.page.url
    first = ann.at("whole").inner_text()
    ann.page.get_by_role("button", name="Next row").click()
    expect(ann.at("whole")).not_to_have_text(first)
    ann.at("context").click()
    drawer = ann.at("context-drawer")
    expect(drawer.locator("[aria-current=true]")).to_be_visible()
    before = drawer.locator(".one").count()
    ann.at("more-before").click()
    expect(drawer.locator(".one")).to_have_count(before + 50)
    ann.page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)


def test_a_broken_query_is_underlined_and_repaired(ann: Operator) -> None:
    ann.ask("level:error AND (sshd")
    expect(ann.at("query-error")).to_contain_text("bracket")
    expect(ann.page.locator(".cm-lintRange-error")).to_be_visible()
    expect(ann.at("rows-failure")).to_be_visible()
    ann.at("repair").click()
    expect(ann.at("query-error")).to_have_count(0)
    expect(ann.at("rows-failure")).to_have_count(0)
    ann.said.clear()  # a browser reports each answer with status 400 as an error of its own


def test_completion_offers_fields_and_their_values(ann: Operator) -> None:
    ann.at("query").click()
    ann.page.keyboard.press("ControlOrMeta+A")
    ann.page.keyboard.type("lev")
    expect(ann.page.locator(".cm-tooltip-autocomplete li").first).to_contain_text("level")
    ann.page.keyboard.press("Tab")
    expect(ann.page.locator(".cm-tooltip-autocomplete li", has_text="error")).to_be_visible()
    ann.page.keyboard.type("err")
    expect(ann.page.locator(".cm-tooltip-autocomplete li")).to_have_count(1)
    ann.page.keyboard.press("Tab")
    ann.page.keyboard.press("Enter")
    expect(ann.at("query")).to_have_text("level:error")
    ann.counts(LINES // 5)


def test_a_pipe_makes_a_table(ann: Operator) -> None:
    ann.ask("* | stats count() by service")
    expect(ann.at("table").locator("tbody tr")).to_have_count(3)
    expect(ann.at("table")).to_contain_text("1,000")


def test_a_tail_shows_what_comes_in_and_pauses(ann: Operator, platform: Platform) -> None:
    ann.ask("tailed")
    ann.at("live").click()
    expect(ann.at("tail-phase")).to_contain_text("Waiting")
    now = datetime.now(UTC).isoformat()
    platform.send([{"ts": now, "level": "WARN", "message": f"tailed {number}"} for number in range(3)])
    expect(ann.at("tail").locator("[role=row]")).to_have_count(3, timeout=WAIT_MS)
    ann.at("pause").click()
    platform.send([{"ts": now, "level": "WARN", "message": f"tailed again {number}"} for number in range(2)])
    expect(ann.at("resume")).to_contain_text("2 new rows", timeout=WAIT_MS)
    expect(ann.at("tail").locator("[role=row]")).to_have_count(3)
    ann.at("resume").click()
    expect(ann.at("tail").locator("[role=row]")).to_have_count(5)
    platform.tailed = 5
    ann.at("tail-end").click()


def test_rows_are_exported_at_once_and_by_a_worker(ann: Operator) -> None:
    count = LINES // 5
    ann.ask("level:error")
    ann.counts(count)
    ann.at("open-export").click()
    ann.at("form").select_option("jsonl")
    with ann.page.expect_download() as at_once:
        ann.at("download").click()
    assert len(Path(at_once.value.path()).read_text().splitlines()) == count
    ann.at("begin-export").click()
    with ann.page.expect_download(timeout=WAIT_MS) as later:
        ann.at("fetch").first.click(timeout=WAIT_MS)
    assert len(Path(later.value.path()).read_text().splitlines()) == count
    ann.page.keyboard.press("Escape")


def test_a_link_opens_the_search_for_somebody_else(ann: Operator, browser: Browser) -> None:
    ann.ask("service:search")
    ann.counts(LINES // 3)
    ann.at("open-share").click()
    ann.at("make-link").click()
    path = ann.at("link").input_value().removeprefix(ann.fleet.url)
    ann.page.keyboard.press("Escape")
    ben = Operator(browser, ann.fleet, theme="dark", language="zh-CN")
    ben.sign_in(path)
    expect(ben.at("query")).to_have_text("service:search")
    expect(ben.lines().first).to_be_visible()
    expect(ben.at("run")).to_have_text("查询")
    assert ben.serious() == []
    assert ben.said == []
    ben.context.close()


def test_a_favourite_is_saved_and_opened_and_history_is_kept(ann: Operator) -> None:
    ann.ask("level:warn")
    ann.at("star").click()
    ann.at("favourite-name").fill("警告")
    ann.at("save-favourite").click()
    ann.at("tab-saved").click()
    expect(ann.at("favourite")).to_contain_text("警告")
    ann.ask("level:info")
    ann.counts(LINES * 2 // 5)  # what did not end is no history
    ann.at("favourite").click()
    expect(ann.at("query")).to_have_text("level:warn")
    ann.page.reload()
    ann.at("tab-saved").click()
    expect(ann.at("past").filter(has_text="level:info").first).to_be_visible()
    ann.at("tab-fields").click()


def test_rows_are_found_among_those_that_are_loaded(ann: Operator) -> None:
    ann.page.keyboard.press("ControlOrMeta+f")
    ann.at("find").fill("支付")
    expect(ann.at("find-count")).to_have_text(re.compile(r"^(1 of \d+|nothing)$"))
    ann.at("find").fill("sshd" if LOGHUB.is_dir() else "refused")
    expect(ann.at("find-count")).to_have_text(re.compile(r"^1 of \d+"))
    expect(ann.at("rows").locator("mark.found").first).to_be_visible()
    ann.at("find").press("Enter")
    expect(ann.at("find-count")).to_have_text(re.compile(r"^2 of \d+"))
    ann.at("find").press("Escape")


def test_nothing_found_offers_a_way_on(ann: Operator) -> None:
    ann.ask("service:shop AND nothinglikeit")
    expect(ann.at("empty")).to_be_visible()
    ann.at("empty").get_by_role("button", name="Without nothinglikeit").click()
    expect(ann.lines().first).to_be_visible()


def test_a_store_that_is_down_is_said_where_it_is_missed(ann: Operator, platform: Platform) -> None:
    with platform.without_store():
        ann.ask("level:debug")
        for part in (ann.at("rows-failure"), ann.at("chart").get_by_role("alert"), ann.at("fields").get_by_role("alert")):
            expect(part).to_contain_text("does not answer", timeout=WAIT_MS)
        expect(ann.at("rows-failure")).to_contain_text("bklog status")
        assert said_of_health(ann) == []
    ann.at("rows-failure").get_by_role("button", name="Try again").click()
    ann.counts(LINES // 5)
    expect(ann.lines().first).to_be_visible()
    assert ann.page.get_by_role("alert").count() == 0
    ann.said.clear()  # the browser's own reports of status 503


def said_of_health(ann: Operator) -> list[str]:
    """On the console of a tab of hers that shows which part is down: what a browser says of a status 503 would be there."""
    said: list[str] = []
    tab = ann.context.new_page()
    tab.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    tab.goto(f"{ann.fleet.url}/operate/health")
    expect(tab.get_by_test_id("one").filter(has_text=re.compile("^store"))).to_contain_text("down", timeout=WAIT_MS)
    tab.close()
    return said


def test_a_slow_store_is_waited_for_and_a_search_of_it_is_stopped(ann: Operator, platform: Platform) -> None:
    with platform.slow_store():
        ann.ask("level:warn")
        expect(ann.at("stop")).to_be_visible()
        with ann.page.expect_request("**/search/cancel/"):
            ann.at("stop").click()
        expect(ann.at("stopped")).to_contain_text("Incomplete")
        ann.ask("level:info")
        expect(ann.at("stop")).to_be_visible()
    ann.counts(LINES * 2 // 5)  # what was under way ends once the store goes on
    expect(ann.at("stopped")).to_have_count(0)
    expect(ann.lines().first).to_be_visible()


def test_a_part_that_fails_says_so_and_the_others_stand(ann: Operator) -> None:
    failure = {"error": {"code": "store_down", "message": "the store does not answer", "hint": "bklog status"}}

    def fail(route: Route) -> None:
        route.fulfill(status=503, json=failure, headers={"Retry-After": "1"})

    ann.page.route("**/aggs/date_histogram/", fail)
    ann.ask("level:debug")
    expect(ann.at("chart").get_by_role("alert")).to_contain_text("the store does not answer")
    expect(ann.at("chart").get_by_role("alert")).to_contain_text("page-")
    expect(ann.lines().first).to_be_visible()
    ann.page.unroute("**/aggs/date_histogram/")
    ann.at("chart").get_by_role("button", name="Try again").click()
    expect(ann.at("chart").get_by_role("alert")).to_have_count(0)
    ann.counts(LINES // 5)
    ann.said.clear()  # the browser's own report of the status


def test_a_table_has_chosen_columns_and_nothing_keeps_anybody_out(ann: Operator) -> None:
    ann.at("fields").get_by_role("button", name="Show status as a column").click()
    expect(ann.at("rows").get_by_role("columnheader", name=re.compile("status"))).to_be_visible()
    assert "cols=status" in ann.page.url
    ann.lines().first.locator(".time").click()
    expect(ann.at("detail")).to_be_visible()
    assert ann.serious() == []
    ann.at("theme").click()
    assert ann.page.locator("html").get_attribute("data-theme") == "dark"
    assert ann.serious() == []
    ann.page.set_viewport_size({"width": 390, "height": 844})
    expect(ann.page.locator("html")).to_have_js_property("scrollWidth", 390)  # nothing stands out
    ann.page.set_viewport_size({"width": 1280, "height": 720})


def test_the_keyboard_does_it(ann: Operator) -> None:
    ann.at("rows").focus()
    ann.page.keyboard.press("j")
    ann.page.keyboard.press("j")
    expect(ann.lines().nth(1)).to_have_attribute("aria-selected", "true")
    ann.page.keyboard.press("w")
    assert "wrap=1" in ann.page.url
    ann.page.keyboard.press("w")
    ann.page.keyboard.press("?")
    expect(ann.page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    ann.page.keyboard.press("Escape")
    ann.page.keyboard.press("/")
    expect(ann.at("query")).to_be_focused()
