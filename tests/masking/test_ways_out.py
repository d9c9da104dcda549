"""Nothing that an index set masks leaves the platform: every way out is listed here, and a new one fails until it is."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import logging
import pkgutil
import re
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
from starlette.routing import Route

import bklog.query
from bklog.accounts.actions import replace_api_token
from bklog.api import analyses as analyses_api
from bklog.api import downloads as downloads_api
from bklog.api import elastic as elastic_api
from bklog.api import exports as exports_api
from bklog.api import loki as loki_api
from bklog.api import masking as masking_api
from bklog.api import original_urls
from bklog.api import search as search_api
from bklog.api.analyses import ANALYSES
from bklog.api.ingest_asgi import application
from bklog.clean import CleanRule
from bklog.cli.main import bklog as command_line
from bklog.collect.actions import create_collector, set_masking
from bklog.collect.drafts import Draft
from bklog.collect.models import IndexSet
from bklog.query import UNMASKED, Masking, Plan
from bklog.query.outputs import (
    Arrived,
    ArrivedCount,
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
from bklog.query.pipe.table import Table
from bklog.query.plan import Breaks, Count, Extract, GroupRows, Groups, Page, Spread
from bklog.query.view.output import View
from bklog.records import Permission
from bklog.search.catalogue import FieldCatalogue
from bklog.search.tail.reading import Piece, Source, pieces
from bklog.search.tail.reading import Reader as TailReader
from bklog.search.tail.request import TailRequest
from bklog.store import LineBatch, Store
from bklog.store import Source as Sender
from bklog.store.clickhouse import ClickHouseStore
from tests.masking.shapes import CARD, DOCUMENTS, LINES, NAME, PHONE, PIN, RULES, SECRETS, TOKEN, found_in
from tests.search.engine_store import LIMITS
from tests.store.conftest import store as store  # noqa: PLC0414 - a fixture
from tests.store.conftest import store_server as store_server  # noqa: PLC0414 - a fixture

ROOT = Path(__file__).parents[2] / "bklog"
NO_ROWS = "answers without rows and without values of rows"
SHOWN = "the rows or values that it answers with are masked"
PAGES_OF_COLLECTORS = ("collect", "collect/new", "collect/<int:collector_id>")
ROUTES = {
    **dict.fromkeys(("", "search", "sign-in", "link/<slug:token>", "page/<str:name>", *PAGES_OF_COLLECTORS), NO_ROWS),
    "healthz/": NO_ROWS,
    "readiness/": NO_ROWS,
    "metrics": NO_ROWS,
    "metrics/": NO_ROWS,
    "api/v1/openapi.json": NO_ROWS,
    "api/v1/fleet/": NO_ROWS,
    "api/v1/accounts/session/": NO_ROWS,
    "api/v1/accounts/me/": NO_ROWS,
    "api/v1/accounts/users/": NO_ROWS,
    "api/v1/accounts/users/<str:name>/": NO_ROWS,
    "api/v1/accounts/users/<str:name>/password/": NO_ROWS,
    "api/v1/accounts/tokens/": NO_ROWS,
    "api/v1/accounts/tokens/<int:token_id>/": NO_ROWS,
    "api/v1/accounts/spaces/": NO_ROWS,
    "api/v1/accounts/audit/": "queries that raw values were asked with, and no row",
    "api/v1/fleet/settings/": NO_ROWS,
    "api/v1/accounts/me/password/": NO_ROWS,
    "api/v1/search/cancel/": NO_ROWS,
    "api/v1/search/block/": NO_ROWS,
    "api/v1/search/block/<int:block_id>/": NO_ROWS,
    "api/v1/databus/collectors/": NO_ROWS,
    "api/v1/databus/collectors/<int:collector_id>/": NO_ROWS,
    "api/v1/databus/collectors/onboard/": NO_ROWS,
    "api/v1/databus/collectors/ledger/": NO_ROWS,
    "api/v1/databus/etl_preview/": "lines of the caller",
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
    **{
        f"es/{path}": SHOWN
        for path in (
            "_search",
            "_msearch",
            "_count",
            "_async_search",
            "_search/scroll",
            "_search/scroll/<str:scroll_id>",
            "_field_caps",
            "_mapping",
            "<str:index>",
            "<str:index>/_search",
            "<str:index>/_msearch",
            "<str:index>/_count",
            "<str:index>/_async_search",
            "<str:index>/_field_caps",
            "<str:index>/_mapping",
        )
    },
    **dict.fromkeys(
        (
            "es",
            "es/",
            "es/_pit",
            "es/_settings",
            "es/_alias",
            "es/_cat/indices",
            "es/_cat/indices/<str:index>",
            "es/_resolve/index/<str:index>",
            "es/_cluster/health",
            "es/_cluster/health/<str:index>",
            "es/_nodes",
            "es/<str:index>/_pit",
            "es/<str:index>/_settings",
            "es/<str:index>/_alias",
        ),
        NO_ROWS,
    ),
    "ready": NO_ROWS,
    **{f"loki/api/v1/{name}": SHOWN for name in loki_api.VIEWS},
    "loki/api/v1/label/<str:name>/values": SHOWN,
    "loki/api/v1/detected_field/<str:name>/values": SHOWN,
    **{f"api/bk-log-search/prod/{name}": SHOWN for name in original_urls.VIEWS},  # tests/esquery/test_masked.py tries them
    "api/v1/search/index_set/<int:index_set_id>/masking/": NO_ROWS,
    "api/v1/search/index_set/<int:index_set_id>/masking/preview/": "lines of the caller, or raw rows for the permission",
}
INGEST_ROUTES = {
    "/ingest/v1/tail/{index_set_id:int}": SHOWN,
    "/loki/api/v1/tail": SHOWN,
    "/ingest/v1/{protocol}": NO_ROWS,
    "/healthz": NO_ROWS,
}
COMMANDS = {
    "agent": NO_ROWS,
    "audit": "queries that raw values were asked with, and no row",
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
    "sql": "prints what the API answers",
    "status": NO_ROWS,
    "storage": NO_ROWS,
    "store": "the embedded engine itself, for who owns its folder",
    "tail": "prints what the API answers",
    "token": NO_ROWS,
    "block": NO_ROWS,
    "top": "prints what the API answers",
    "user": NO_ROWS,
    "up": "prints what the API answers to a first search",
}
RENDERERS = {
    "render": SHOWN,
    "render_masked_lines": SHOWN,
    "render_check": "a text of its own",
    "render_regex_check": "an empty text",
    "render_bounds": "times only",
    "render_paths": "names of fields only",
    "render_arrivals": "times and names of inserts only",
    "render_entries": SHOWN,
    "render_label_sets": SHOWN,
    "render_label_values": SHOWN,
    "render_amounts": "numbers only",
    "render_cardinalities": "numbers only",
    "render_fields": "numbers only",
    "render_field_values": SHOWN,
    "render_arrived": SHOWN,
    "render_arrived_count": "numbers only",
    "render_samples": SHOWN,
}
READERS = {
    "collect/preview.py": "lines that the caller sent",
    "search/service.py": SHOWN,
    "search/masking.py": "lines that the caller sent",
    "search/catalogue.py": "names of fields only",
    "search/pace.py": "passes on what others ask and show",
    "search/tail/reading.py": SHOWN,
    "export/source.py": SHOWN,
    "elastic/view.py": SHOWN,
}
STORE_METHODS = {
    "ping", "migrate", "create_table", "drop_table", "insert_lines", "ledger", "ledgers", "usage", "disks", "expiry_days",
    "set_expiry", "drop_days", "roll_up_ledger", "table", "insert_rows", "identity",
    "of", "places", "copying", "cancel",
}  # fmt: skip
ANALYSED = {Histogram, Terms, TopValues, Distinct, Numbers, SliceCounts, FieldSample, Located, Neighbours, Table, View}
TAILED = {Arrived, ArrivedCount}
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
    for module in (search_api, masking_api, exports_api, analyses_api, elastic_api, loki_api):
        monkeypatch.setattr(module, "the_store", lambda: store)
        monkeypatch.setattr(module, "the_catalogue", lambda: catalogue)
    rule = CleanRule("json", types={"status": "int", "card": "int", "message": "string"})
    found = IndexSet.objects.create(name="secrets")
    for name, kind in (("shop", rule), ("plain", CleanRule("text"))):
        collector = create_collector(Draft(name, 30, rule=kind), store=store)
        body = ("\n".join(LINES) + "\n").encode()
        batch = LineBatch(
            collector.log_table, kind, Sender(host="web"), uuid4(), datetime.now(UTC), body, (len(LINES),), 1 << 20, keyed=False
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


def test_every_path_of_ingest_says_what_it_shows() -> None:
    assert {one.path for one in application.routes if isinstance(one, Route)} == set(INGEST_ROUTES)


def test_every_command_says_what_it_shows() -> None:
    assert isinstance(command_line, click.Group)
    assert set(command_line.list_commands(click.Context(command_line))) == set(COMMANDS)


def test_every_renderer_says_what_it_shows() -> None:
    names = [one.name for one in pkgutil.walk_packages(bklog.query.__path__, "bklog.query.")]
    modules = [importlib.import_module(name) for name in names]
    found = {
        name
        for module in modules
        for name, member in inspect.getmembers(module, inspect.isfunction)
        if name.startswith("render") and member.__module__ == module.__name__
    }
    assert found == set(RENDERERS)


def test_every_output_of_a_plan_is_tried_here() -> None:
    assert set(get_args(get_type_hints(Plan)["output"])) == {
        Page, Count, Extract, Spread, Breaks, Groups, GroupRows, *ANALYSED, *TAILED,
    }  # fmt: skip


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


def followed(index_set: IndexSet, store: ClickHouseStore, query: str, *, masked: bool = True, **asked: Any) -> Piece:
    """Everything in the index set, as a tail that began before it would have told it."""
    tables = tuple(collector.log_table for collector in index_set.collectors.all())
    masking = index_set.masking if masked else UNMASKED
    catalogue = FieldCatalogue(store, LIMITS)
    request = TailRequest(index_set.pk, query, masked=masked, **asked)
    reader = TailReader(request, Source(tables, masking), store=store, catalogue=catalogue, limits=LIMITS)
    (piece,) = pieces(reader.arrivals(0))
    return reader.read(piece, 10_000)


def test_a_tail_without_masking_would_tell_the_secrets(index_set: IndexSet, store: ClickHouseStore) -> None:
    """Else the test below would prove nothing."""
    assert set(found_in(followed(index_set, store, "*", masked=False).lines)) == set(SECRETS)


def test_no_tail_tells_a_secret(index_set: IndexSet, reader: Reader, store: ClickHouseStore) -> None:
    known = tuple(name for name in NAMES if "@" not in name and name not in ("fields", "log"))
    asked: list[dict[str, Any]] = [{}, {"fields": known}]
    for query in ("*", QUERIES[3]):
        for one in asked if query == "*" else asked[:1]:
            found = followed(index_set, store, query, **one)
            assert found_in(found.lines) == []
            assert len([json.loads(line) for line in found.lines.splitlines()]) == found.shown == reader.count(query)
    for secret in PROBED[:2]:  # the conditions are those of a search
        assert followed(index_set, store, json.dumps(secret, ensure_ascii=False)).shown == 0


def elastic(reader: Reader, path: str, asked: Any) -> Any:
    """As Elasticsearch's clients ask; a list is a request of lines."""
    body = "".join(f"{json.dumps(one)}\n" for one in asked) if isinstance(asked, list) else json.dumps(asked)
    return Client().post(f"/es/{path}", body, "application/json", headers=reader.headers)


