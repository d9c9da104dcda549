"""Nothing that an index set masks leaves the platform: every way out is listed here, and a new one fails until it is."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import logging
import pkgutil
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args, get_type_hints
from uuid import uuid4

import click
import pytest
from django.test import Client
from django.urls import get_resolver

import bklog.query
from bklog.accounts.actions import replace_api_token
from bklog.api import analyses as analyses_api
from bklog.api import downloads as downloads_api
from bklog.api import exports as exports_api
from bklog.api import masking as masking_api
from bklog.api import search as search_api
from bklog.api.analyses import ANALYSES
from bklog.clean import CleanRule
from bklog.cli.main import bklog as command_line
from bklog.collect.actions import create_collector, set_masking
from bklog.collect.drafts import Draft
from bklog.collect.models import IndexSet
from bklog.query import Masking, Plan
from bklog.query.outputs import (
    Distinct,
    FieldSample,
    Histogram,
    Located,
    Neighbours,
    Numbers,
    SliceCounts,
    Terms,
    TopValues,
)
from bklog.query.plan import Breaks, Count, Extract, Page, Spread
from bklog.records import Permission
from bklog.search.catalogue import FieldCatalogue
from bklog.store import LineBatch, Source, Store
from bklog.store.clickhouse import ClickHouseStore
from tests.masking.shapes import CARD, DOCUMENTS, LINES, NAME, PHONE, PIN, RULES, SECRETS, TOKEN, found_in
from tests.search.engine_store import LIMITS
from tests.store.conftest import store as store  # noqa: PLC0414 - a fixture
from tests.store.conftest import store_server as store_server  # noqa: PLC0414 - a fixture

ROOT = Path(__file__).parents[2] / "bklog"
NO_ROWS = "answers without rows and without values of rows"
SHOWN = "the rows or values that it answers with are masked"
ROUTES = {
    "healthz/": NO_ROWS,
    "readiness/": NO_ROWS,
    "metrics": NO_ROWS,
    "metrics/": NO_ROWS,
    "api/v1/openapi.json": NO_ROWS,
    "api/v1/fleet/": NO_ROWS,
    "api/v1/databus/collectors/": NO_ROWS,
    "api/v1/databus/collectors/<int:collector_id>/": NO_ROWS,
    "api/v1/databus/collectors/onboard/": NO_ROWS,
    "api/v1/databus/collectors/<int:collector_id>/move/": NO_ROWS,
    "api/v1/databus/collectors/<int:collector_id>/reactivate/": NO_ROWS,
    "api/v1/databus/collectors/<int:collector_id>/tokens/": NO_ROWS,
    "api/v1/databus/collectors/<int:collector_id>/ledger/": NO_ROWS,
    "api/v1/storage/": NO_ROWS,
    "api/v1/health/history/": NO_ROWS,
    "api/v1/clientlog/tasks/": NO_ROWS,
    "api/v1/clientlog/tasks/<str:task_id>/": NO_ROWS,
    "api/v1/clientlog/tasks/<str:task_id>/retry/": NO_ROWS,
    "api/v1/pipelines/": NO_ROWS,
    "api/v1/pipelines/<int:run_id>/": NO_ROWS,
    "api/v1/pipelines/<int:run_id>/retry/": NO_ROWS,
    "api/v1/pipelines/<int:run_id>/skip/": NO_ROWS,
    "api/v1/pipelines/<int:run_id>/fail/": NO_ROWS,
    "api/v1/pipelines/<int:run_id>/cancel/": NO_ROWS,
    "api/v1/search/index_set/": NO_ROWS,
    "api/v1/search/index_set/<int:index_set_id>/": NO_ROWS,
    "api/v1/search/favourite/": NO_ROWS,
    "api/v1/search/favourite/<int:favourite_id>/": NO_ROWS,
    "api/v1/search/history/": "queries that who asks has typed, and no row",
    "api/v1/search/history/<int:entry_id>/": NO_ROWS,
    "api/v1/search/link/": NO_ROWS,
    "api/v1/search/link/<slug:token>/": NO_ROWS,
    "api/v1/search/index_set/<int:index_set_id>/search/": SHOWN,
    "api/v1/search/index_set/<int:index_set_id>/download/": SHOWN,
    "api/v1/search/index_set/<int:index_set_id>/export/": NO_ROWS,
    "api/v1/search/export/": NO_ROWS,
    "api/v1/search/export/<int:export_id>/": NO_ROWS,
    "api/v1/search/export/<int:export_id>/cancel/": NO_ROWS,
    "api/v1/search/export/<int:export_id>/retry/": NO_ROWS,
    "api/v1/search/export/<int:export_id>/link/": NO_ROWS,
    "api/v1/search/export/<int:export_id>/file/": "a file whose rows are masked, or were asked for raw by who may",
    "api/v1/search/index_set/<int:index_set_id>/inspect/": NO_ROWS,
    **{f"api/v1/search/index_set/<int:index_set_id>/{name}/": SHOWN for name in ANALYSES},
    "api/v1/search/index_set/<int:index_set_id>/masking/": NO_ROWS,
    "api/v1/search/index_set/<int:index_set_id>/masking/preview/": "lines of the caller, or raw rows for the permission",
}
COMMANDS = {
    "agent": NO_ROWS,
    "clientlog": NO_ROWS,
    "collector": NO_ROWS,
    "completion": NO_ROWS,
    "config": NO_ROWS,
    "context": "prints what the API answers",
    "down": NO_ROWS,
    "favourite": NO_ROWS,
    "fields": "prints what the API answers",
    "export": "prints what the API answers, and fetches the file",
    "healthz": NO_ROWS,
    "history": "queries that who asks has typed, and no row",
    "histogram": "prints what the API answers",
    "index-set": NO_ROWS,
    "ingest": NO_ROWS,
    "link": NO_ROWS,
    "logs": "lines of the platform's own programs, on their machine",
    "masking": "prints what the API answers",
    "openapi": NO_ROWS,
    "pipeline": NO_ROWS,
    "search": "prints what the API answers",
    "status": NO_ROWS,
    "storage": NO_ROWS,
    "store": "the embedded engine itself, for who owns its folder",
    "token": NO_ROWS,
    "top": "prints what the API answers",
    "up": "prints what the API answers to a first search",
}
RENDERERS = {
    "render": SHOWN,
    "render_masked_lines": SHOWN,
    "render_check": "a text of its own",
    "render_regex_check": "an empty text",
    "render_bounds": "times only",
    "render_paths": "names of fields only",
}
READERS = {
    "search/service.py": SHOWN,
    "search/masking.py": "lines that the caller sent",
    "search/catalogue.py": "names of fields only",
    "export/source.py": SHOWN,
}
STORE_METHODS = {
    "ping", "migrate", "create_table", "drop_table", "insert_lines", "ledger", "ledgers", "usage", "disks", "expiry_days",
    "set_expiry", "drop_days", "roll_up_ledger", "table", "insert_rows", "identity",
    "of", "places", "copying",
}  # fmt: skip
ANALYSED = {Histogram, Terms, TopValues, Distinct, Numbers, SliceCounts, FieldSample, Located, Neighbours}
READING_METHODS = {"select", "stream", "stream_into"}
NAMES = sorted({name for one in DOCUMENTS for name in one} | {"user.phone", "user.name", "fields", "log"})
QUERIES = [
    "*",
    "call",
    "NOT nothing",
    "card OR paid OR number",
    "/[a-z]+ [0-9]*/",
    "m?ss*",
    "status:[100 TO 300]",
    "host:web",
    "欧阳",
]
PROBED = (PHONE, NAME, CARD, PIN, TOKEN)


@dataclass
class Reader:
    """Somebody with a token, and the index set with the secrets."""

    index_set: int
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return Client().post(
            f"/api/v1/search/index_set/{self.index_set}/{path}", body, "application/json", headers=self.headers
        )

    def put(self, body: dict[str, Any]) -> Any:
        return Client().put(
            f"/api/v1/search/index_set/{self.index_set}/masking/", body, "application/json", headers=self.headers
        )

    def search(self, query: str, **asked: Any) -> Any:
        return self.post("search/", {"query": query, "start": "now-1d", **asked})

    def count(self, query: str) -> int:
        answer = self.search(query, count=True)
        assert answer.status_code == 200, answer.content
        return int(answer.json()["count"])


@pytest.fixture
def index_set(store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch, db: None) -> IndexSet:
    """Two collectors, so that both forms of a statement are asked; one of them reads JSON and types a field."""
    catalogue = FieldCatalogue(store, LIMITS)
    monkeypatch.setattr(downloads_api, "the_store", lambda: store)
    for module in (search_api, masking_api, exports_api, analyses_api):
        monkeypatch.setattr(module, "the_store", lambda: store)
        monkeypatch.setattr(module, "the_catalogue", lambda: catalogue)
    rule = CleanRule("json", types={"status": "int", "card": "int", "message": "string"})
    found = IndexSet.objects.create(name="secrets")
    for name, kind in (("shop", rule), ("plain", CleanRule("text"))):
        collector = create_collector(Draft(name, 30, rule=kind), store=store)
        body = ("\n".join(LINES) + "\n").encode()
        batch = LineBatch(
            collector.log_table, kind, Source(host="web"), uuid4(), datetime.now(UTC), body, (len(LINES),), 1 << 20, keyed=False
        )
        assert store.insert_lines(batch)[0].stored == len(LINES)
        found.collectors.add(collector)
    set_masking(found, Masking.from_list(RULES))
    return found


@pytest.fixture
def reader(index_set: IndexSet) -> Reader:
    return Reader(index_set.pk, replace_api_token("reader"))


@pytest.fixture
def trusted(index_set: IndexSet) -> Reader:
    return Reader(index_set.pk, replace_api_token("trusted", [Permission.RAW_VALUES]))


def test_every_path_of_the_api_says_what_it_shows() -> None:
    assert {str(one.pattern) for one in get_resolver().url_patterns} == set(ROUTES)


def test_every_command_says_what_it_shows() -> None:
    assert isinstance(command_line, click.Group)
    assert set(command_line.list_commands(click.Context(command_line))) == set(COMMANDS)


def test_every_renderer_says_what_it_shows() -> None:
    modules = [importlib.import_module(f"bklog.query.{one.name}") for one in pkgutil.iter_modules(bklog.query.__path__)]
    found = {
        name
        for module in modules
        for name, member in inspect.getmembers(module, inspect.isfunction)
        if name.startswith("render") and member.__module__ == module.__name__
    }
    assert found == set(RENDERERS)


def test_every_output_of_a_plan_is_tried_here() -> None:
    assert set(get_args(get_type_hints(Plan)["output"])) == {Page, Count, Extract, Spread, Breaks, *ANALYSED}


def test_a_plan_cannot_be_made_without_its_masking() -> None:
    (masking,) = (one for one in fields(Plan) if one.name == "masking")
    assert masking.default is MISSING
    assert masking.default_factory is MISSING


def test_nobody_else_reads_the_store() -> None:
    """A file that asks the store for rows has its line above."""
    named = {name for name, member in inspect.getmembers(Store, inspect.isfunction) if not name.startswith("_")}
    assert named == STORE_METHODS | READING_METHODS
    asking = {str(file.relative_to(ROOT)) for file in ROOT.rglob("*.py") if READING_METHODS & set(_calls(file))}
    assert {one for one in asking if not one.startswith("store/")} == set(READERS)


def _calls(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            is_of_http = node.func.attr == "stream" and not ast.unparse(node.func.value).endswith("store")
            yield "" if is_of_http else node.func.attr


def test_the_search_for_secrets_finds_them(trusted: Reader) -> None:
    """Else the tests below would prove nothing."""
    raw = trusted.search("*", limit=1000, masking=False)
    assert set(found_in(raw.content)) == set(SECRETS)


@pytest.mark.parametrize("query", QUERIES)
def test_no_answer_to_a_search_tells_a_secret(reader: Reader, query: str) -> None:
    answer = reader.search(query, limit=1000)
    assert answer.status_code == 200, answer.content
    assert found_in(answer.content) == []
    for row in answer.json()["rows"]:
        assert all(0 <= start < end <= len(row["log"]) for start, end in row["highlight"])


def test_every_row_is_still_there(reader: Reader) -> None:
    assert len(reader.search("*", limit=1000).json()["rows"]) == 2 * len(LINES)
    pages, cursor = 0, None
    while pages == 0 or cursor:
        answer = reader.search("*", limit=40, cursor=cursor).json()
        assert found_in(json.dumps(answer).encode()) == []
        pages, cursor = pages + 1, answer["cursor"]
    assert pages == 2 * len(LINES) // 40 + 1


@pytest.mark.parametrize("form", ["csv", "jsonl", "raw"])
def test_no_file_tells_a_secret(reader: Reader, trusted: Reader, form: str) -> None:
    """An export is written by the same statement as a download: tests/export/test_masked.py has its slices."""
    known = [name for name in NAMES if "@" not in name]
    asked: list[dict[str, Any]] = [{}, {"order": "unsorted"}, {"query": "NOT nothing", "order": "oldest"}]
    for one in asked + ([] if form == "raw" else [{"fields": known}]):
        answer = reader.post("download/", {"start": "now-1d", "format": form, **one})
        assert answer.status_code == 200, answer.content
        body = b"".join(answer)
        assert answer["X-Bklog-Rows"] == str(2 * len(LINES))
        assert found_in(body) == []
    raw = trusted.post("download/", {"start": "now-1d", "format": form, "masking": False})
    assert set(found_in(b"".join(raw))) == set(SECRETS)
    assert reader.post("download/", {"masking": False}).json()["error"]["code"] == "permission_missing"


def test_no_chosen_field_tells_a_secret(reader: Reader) -> None:
    known = [name for name in NAMES if "@" not in name and name not in ("fields", "log")]
    answer = reader.search("*", limit=1000, fields=known)
    assert answer.status_code == 200, answer.content
    assert found_in(answer.content) == []
    shown = [row["fields"] for row in answer.json()["rows"]]
    assert ("138***78", "某人") in [(one.get("user.phone"), one.get("user.name")) for one in shown]


@pytest.mark.parametrize("secret", PROBED)
def test_no_condition_tells_whether_a_secret_is_there(reader: Reader, secret: str) -> None:
    """By its words, a piece, an expression: nothing is found with it and nothing is missing without it."""
    whole = json.dumps(secret, ensure_ascii=False)
    expression = "".join(f"[{one}]" if one not in '\\"/[]^' else "." for one in secret)
    everything = reader.count("*")
    for probe in (whole, f"/{expression}/", f"text:/.*{expression}.*/"):
        assert reader.count(probe) == 0, probe
        assert reader.count(f"NOT {probe}") == everything, probe


@pytest.mark.parametrize(
    "query", ["user.phone:138*", "NOT user.name:x", "card:>5", "pin:739", "user:x", "user.phone.deep.deeper:/.*/"]
)
def test_a_condition_on_a_masked_field_is_refused(reader: Reader, trusted: Reader, query: str) -> None:
    for asked in ({}, {"count": True}, {"explain": True}):
        refused = reader.search(query, **asked)
        if refused.json()["error"]["code"] != "unknown_field":
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "field_masked")
    assert trusted.search(query).json().get("error", {}).get("code") in ("field_masked", "unknown_field")
    assert trusted.search(query, masking=False).json().get("error", {}).get("code") in (None, "unknown_field")


def test_explain_shows_the_rules_and_no_rows(reader: Reader) -> None:
    answer = reader.search("call", explain=True)
    assert answer.status_code == 200
    assert found_in(answer.content) == []


def test_raw_values_are_for_the_permission_and_leave_a_line(
    reader: Reader, trusted: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    refused = reader.search("*", masking=False)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "permission_missing")
    assert found_in(trusted.search("*", limit=1000).content) == []
    assert [one for one in caplog.records if one.message == "RawValuesRead"] == []
    assert PHONE in found_in(trusted.search(PHONE, masking=False).content)
    (line,) = (one for one in caplog.records if one.message == "RawValuesRead")
    assert (line.__dict__["reader"], line.__dict__["kind"], line.__dict__["query"]) == ("trusted", "search", PHONE)


def test_rules_are_changed_by_who_may_see_what_they_hide(reader: Reader, trusted: Reader) -> None:
    assert reader.put({"rules": []}).json()["error"]["code"] == "permission_missing"
    assert found_in(reader.search("*", limit=1000).content) == []
    changed = trusted.put({"rules": RULES[:1]})
    assert changed.json() == {"rules": Masking.from_list(RULES[:1]).as_list(), "other_index_sets": ["plain", "shop"]}
    assert PHONE not in found_in(reader.search("*", limit=1000).content)
    assert trusted.put({"rules": [{"pattern": "(", "operator": "shield"}]}).json()["error"]["code"] == "masking"
    assert trusted.put({"rules": []}).status_code == 200
    assert reader.count(PHONE) > 0


def test_a_preview_shows_lines_before_and_after(reader: Reader, trusted: Reader) -> None:
    shown = reader.post("masking/preview/", {"rules": RULES, "lines": LINES[:20]})
    assert [one["before"] for one in shown.json()["lines"]] == LINES[:20]
    assert found_in(json.dumps([(one["after"], one["fields"]) for one in shown.json()["lines"]]).encode()) == []
    assert reader.post("masking/preview/", {"rules": RULES}).json()["error"]["code"] == "permission_missing"
    newest = trusted.post("masking/preview/", {"rules": RULES}).json()["lines"]
    assert len(newest) == 20
    assert found_in(json.dumps([(one["after"], one["fields"]) for one in newest]).encode()) == []


def of_one_field(name: str) -> list[tuple[str, dict[str, Any]]]:
    """Every analysis that says something of a field's values, in each of its forms."""
    return [
        ("aggs/terms", {"fields": [name], "limits": [1000]}),
        ("aggs/terms", {"fields": [name], "limits": [1000], "approximate": True}),
        ("aggs/terms", {"fields": ["level", name, "log"], "limits": [5, 100, 20]}),
        ("aggs/date_histogram", {"field": name, "limit": 100}),
        ("aggs/distinct", {"field": name}),
        ("aggs/numbers", {"field": name, "percentiles": [0, 50, 100]}),
        ("fields/statistics", {"field": name, "limit": 1000}),
        ("fields/values", {"field": name, "limit": 1000}),
    ]


