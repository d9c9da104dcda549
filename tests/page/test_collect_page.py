"""Collectors on the page, in a real browser, with real senders: from where lines come from to a search that finds them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.page.desk import FAR, HOSTILE, NEEDS_A_BROWSER, PASSWORD, WAIT_MS, Operator, Platform
from tests.running_fleet import RunningFleet
from tests.waiting import wait_until

pytestmark = list(NEEDS_A_BROWSER)
REFUSED_BY_THE_BROWSER: Final = "Failed to load resource"  # what a browser says of each answer with status 400 and more
CURL: Final = shutil.which("curl")


@pytest.fixture(scope="module")
def cara(browser: Browser, platform: Platform) -> Iterator[Operator]:
    with Operator.signed_in(browser, platform) as operator:
        yield operator


@pytest.fixture(autouse=True)
def _quiet(cara: Operator) -> Iterator[None]:
    """No script failed, no policy was broken, no line ran."""
    cara.said.clear()
    yield
    assert [said for said in cara.said if REFUSED_BY_THE_BROWSER not in said] == []


def go(operator: Operator, path: str) -> None:
    operator.page.goto(operator.fleet.url + path)


def choose(cara: Operator, source: str, name: str) -> None:
    go(cara, "/collect/new")
    cara.at(f"source-{source}").check()
    cara.at("collector-name").fill(name)
    cara.at("create").click()
    expect(cara.at("wizard-name")).to_have_text(name)


def id_of(fleet: RunningFleet, name: str) -> int:
    (found,) = fleet.api("GET", f"/api/v1/databus/collectors/?name={name}")["items"]
    return int(found["id"])


# Names that come after `shop`: of all index sets the first one is what the Search page opens with.
def made(fleet: RunningFleet, name: str, rows: list[dict[str, Any]], **more: Any) -> int:
    """A collector that has got these rows already."""
    answer = fleet.api("POST", "/api/v1/databus/collectors/", {"name": name, "clean_rule": {"kind": "json"}, **more})
    sent(fleet, answer["ingest_token"], rows, name)
    return int(answer["id"])


def orders() -> list[dict[str, Any]]:
    """Five of the last minute."""
    now = datetime.now(UTC)
    texts = ["paid", HOSTILE, "支付超时", "paid", "paid"]
    return [
        {"ts": (now - timedelta(seconds=60 - number)).isoformat(), "status": 500 + number, "level": "WARN", "message": text}
        for number, text in enumerate(texts)
    ]


def sent(fleet: RunningFleet, token: str, rows: list[dict[str, Any]], key: str) -> dict[str, Any]:
    body = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()
    return fleet.send("/ingest/v1/jsonl", body, token=token, key=key)


def test_the_wizard_ends_with_lines_that_a_search_finds(cara: Operator) -> None:
    choose(cara, "jsonl", "z-orders")
    _see_first_lines(cara)
    _try_a_rule(cara)
    _survive_a_reload(cara)
    cara.at("next").click()
    cara.at("days").fill("9")
    cara.at("keep").click()
    expect(cara.at("run-state")).to_have_text("done", timeout=3 * WAIT_MS)
    expect(cara.at("first-lines").locator("li")).to_have_count(5)
    cara.at("to-search").click()
    expect(cara.at("source")).to_contain_text("z-orders", timeout=WAIT_MS)
    cara.ask("status:>=503")
    cara.counts(2)
    found = cara.fleet.api("GET", f"/api/v1/databus/collectors/{id_of(cara.fleet, 'z-orders')}/")
    assert (found["retention_days"], found["clean_rule"]["types"]) == (9, {"status": "int"})


def _see_first_lines(cara: Operator) -> None:
    token = cara.at("token-shown").inner_text()
    assert token.startswith("bki")
    assert token in cara.at("command").first.inner_text()
    assert token not in cara.page.url
    assert cara.serious() == []
    cara.at("next").click()
    expect(cara.at("checks")).to_contain_text("no request has reached")
    assert sent(cara.fleet, token, orders(), "orders-1")["stored"] == 5
    expect(cara.at("first-lines").locator("li")).to_have_count(5)
    expect(cara.at("first-lines")).to_contain_text("<img src=x onerror=alert(1)>")
    assert cara.page.locator("[data-testid=first-lines] img, [data-testid=first-lines] script").count() == 0
    assert cara.serious() == []


def _try_a_rule(cara: Operator) -> None:
    cara.at("next").click()
    expect(cara.at("rule-read")).to_have_text("5 of 5 lines are read")
    cara.at("rule-time").fill("tss")
    expect(cara.at("rule-reason")).to_have_text("time_missing · 5")
    cara.at("rule-time").fill("ts")
    expect(cara.at("rule-read")).to_have_text("5 of 5 lines are read")
    types = cara.at("rule-table")
    types.get_by_label("Type of message").select_option("int")
    expect(cara.at("rule-reason")).to_have_text("field_type · 5")
    types.get_by_label("Type of message").select_option("")
    types.get_by_label("Type of status").select_option("int")
    expect(cara.at("rule-read")).to_have_text("5 of 5 lines are read")
    assert cara.serious() == []


def _survive_a_reload(cara: Operator) -> None:
    cara.page.reload()
    expect(cara.at("rule-time")).to_have_value("ts")
    expect(cara.at("rule-table").get_by_label("Type of status")).to_have_value("int")
    cara.page.go_back()
    expect(cara.at("first-lines").locator("li")).to_have_count(5)
    cara.page.go_forward()


def test_what_was_sent_before_a_reload_is_sent_on_with_another_token(cara: Operator) -> None:
    choose(cara, "lines", "z-plain")
    first = cara.at("token-shown").inner_text()
    cara.page.reload()
    expect(cara.at("command").first).to_contain_text("INGEST_TOKEN")
    assert first not in cara.page.content()
    cara.at("make-token").click()
    expect(cara.at("token-shown")).to_be_visible()  # one that is not there has no text either
    expect(cara.at("token-shown")).not_to_have_text(first)
    command = cara.at("command").first.inner_text()
    cara.at("next").click()
    if CURL:  # what is shown is what is run
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
    else:
        token = command.split("Bearer ")[1].split("'")[0]
        cara.fleet.send("/ingest/v1/lines", b"a ERROR refused\nan INFO connected\n", token=token, key="plain-1")
    expect(cara.at("first-lines").locator("li")).to_have_count(2)
    expect(cara.at("first-lines").locator(".level.error")).to_have_count(1)


def test_a_file_is_sent_by_the_command_that_is_shown(cara: Operator, tmp_path: Path) -> None:
    choose(cara, "file", "z-imported")
    command = cara.at("command").first.inner_text()
    assert command.startswith("bklog ingest --collector z-imported ")
    cara.at("next").click()
    file = tmp_path / "app.log"
    file.write_text("2026-11-26 ERROR connection refused\n2026-11-26 INFO connected\n支付 WARN 超时\n")
    cara.fleet.bklog("ingest", "--collector", "z-imported", str(file))
    expect(cara.at("first-lines").locator("li")).to_have_count(3)
    cara.at("next").click()
    expect(cara.at("rule-read")).to_have_text("3 of 3 lines are read")
    cara.at("rule-kind").select_option("json")
    expect(cara.at("rule-reason")).to_have_text("not_json_object · 3")
    cara.at("rule-kind").select_option("text")
    cara.at("own-lines").click()
    cara.at("own-text").fill("one FATAL\ntwo")
    expect(cara.at("rule-read")).to_have_text("2 of 2 lines are read")
    cara.at("next").click()
    cara.at("keep").click()
    expect(cara.at("to-search")).to_be_visible()
    expect(cara.at("run-progress")).to_have_count(0)  # nothing was changed: nothing is to be done


def test_files_of_the_platforms_machine_are_followed_by_a_run_that_is_seen(cara: Operator) -> None:
    go(cara, "/collect/new?source=fleet&name=z-followed")
    cara.at("paths").fill("/var/log/bklog-of-a-test-*.log")
    cara.at("create").click()
    expect(cara.at("run-progress").locator("[aria-current=step]")).to_contain_text("first_line")
    expect(cara.at("wizard-name")).to_have_text("z-followed")
    cara.at("next").click()
    expect(cara.at("checks")).to_contain_text("may the platform read them")
    go(cara, f"/collect/{id_of(cara.fleet, 'z-followed')}?part=runs")
    cara.at("run").get_by_role("button").click()
    cara.page.get_by_role("button", name="Leave the step out").click()
    expect(cara.at("run-state")).to_have_text("done")


def test_what_the_platform_refuses_is_said_where_it_happened(cara: Operator) -> None:
    go(cara, "/collect/new?source=fleet&name=shadow&paths=%2Fetc%2Fshadow")
    cara.at("create").click()
    expect(cara.at("wizard-failure")).to_contain_text("may not follow /etc/shadow")
    expect(cara.at("wizard-failure")).to_contain_text("BKLOG_AGENT_FOLDERS")
    expect(cara.at("wizard-failure")).to_contain_text("page-")
    choose_again = cara.at("source-lines")
    choose_again.check()
    cara.at("collector-name").fill("shop")
    cara.at("create").click()
    expect(cara.at("wizard-failure")).to_contain_text("collector_exists")


def test_the_list_tells_how_each_is_and_leads_to_what_was_refused(cara: Operator) -> None:
    rule = {"kind": "json", "time_field": "ts"}
    rows = [{"ts": "2001-01-01T00:00:00Z", "message": "late"}, orders()[0]]
    made(cara.fleet, "z-stale", rows, clean_rule=rule, labels={"team": "买卖"})
    go(cara, "/collect")
    cara.at("find-collector").fill("买卖")
    row = cara.at("collector")
    expect(row).to_have_count(1)
    expect(cara.page).to_have_url(re.compile("find="))
    expect(row.get_by_test_id("health")).to_have_text("refuses lines")
    expect(row.locator("td.rejected")).to_have_text("1 · 50 %")
    expect(row.locator("td.received")).to_have_text("2")
    assert cara.serious() == []
    row.locator("td.rejected a").click()
    expect(cara.at("source")).to_contain_text("bklog-rejects")
    cara.counts(1)
    expect(cara.lines().first).to_contain_text("late")
    cara.page.go_back()
    expect(cara.at("collector")).to_have_count(1)
    cara.at("find-collector").fill("")
    cara.page.get_by_role("button", name="Received").click()
    expect(cara.page).to_have_url(re.compile("sort=received"))
    expect(cara.page.get_by_role("columnheader", name="Received")).to_have_attribute("aria-sort", "descending")


def test_names_stand_while_figures_fail(cara: Operator) -> None:
    failure = {"error": {"code": "store_down", "message": "the store does not answer", "hint": "bklog status"}}

    def fail(route: Route) -> None:
        route.fulfill(status=503, json=failure, headers={"Retry-After": "1"})

    cara.page.route("**/collectors/ledger/*", fail)
    go(cara, "/collect?find=bklog-rejects")
    expect(cara.at("ledger-failure")).to_contain_text("the store does not answer")
    expect(cara.at("collector")).to_have_count(1)
    cara.page.unroute("**/collectors/ledger/*")
    cara.at("ledger-failure").get_by_role("button", name="Try again").click()
    expect(cara.at("ledger-failure")).to_have_count(0)


def test_a_collector_is_looked_at_and_changed(cara: Operator) -> None:
    collector = made(cara.fleet, "z-kept", orders()[:1])
    go(cara, f"/collect/{collector}")
    expect(cara.at("received")).to_have_text("1")
    cara.at("part-settings").click()
    cara.at("description").fill("过期的日志 <b>")
    cara.leaves = False
    cara.at("part-send").click()
    cara.is_asked("confirm")
    expect(cara.at("description")).to_have_value("过期的日志 <b>")
    cara.leaves = True
    cara.at("days").fill("12")
    cara.at("save-settings").click()
    expect(cara.at("saved")).to_be_visible()
    cara.at("part-send").click()
    cara.at("make-token").click()
    token = cara.at("token-shown").inner_text()
    assert sent(cara.fleet, token, orders()[1:2], "kept-2")["stored"] == 1
    cara.at("part-rule").click()
    expect(cara.at("rule-read")).to_have_text("2 of 2 lines are read")
    cara.at("rule-level").fill("message")
    cara.at("apply-rule").click()
    expect(cara.at("run-state")).to_be_visible()
    expect(cara.at("run")).to_have_count(1)
    expect(cara.page).to_have_url(re.compile("run="))
    assert cara.serious() == []
    shown = cara.fleet.api("GET", f"/api/v1/databus/collectors/{collector}/")
    assert (shown["description"], shown["retention_days"]) == ("过期的日志 <b>", 12)


def test_another_token_is_made_used_and_revoked(cara: Operator) -> None:
    collector = made(cara.fleet, "z-shared", orders()[:1])
    go(cara, f"/collect/{collector}?part=send")
    tokens = cara.at("tokens").get_by_test_id("token")
    cara.at("token-purpose").fill("网关 <b>")
    cara.at("make-named-token").click()
    expect(tokens).to_have_count(2)
    secret = cara.at("token-shown").inner_text()
    mine = tokens.filter(has_text="网关 <b>")
    expect(mine).to_contain_text(secret[:8])
    assert sent(cara.fleet, secret, orders()[1:2], "shared-2")["stored"] == 1
    assert cara.serious() == []
    mine.get_by_test_id("revoke-token").click()
    expect(cara.at("confirm")).to_contain_text("refused within 3 seconds")
    expect(cara.at("confirm")).not_to_contain_text("the last one")
    cara.at("confirm-go").click()
    expect(mine).to_contain_text("by admin")
    expect(cara.at("token-shown")).to_have_count(0)
    wait_until(lambda: cara.fleet.post("/ingest/v1/lines", b"late", {"Authorization": f"Bearer {secret}"})[0] == 401)
    cara.at("revoke-token").click()
    expect(cara.at("confirm")).to_contain_text("nobody can send to z-shared")
    cara.at("confirm-go").click()
    expect(cara.at("no-token")).to_be_visible()
    assert cara.serious() == []


def test_a_collector_is_moved_to_another_store(cara: Operator) -> None:
    collector = made(cara.fleet, "z-moved", orders())
    go(cara, f"/collect/{collector}?part=settings")
    expect(cara.at("move")).to_be_disabled()
    cara.at("move-to").select_option(FAR)
    expect(cara.at("move-about")).to_contain_text("z-moved is copied to the store far with all its rows")
    assert cara.serious() == []
    cara.at("move").click()
    expect(cara.at("run-state")).to_have_text("done", timeout=3 * WAIT_MS)
    expect(cara.at("run")).to_contain_text("collector_move")
    assert cara.fleet.api("GET", f"/api/v1/databus/collectors/{collector}/")["store"] == FAR
    assert cara.fleet.count("*", "z-moved") == 5
    cara.at("part-figures").click()
    expect(cara.at("first-lines").locator("li")).to_have_count(5)


def test_a_collector_goes_when_its_name_is_typed(cara: Operator) -> None:
    collector = made(cara.fleet, "z-done-with", orders()[:1])
    go(cara, f"/collect/{collector}?part=delete")
    expect(cara.at("delete")).to_be_disabled()
    cara.at("typed-name").fill("z-done-wit")
    expect(cara.at("delete")).to_be_disabled()
    cara.at("typed-name").fill("z-done-with")
    cara.at("delete").click()
    expect(cara.at("run-progress")).to_contain_text("refuse")
    expect(cara.at("run-progress").locator("[aria-current=step]")).to_contain_text("drain")
    cara.page.wait_for_url("**/collect", timeout=3 * WAIT_MS)
    expect(cara.at("collector").first).to_be_visible()
    expect(cara.at("collectors")).not_to_contain_text("z-done-with")


def test_another_language_another_theme_and_a_small_screen(browser: Browser, platform: Platform) -> None:
    dan = Operator(browser, platform.fleet, theme="dark", language="zh-CN")
    dan.sign_in()
    collector = made(platform.fleet, "z-seen", orders())
    for path, shown in (
        ("/collect", "采集"),
        ("/collect/new", "新建采集项"),
        (f"/collect/new?step=lines&id={collector}", "已有 5 条日志"),
        (f"/collect/new?step=rule&id={collector}", "5 条中有 5 条可解析"),
        (f"/collect/{collector}", "入库"),
        (f"/collect/{collector}?part=rule", "采用此规则"),
        (f"/collect/{collector}?part=send", "上报令牌列表"),
        (f"/collect/{collector}?part=settings", "保留天数"),
        (f"/collect/{collector}?part=runs", "任务流程"),
        (f"/collect/{collector}?part=delete", "删除 z-seen 及其日志"),
    ):
        go(dan, path)
        expect(dan.page.locator("main")).to_contain_text(shown)
        assert dan.serious() == [], path
    dan.page.set_viewport_size({"width": 390, "height": 844})
    for path in ("/collect", "/collect/new", f"/collect/{collector}?part=rule"):
        go(dan, path)
        expect(dan.page.locator("h1")).to_be_visible()
        dan.page.wait_for_function("document.documentElement.scrollWidth <= 390")
    assert [said for said in dan.said if REFUSED_BY_THE_BROWSER not in said] == []
    dan.context.close()


def test_what_a_viewer_may_not_is_not_offered(browser: Browser, platform: Platform) -> None:
    collector = made(platform.fleet, "z-watched", orders())
    platform.employ("eva", {"default": "viewer"})
    with Operator.signed_in(browser, platform, "eva", PASSWORD) as eva:
        _look_as_a_viewer(eva, collector)
        assert [said for said in eva.said if REFUSED_BY_THE_BROWSER not in said] == []


def _look_as_a_viewer(eva: Operator, collector: int) -> None:
    go(eva, "/collect?find=z-watched")
    expect(eva.at("collector")).to_have_count(1)
    assert eva.at("new-collector").count() == 0
    go(eva, f"/collect/{collector}?part=delete")
    expect(eva.at("received")).to_have_text("5")
    expect(eva.at("first-lines").locator("li")).to_have_count(5)
    assert eva.at("part-settings").count() == 0
    assert eva.at("delete").count() == 0
    eva.at("part-runs").click()
    expect(eva.at("runs-failure")).to_contain_text("role_missing")
    go(eva, "/collect/new?source=lines&name=mine")
    eva.at("create").click()
    expect(eva.at("wizard-failure")).to_contain_text("role_missing")


def test_the_keyboard_does_it(cara: Operator) -> None:
    go(cara, "/collect")
    cara.at("new-collector").focus()
    cara.page.keyboard.press("Enter")
    expect(cara.at("source-lines")).to_be_visible()
    cara.at("source-lines").focus()
    cara.page.keyboard.press("ArrowDown")
    expect(cara.at("source-jsonl")).to_be_checked()
    cara.at("collector-name").fill("UPPER")
    cara.page.keyboard.press("Enter")
    expect(cara.at("create")).to_be_visible()  # the browser says what a name is
    assert "id=" not in cara.page.url