ELASTIC_ROWS: dict[str, Any] = {"top_hits": {"size": 100, "highlight": {"fields": {"*": {}}}}}
ELASTIC_SHOWN: dict[str, Any] = {"highlight": {"fields": {"*": {}}}, "fields": ["*"], "sort": ["@timestamp"], "size": 1000}
ELASTIC_QUERY: dict[str, Any] = {"query_string": {"query": "call card paid number as"}}


@pytest.mark.parametrize("name", ["user.phone", "log", "card"])
def test_no_aggregation_of_elasticsearch_tells_a_secret(reader: Reader, name: str) -> None:
    """Every one that says something of a field's values, below and above others: each level is a statement."""
    figures = {kind: {kind: {"field": name}} for kind in ("extended_stats", "percentiles", "cardinality", "value_count")}
    numbers = {"histogram": {"field": name, "interval": 1e12, "min_doc_count": 1}}
    terms = {"terms": {"field": name, "size": 1000, "missing": "-"}, "aggs": {**figures, "rows": ELASTIC_ROWS}}
    answer = elastic(reader, "secrets/_search", {"size": 0, "aggs": {"terms": terms, "numbers": numbers, **figures}})
    assert answer.status_code == 200, answer.content
    assert len(answer.json()["aggregations"]["terms"]["buckets"]) > 1
    assert found_in(answer.content) == []