def analysed(reader: Reader, path: str, asked: dict[str, Any]) -> Any:
    return reader.post(f"{path}/", {"start": "now-1d", **asked})


def test_the_analyses_would_tell_the_secrets(trusted: Reader) -> None:
    """Without masking: else the tests below would prove nothing."""
    raw = b"".join(
        analysed(trusted, path, {**asked, "masking": False}).content
        for name in ("user.phone", "user.name", "log", "card")
        for path, asked in of_one_field(name)
    )
    assert {PHONE, NAME, CARD} <= set(found_in(raw))


def test_no_analysis_tells_a_secret(reader: Reader) -> None:
    """Each form of a few fields, and of every field its values: three to a question, as each takes the engine its time."""
    names = [one for one in NAMES if "@" not in one and one != "fields"]
    triples = [names[place : place + 3] for place in range(0, len(names), 3)]
    asked = [("aggs/terms", {"fields": triple, "limits": [40, 10, 10][: len(triple)]}) for triple in triples]
    asked += [one for name in ("user.phone", "log", "card") for one in of_one_field(name)]
    for path, given in asked:
        answer = analysed(reader, path, given)
        assert answer.status_code == 200, (path, given, answer.content)
        assert found_in(answer.content) == [], (path, given)


@pytest.mark.parametrize("query", QUERIES[::3])
def test_no_query_makes_an_analysis_tell_a_secret(reader: Reader, query: str) -> None:
    asked: list[tuple[str, dict[str, Any]]] = [("fields", {}), ("aggs/terms", {"fields": ["log"], "limits": [1000]})]
    for path, given in asked:
        answer = analysed(reader, path, {**given, "query": query})
        assert answer.status_code == 200, answer.content
        assert found_in(answer.content) == []
    counted = analysed(reader, "aggs/date_histogram", {"query": query}).json()["total"]
    assert counted == reader.count(query)


