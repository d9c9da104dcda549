"""Versions of a collector's clean rule are kept, read and taken back; templates are made, taken, changed and deleted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from bklog.accounts.models import AuditEntry
from bklog.api import rules as rules_api
from bklog.clean import CleanRule
from bklog.clean.shipped import SHIPPED
from bklog.cli import clean_rule as clean_rule_module
from bklog.cli import collectors as collectors_module
from bklog.cli import runs as runs_module
from bklog.cli.commands import clean_template as template_command
from bklog.cli.commands import collector as collector_command
from bklog.collect import templates as templates_module
from bklog.collect.models import Collector, RuleTemplate, RuleVersion
from bklog.collect.versions import MOST_KEPT, keep_version
from bklog.store.routed import RoutedStore
from tests.collect.test_changes import RULE, Site, fresh
from tests.collect.test_changes import shop as shop  # noqa: PLC0414 - a fixture
from tests.collect.test_changes import site as changing_site  # noqa: F401 - a fixture
from tests.collect.test_replacing import both as both  # noqa: PLC0414 - a fixture
from tests.store.conftest import store as store  # noqa: PLC0414 - a fixture
from tests.store.conftest import store_server as store_server  # noqa: PLC0414 - a fixture

pytestmark = pytest.mark.django_db
TEMPLATES = "/api/v1/databus/clean_template/"
PATTERN = {"kind": "regexp", "pattern": r"^(?P<level>[A-Z]+) (?P<message>.*)$", "types": {}}


@pytest.fixture
def site(changing_site: Site, both: RoutedStore, monkeypatch: pytest.MonkeyPatch) -> Site:  # noqa: F811 - the fixture above
    monkeypatch.setattr(rules_api, "the_store", lambda: both)
    return changing_site


def versions(site: Site, collector: Collector) -> list[tuple[int, str, str]]:
    items = site.ask("GET", f"{collector.pk}/rules/").json()["items"]
    return [(one["number"], one["clean_rule"]["kind"], one["made_by"]) for one in items]


def recleaned(site: Site, collector: Collector, rule: Any) -> None:
    answer = site.ask("PATCH", f"{collector.pk}/", {"clean_rule": rule})
    assert answer.status_code == 202, answer.json()
    site.work()


def test_each_rule_in_force_is_a_version_and_an_older_one_is_taken_back(site: Site, shop: Collector) -> None:
    assert versions(site, shop) == [(1, "text", "")]
    recleaned(site, shop, RULE)
    recleaned(site, shop, PATTERN)
    assert versions(site, shop) == [(3, "regexp", "test"), (2, "json", "test"), (1, "text", "")]
    second = site.ask("GET", f"{shop.pk}/rules/2/").json()
    assert second["clean_rule"] == CleanRule.from_dict(RULE).as_dict()
    recleaned(site, shop, second["clean_rule"])
    assert versions(site, shop)[0] == (4, "json", "test")
    assert fresh(shop).rule == CleanRule.from_dict(RULE)


def test_what_changes_no_rule_or_never_comes_into_force_is_no_version(site: Site, shop: Collector) -> None:
    assert site.ask("PATCH", f"{shop.pk}/", {"retention_days": 7}).status_code == 200
    assert site.ask("PATCH", f"{shop.pk}/", {"index": "none"}).status_code == 202
    site.work()
    assert fresh(shop).index == "none"
    assert site.ask("PATCH", f"{shop.pk}/", {"clean_rule": RULE}).status_code == 202
    site.work(most=1)  # its table is not swapped
    assert versions(site, shop) == [(1, "text", "")]


def test_of_many_versions_the_latest_are_kept_and_all_go_with_the_collector(site: Site, shop: Collector) -> None:
    for _ in range(MOST_KEPT + 2):
        keep_version(shop, by="ann")
    kept = versions(site, shop)
    assert [number for number, *_ in kept] == list(range(MOST_KEPT + 3, 3, -1))
    answer = site.ask("GET", f"{shop.pk}/rules/3/")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_version")
    assert site.ask("DELETE", f"{shop.pk}/").status_code == 204
    assert not RuleVersion.objects.exists()


def test_a_pattern_that_the_engine_cannot_run_is_refused_before_any_line_depends_on_it(site: Site, shop: Collector) -> None:
    rule = {"kind": "regexp", "pattern": "(?P<a>x)(?!y)"}
    for method, path, body in (
        ("PATCH", f"{shop.pk}/", {"clean_rule": rule}),
        ("POST", "", {"name": "other", "clean_rule": rule}),
        ("POST", "onboard/", {"name": "other", "clean_rule": rule}),
        ("POST", TEMPLATES, {"name": "other", "clean_rule": rule}),
        ("POST", "/api/v1/databus/etl_preview/", {"lines": ["x"], "clean_rule": rule}),
    ):
        error = site.ask(method, path, body).json()["error"]
        assert (error["code"], "RE2" in error["hint"]) == ("clean_rule", True), (path, error)
    assert Collector.objects.count() == 1


def test_a_template_is_made_changed_and_deleted_and_collectors_stay_as_they_are(site: Site, shop: Collector) -> None:
    made = site.ask("POST", TEMPLATES, {"name": "支付日志", "description": "of pay", "clean_rule": RULE})
    assert made.status_code == 201, made.json()
    template = made.json()
    recleaned(site, shop, template["clean_rule"])
    changed = site.ask("PATCH", f"{TEMPLATES}{template['id']}/", {"clean_rule": PATTERN, "name": "pay"}).json()
    assert (changed["name"], changed["description"], changed["clean_rule"]["kind"]) == ("pay", "of pay", "regexp")
    assert fresh(shop).rule == CleanRule.from_dict(RULE)
    assert site.ask("DELETE", f"{TEMPLATES}{template['id']}/").status_code == 204
    assert site.ask("GET", f"{TEMPLATES}{template['id']}/").json()["error"]["code"] == "no_template"
    assert fresh(shop).rule == CleanRule.from_dict(RULE)
    done = AuditEntry.objects.filter(action__startswith="clean_template.").order_by("pk")
    assert [(one.action, one.subject, one.who) for one in done] == [
        ("clean_template.create", "支付日志", "test"),
        ("clean_template.change", "支付日志", "test"),
        ("clean_template.delete", "pay", "test"),
    ]


def test_those_of_a_space_and_of_the_product_are_listed(site: Site) -> None:
    for space, name in (("default", "b"), ("default", "a"), ("bank", "a")):
        assert site.ask("POST", TEMPLATES, {"space": space, "name": name, "clean_rule": RULE}).status_code == 201
    product = [(None, one.name) for one in SHIPPED]
    for query, own in (("", [("bank", "a"), ("default", "a"), ("default", "b")]), ("?space=bank", [("bank", "a")])):
        items = site.ask("GET", f"{TEMPLATES}{query}").json()["items"]
        assert [(one["space"], one["name"]) for one in items] == own + product
    assert all(one["sample"] for one in items if one["space"] is None)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "a", "clean_rule": RULE}, 409, "template_exists"),
        ({"name": "syslog", "clean_rule": RULE}, 409, "template_exists"),
        ({"name": "b"}, 400, "clean_template"),
        ({"name": " b", "clean_rule": RULE}, 400, "clean_template"),
        ({"name": "", "clean_rule": RULE}, 400, "clean_template"),
        ({"name": "b\n", "clean_rule": RULE}, 400, "clean_template"),
        ({"name": "b" * 65, "clean_rule": RULE}, 400, "clean_template"),
        ({"name": 5, "clean_rule": RULE}, 400, "clean_template"),
        ({"name": "b", "clean_rule": RULE, "space": "No"}, 400, "clean_template"),
        ({"name": "b", "clean_rule": RULE, "description": "d" * 201}, 400, "clean_template"),
        ({"name": "b", "clean_rule": RULE, "rule": 1}, 400, "clean_template"),
        ({"name": "b", "clean_rule": {"kind": "xml"}}, 400, "clean_rule"),
        ({"name": "b", "clean_rule": RULE}, 409, "too_many_templates"),
    ],
)
def test_a_template_that_cannot_be_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch, body: Any, status: int, code: str
) -> None:
    assert site.ask("POST", TEMPLATES, {"name": "a", "clean_rule": RULE}).status_code == 201
    if code == "too_many_templates":
        monkeypatch.setattr(templates_module, "MOST_OF_A_SPACE", 1)
    answer = site.ask("POST", TEMPLATES, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert RuleTemplate.objects.count() == 1


def test_a_template_stays_in_its_space(site: Site) -> None:
    made = site.ask("POST", TEMPLATES, {"name": "a", "clean_rule": RULE}).json()
    answer = site.ask("PATCH", f"{TEMPLATES}{made['id']}/", {"space": "bank"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "clean_template")


def test_the_commands_take_a_template_and_an_older_rule(site: Site, shop: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    def api(method: str, path: str, *, json: Any = None) -> Any:
        answer = site.ask(method, path, json)
        site.work()
        return answer.json() if answer.content else None

    for module in (collector_command, runs_module, clean_rule_module, collectors_module, template_command):
        monkeypatch.setattr(module, "api", api)

    def run(command: Any, *words: str) -> str:
        done = CliRunner().invoke(command, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    run(collector_command.collector, "change", "shop", "--template", "access-log", "--wait", "5")
    assert fresh(shop).rule == next(one.rule for one in SHIPPED if one.name == "access-log")
    made = json.loads(run(template_command.clean_template, "create", "web", "--of", "shop", "--description", "of web"))
    assert (made["space"], made["clean_rule"]["kind"]) == ("default", "regexp")
    run(template_command.clean_template, "change", "web", "--clean-rule", json.dumps(RULE))
    assert json.loads(run(template_command.clean_template, "show", "web"))["clean_rule"]["kind"] == "json"
    assert run(template_command.clean_template, "list").splitlines()[0].split() == ["web", "default", "json", "of", "web"]
    run(collector_command.collector, "change", "shop", "--rule-version", "1", "--wait", "5")
    assert fresh(shop).rule.kind == "text"
    assert [line.split()[0] for line in run(collector_command.collector, "rules", "shop").splitlines()] == ["3", "2", "1"]
    assert json.loads(run(collector_command.collector, "rules", "shop", "--number", "2"))["kind"] == "regexp"
    run(template_command.clean_template, "delete", "web", "--yes")
    assert not RuleTemplate.objects.exists()