@pytest.mark.parametrize("path", ["secrets/_search", "_msearch"])
def test_no_answer_in_the_words_of_elasticsearch_tells_a_secret(reader: Reader, path: str) -> None:
    filters = {"filters": {"filters": [{"match": {"log": "call"}}]}, "aggs": {"rows": ELASTIC_ROWS}}
    asked = {"query": ELASTIC_QUERY, "aggs": {"filters": filters}, **ELASTIC_SHOWN}
    answer = elastic(reader, path, [{"index": "secrets"}, ELASTIC_SHOWN, {}, asked] if path == "_msearch" else asked)
    assert answer.status_code == 200, answer.content
    assert b"_source" in answer.content
    assert found_in(answer.content) == []


def test_no_page_of_a_scroll_or_list_of_fields_tells_a_secret(reader: Reader) -> None:
    answer = elastic(reader, "secrets/_search?scroll=1m&size=40", {})
    rows = 0
    while hits := answer.json()["hits"]["hits"]:
        assert found_in(json.dumps(hits).encode()) == []
        rows += len(hits)
        answer = elastic(reader, "_search/scroll", {"scroll_id": answer.json()["_scroll_id"], "scroll": "1m"})
    assert rows == 2 * len(LINES)
    for path in ("secrets", "secrets/_mapping", "_mapping", "secrets/_field_caps?fields=*"):
        answer = Client().get(f"/es/{path}", headers=reader.headers)
        assert answer.status_code == 200, answer.content
        assert b"message" in answer.content
        assert found_in(answer.content) == []


