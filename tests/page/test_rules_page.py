"""Clean rules on the page, in a real browser, on real lines: a template taken and made, an older version taken back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, expect

from tests.page.desk import NEEDS_A_BROWSER, WAIT_MS, Operator, Platform
from tests.page.test_collect_page import REFUSED_BY_THE_BROWSER, choose, go, id_of
from tests.search.lines import LOGHUB
from tests.waiting import wait_until

pytestmark = list(NEEDS_A_BROWSER)
MANY: Final = 20
SPARK: Final = (
    (LOGHUB / "Spark_2k.log").read_text().splitlines()[:MANY]
    if LOGHUB.is_dir()
    else [
        f"17/06/09 20:10:{number} INFO storage.BlockManager: Registering executor {number}" for number in range(10, 10 + MANY)
    ]
)
OF_BLOCKS: Final = sum(" storage.BlockManager: " in line for line in SPARK)


@pytest.fixture(scope="module")
def ruth(browser: Browser, platform: Platform) -> Iterator[Operator]:
    operator = Operator(browser, platform.fleet)
    operator.sign_in()
    yield operator
    operator.context.close()


@pytest.fixture(scope="module", autouse=True)
def changing(platform: Platform) -> int:
    """The run that reads the rows of `z-back` anew: begun first, since the table of before is kept for a while."""
    fleet = platform.fleet
    made = fleet.api("POST", "/api/v1/databus/collectors/", {"name": "z-back"})
    assert fleet.send("/ingest/v1/lines", b"a WARN of text", token=made["ingest_token"], key="back-1")["stored"] == 1
    changed = fleet.api("PATCH", f"/api/v1/databus/collectors/{made['id']}/", {"clean_rule": {"kind": "json"}})
    return int(changed["id"])


def collector(ruth: Operator, name: str) -> dict[str, Any]:
    return ruth.fleet.api("GET", f"/api/v1/databus/collectors/{id_of(ruth.fleet, name)}/")


def templates(ruth: Operator) -> dict[str, Any]:
    """Those of the space by their names."""
    items = ruth.fleet.api("GET", "/api/v1/databus/clean_template/?space=default")["items"]
    return {one["name"]: one for one in items if one["id"]}


def test_a_template_is_taken_in_the_wizard_and_made(ruth: Operator) -> None:
    choose(ruth, "lines", "z-spark")
    token = ruth.at("token-shown").inner_text()
    ruth.at("next").click()
    assert ruth.fleet.send("/ingest/v1/lines", "\n".join(SPARK).encode(), token=token, key="spark-1")["stored"] == MANY
    expect(ruth.at("first-lines").locator("li")).to_have_count(MANY)
    ruth.at("next").click()
    _take_a_template(ruth)
    _keep_it_under_a_name(ruth)
    ruth.at("next").click()
    ruth.at("keep").click()
    expect(ruth.at("run-state")).to_have_text("done", timeout=3 * WAIT_MS)
    ruth.at("to-search").click()
    expect(ruth.at("source")).to_contain_text("z-spark", timeout=WAIT_MS)
    ruth.ask("logger:storage.BlockManager")
    ruth.counts(OF_BLOCKS)
    go(ruth, f"/collect/{id_of(ruth.fleet, 'z-spark')}?part=rule")
    expect(ruth.at("rule-version")).to_have_count(2)
    expect(ruth.at("rule-version").first).to_contain_text("by admin")
    assert [said for said in ruth.said if REFUSED_BY_THE_BROWSER not in said] == []


def _take_a_template(ruth: Operator) -> None:
    expect(ruth.at("rule-table")).not_to_contain_text("logger")
    ruth.at("template").select_option("syslog")
    expect(ruth.at("rule-reason")).to_have_text(f"pattern_unmatched · {MANY}")
    ruth.at("template").select_option("spark")
    expect(ruth.at("template-about")).to_contain_text("The rule is copied")
    expect(ruth.at("rule-read")).to_have_text(f"{MANY} of {MANY} lines are read")
    expect(ruth.at("rule-table")).to_contain_text("logger")
    pattern = ruth.at("rule-pattern").input_value()
    ruth.at("rule-pattern").fill(f"{pattern}(?=x)")
    expect(ruth.at("rule-failure")).to_contain_text("RE2")
    ruth.at("rule-pattern").fill(pattern.replace("written_at", "written"))
    expect(ruth.at("rule-read")).to_have_text(f"{MANY} of {MANY} lines are read")
    expect(ruth.at("rule-failure")).to_have_count(0)
    assert ruth.serious() == []


def _keep_it_under_a_name(ruth: Operator) -> None:
    ruth.at("save-template").click()
    ruth.at("template-name").fill("syslog")
    ruth.at("keep-template").click()
    expect(ruth.at("template-failure")).to_contain_text("template_exists")
    ruth.at("template-name").fill("星火 <b>")
    ruth.at("template-description").fill("Spark 的日志")
    assert ruth.serious() == []
    ruth.at("keep-template").click()
    expect(ruth.at("template-saved")).to_have_text("Saved as 星火 <b>")
    kept = templates(ruth)["星火 <b>"]
    assert ("(?P<written>" in kept["clean_rule"]["pattern"], kept["description"]) == (True, "Spark 的日志")


def test_a_template_is_changed_and_deleted_and_collectors_stay_as_they_are(ruth: Operator) -> None:
    rule = {"kind": "json", "time_field": "ts"}
    made = ruth.fleet.api("POST", "/api/v1/databus/clean_template/", {"name": "shared", "clean_rule": rule})
    ruth.fleet.api("POST", "/api/v1/databus/collectors/", {"name": "z-taker", "clean_rule": rule})
    go(ruth, f"/collect/{id_of(ruth.fleet, 'z-taker')}?part=rule")
    ruth.at("template").select_option(str(made["id"]))
    ruth.at("rule-time").fill("at")
    ruth.at("save-template").click()
    expect(ruth.at("keep-template")).to_have_text("Change shared")
    ruth.at("keep-template").click()
    expect(ruth.at("template-saved")).to_be_visible()
    assert templates(ruth)["shared"]["clean_rule"]["time_field"] == "at"
    ruth.at("delete-template").click()
    ruth.at("delete-template-yes").click()
    expect(ruth.at("delete-template")).to_have_count(0)
    assert "shared" not in templates(ruth)
    assert collector(ruth, "z-taker")["clean_rule"]["time_field"] == "ts"
    ruth.page.get_by_role("button", name="Back to the rule in force").click()  # else leaving is asked about
    expect(ruth.at("rule-time")).to_have_value("ts")


def test_an_older_version_is_compared_tried_and_taken_back(ruth: Operator, changing: int) -> None:
    run = f"/api/v1/pipelines/{changing}/"
    wait_until(lambda: ruth.fleet.api("GET", run)["state"] == "done", seconds=600)
    where = f"/collect/{id_of(ruth.fleet, 'z-back')}?part=rule"
    go(ruth, where)
    expect(ruth.at("rule-version")).to_have_count(2)
    first = ruth.at("rule-version").nth(1)
    expect(first).to_contain_text("Version 1")
    expect(first.get_by_test_id("version-difference").get_by_role("row", name="a line is")).to_contain_text("json")
    assert ruth.serious() == []
    expect(ruth.at("rule-reason")).to_have_text("not_json_object · 1")
    first.get_by_test_id("try-version").click()
    expect(ruth.at("rule-kind")).to_have_value("text")
    expect(ruth.at("rule-read")).to_have_text("1 of 1 lines are read")
    ruth.at("apply-rule").click()
    expect(ruth.at("run-state")).to_have_text("done", timeout=3 * WAIT_MS)
    go(ruth, where)
    expect(ruth.at("rule-version")).to_have_count(3)
    assert collector(ruth, "z-back")["clean_rule"]["kind"] == "text"