def test_masked_values_are_grouped_as_they_are_shown(reader: Reader) -> None:
    shown = {
        one["key"] for one in analysed(reader, "aggs/terms", {"fields": ["user.phone"], "limits": [1000]}).json()["buckets"]
    }
    assert "138***78" in shown
    completed = analysed(reader, "fields/values", {"field": "user.phone", "prefix": "138***"}).json()["values"]
    assert "138***78" in {one["key"] for one in completed}
    for place in (4, len(PHONE)):
        assert analysed(reader, "fields/values", {"field": "user.phone", "prefix": PHONE[:place]}).json()["values"] == []


def test_an_analysis_of_raw_values_needs_the_permission(
    reader: Reader, trusted: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    refused = analysed(reader, "aggs/terms", {"fields": ["user.phone"], "masking": False})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "permission_missing")
    assert analysed(reader, "aggs/terms", {"fields": ["log"], "masking": 0}).json()["error"]["code"] == "search_request"
    assert (
        analysed(reader, "aggs/terms", {"fields": ["log"], "query": "user.phone:138*"}).json()["error"]["code"]
        == "field_masked"
    )
    assert analysed(trusted, "aggs/terms", {"fields": ["user.phone"], "masking": False}).status_code == 200
    (line,) = (one for one in caplog.records if one.message == "RawValuesRead")
    assert (line.__dict__["reader"], line.__dict__["kind"]) == ("trusted", "terms")


def test_no_context_tells_a_secret(reader: Reader) -> None:
    rows = reader.search("*", limit=1000).json()["rows"]
    for scope in ("stream", "collector"):
        for row in (rows[0], rows[-1]):
            asked = {**{name: row[name] for name in ("time", "batch", "row")}, "scope": scope, "before": 1000, "after": 1000}
            answer = reader.post("context/", asked)
            assert answer.status_code == 200, answer.content
            assert found_in(answer.content) == []
            assert len(answer.json()["rows"]) == len(LINES)