@pytest.mark.parametrize("secret", [PHONE, TOKEN])
def test_no_condition_of_elasticsearch_tells_whether_a_secret_is_there(reader: Reader, secret: str) -> None:
    expression = "".join(f"[{one}]" for one in secret)
    assert elastic(reader, "secrets/_count", {"query": {"match_phrase": {"log": secret}}}).json()["count"] == 0
    filters = {"a": {"filters": {"filters": [{"wildcard": {"log": f"*{secret}*"}}, {"regexp": {"log": expression}}]}}}
    buckets = elastic(reader, "secrets/_search", {"size": 0, "aggs": filters}).json()["aggregations"]["a"]["buckets"]
    assert [one["doc_count"] for one in buckets] == [0, 0]


@pytest.mark.parametrize("masked", [{"term": {"user.phone": PHONE}}, {"prefix": {"card": "4"}}, {"range": {"pin": {"gte": 1}}}])
def test_a_condition_of_elasticsearch_on_a_masked_field_is_refused(reader: Reader, masked: dict[str, Any]) -> None:
    for body in ({"query": masked}, {"size": 0, "aggs": {"a": {"filters": {"filters": [masked]}}}}):
        refused = elastic(reader, "secrets/_search", body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "field_masked")


def test_index_sets_together_hide_what_any_of_them_hides(reader: Reader, index_set: IndexSet) -> None:
    """The same rows stand in an index set without rules: alone it shows them, with the other one it does not."""
    raw = IndexSet.objects.create(name="raw")
    raw.collectors.set(index_set.collectors.all())
    assert PHONE in found_in(elastic(reader, "raw/_search", {"size": 1000}).content)
    for names in ("raw,secrets", "*", "secrets,raw"):
        assert found_in(elastic(reader, f"{names}/_search", {"size": 1000}).content) == []


LOGQL_STAGES = [
    "",
    '|= "call"',
    "| json",
    "| logfmt",
    "| regexp `(?P<all>.*)`",
    '| json | line_format "{{.user_phone}} {{.card}} {{__line__}}"',
    "| keep message, user_phone, user_name, card, pin, note, orders_iban, text",
]
LOGQL_LABELS = ("user_phone", "user_name", "card", "pin", "note", "orders_iban", "user_phone_deep_deeper", "message", "text")
LOGQL_METRICS = [
    f'sum by ({", ".join(LOGQL_LABELS)}) (count_over_time({{index_set="secrets"}} [1d]))',
    f'sum by ({", ".join(LOGQL_LABELS[:4])}) (count_over_time({{index_set="secrets"}} | json | __error__="" [1d]))',
]


def asked_by_loki(reader: Reader, path: str, **given: str) -> Any:
    return Client().get(f"/loki/api/v1/{path}", given, headers=reader.headers)


@pytest.mark.parametrize("stages", LOGQL_STAGES)
def test_no_line_for_a_client_of_loki_tells_a_secret(reader: Reader, stages: str) -> None:
    answer = asked_by_loki(reader, "query_range", query=f'{{index_set="secrets"}} {stages}', limit="5000")
    assert answer.status_code == 200, answer.content
    assert answer.json()["data"]["result"]
    assert found_in(answer.content) == []


@pytest.mark.parametrize("query", LOGQL_METRICS)
def test_no_metric_tells_a_secret(reader: Reader, query: str) -> None:
    answer = asked_by_loki(reader, "query", query=query)
    assert answer.status_code == 200, answer.content
    assert found_in(answer.content) == []


