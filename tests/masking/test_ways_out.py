"""Nothing that an index set masks leaves the platform: every way out is listed here, and a new one fails until it is."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import get_args, get_type_hints

import click
from django.urls import get_resolver
from starlette.routing import Route

import bklog.query
from bklog.api import loki as loki_api
from bklog.api import original_urls
from bklog.api.analyses import ANALYSES
from bklog.api.ingest_asgi import application
from bklog.cli.main import bklog as command_line
from bklog.page import paths
from bklog.query import Plan
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
from bklog.store import Store

ROOT = Path(__file__).parents[2] / "bklog"
NO_ROWS = "answers without rows and without values of rows"
SHOWN = "the rows or values that it answers with are masked"
ROUTES = {
    **dict.fromkeys((*paths.ROUTES, f"{paths.FILES}<str:name>"), NO_ROWS),  # a shell and files, the same for everybody
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
    "api/v1/databus/collectors/<int:collector_id>/tokens/<int:ingest_token_id>/": NO_ROWS,
    "api/v1/databus/collectors/<int:collector_id>/ledger/": NO_ROWS,
    "api/v1/databus/collectors/<int:collector_id>/rules/": NO_ROWS,
    "api/v1/databus/collectors/<int:collector_id>/rules/<int:number>/": NO_ROWS,
    "api/v1/databus/clean_template/": NO_ROWS,
    "api/v1/databus/clean_template/<int:template_id>/": NO_ROWS,
    "api/v1/storage/": NO_ROWS,
    "api/v1/health/": NO_ROWS,
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
    "clean-template": NO_ROWS,
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