def test_no_label_tells_a_secret(reader: Reader) -> None:
    for label in LOGQL_LABELS[:3]:
        answer = asked_by_loki(reader, f"label/{label}/values", query='{index_set="secrets"}')
        assert answer.status_code == 200, answer.content
        assert found_in(answer.content) == [], label
        answer = asked_by_loki(reader, f"detected_field/{label}/values", query='{index_set="secrets"} | json')
        assert answer.status_code == 200, answer.content
        assert found_in(answer.content) == [], label
    for path in ("labels", "series", "detected_labels", "detected_fields", "index/volume", "index/stats"):
        answer = asked_by_loki(reader, path, query='{index_set="secrets"}', **{"match[]": '{index_set="secrets"}'})
        assert answer.status_code == 200, answer.content
        assert found_in(answer.content) == [], path


@pytest.mark.parametrize("secret", [PHONE, NAME])
def test_no_condition_of_logql_tells_whether_a_secret_is_there(reader: Reader, secret: str) -> None:
    def count(stages: str) -> int:
        query = f'sum(count_over_time({{index_set="secrets"}} {stages} [1d]))'
        result = asked_by_loki(reader, "query", query=query).json()["data"]["result"]
        return int(result[0]["value"][1]) if result else 0

    whole, everything = json.dumps(secret, ensure_ascii=False), count("")
    assert everything == 2 * len(LINES)
    assert count(f"|= {whole}") == 0
    assert count(f"!= {whole}") == everything
    assert count(f"|~ {json.dumps(re.escape(secret), ensure_ascii=False)}") == 0
    assert count(f"| regexp `(?P<all>.*)` | all=~{json.dumps(f'.*{re.escape(secret)}.*', ensure_ascii=False)}") == 0


@pytest.mark.parametrize("matcher", ['user_phone=~"138.*"', 'user_name!="x"', 'pin="739"'])
def test_a_matcher_on_a_masked_field_is_refused(reader: Reader, matcher: str) -> None:
    refused = asked_by_loki(reader, "query_range", query=f'{{index_set="secrets", {matcher}}}')
    assert refused.status_code == 403
    assert "is masked: rows cannot be found by it" in refused.content.decode()


PIPES = [
    "* | limit 1000",
    "* | stats count(), min(card), max(card) by user.phone, log",
    r"* | extract /(?<found>[0-9]{3,})/ from log | fields found, user.name, card",
]


def piped(reader: Reader, query: str, **asked: Any) -> Any:
    return reader.post("table/", {"query": query, "start": "now-1d", "limit": 1000, **asked})


def test_no_pipe_tells_a_secret(reader: Reader, trusted: Reader) -> None:
    raw = b""
    for query in PIPES:
        answer = piped(reader, query)
        assert answer.status_code == 200, (query, answer.content)
        assert found_in(answer.content) == [], query
        raw += piped(trusted, query, masking=False).content
    assert {PHONE, NAME, CARD} <= set(found_in(raw))


@pytest.mark.parametrize("secret", PROBED[:2])
def test_no_step_tells_whether_a_secret_is_there(reader: Reader, secret: str) -> None:
    """A condition of a step is about what is shown, as one of the query is."""
    text = json.dumps(secret, ensure_ascii=False)
    answer = piped(reader, f"* | where log contains {text} | stats count()")
    assert answer.status_code == 200, answer.content
    assert answer.json()["rows"] == [[0]]


STATEMENTS = [
    "SELECT *, toString(fields), fields.user.phone, fields.card, fields.user FROM logs",
    "WITH a AS (SELECT l.log, hex(l.log) FROM logs AS l) SELECT groupArray(log) FROM a",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_no_sql_tells_a_secret(reader: Reader, trusted: Reader, statement: str) -> None:
    asked = {"sql": statement, "start": "now-1d"}
    answer = reader.post("sql/", asked)
    assert answer.status_code == 200, answer.content
    assert answer.json()["rows"]
    assert found_in(answer.content) == []
    raw = trusted.post("sql/", {**asked, "masking": False})
    assert PHONE in found_in(raw.content)
    assert reader.post("sql/", {**asked, "masking": False}).json()["error"]["code"] == "permission_missing"
    assert reader.post("sql/", {**asked, "explain": True}).status_code == 200


@pytest.mark.parametrize("secret", PROBED[:2])
def test_no_sql_tells_whether_a_secret_is_there(reader: Reader, secret: str) -> None:
    text = secret.replace("'", "''")
    statement = f"SELECT count() FROM logs WHERE position(log, '{text}') > 0 OR position(toJSONString(fields), '{text}') > 0"
    assert reader.post("sql/", {"sql": statement, "start": "now-1d"}).json()["rows"] == [[0]]
