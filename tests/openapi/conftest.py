"""A platform in this process, on a real store, with one of everything that the document's paths name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from bklog.accounts.models import ApiToken
from bklog.accounts.tokens import replace_api_token
from bklog.accounts.users import create_user
from bklog.api import wiring
from bklog.clean import CleanRule
from bklog.clientlog.actions import submit
from bklog.clientlog.submission import Submission
from bklog.collect.ingest_tokens import create_ingest_token
from bklog.collect.models import Collector, IndexSet
from bklog.collect.selectors import subject_of
from bklog.collect.templates import WantedTemplate, create_template
from bklog.collect.versions import keep_version
from bklog.export import actions as exports
from bklog.export.request import RowLimits, read_request
from bklog.openapi.document import OF_EXAMPLES
from bklog.pipeline.models import PipelineRun, PipelineStep
from bklog.records import MAIN_STORE, Bearer, Permission, Role, StoreAddress, TimeRange
from bklog.saved.favourites import create_favourite
from bklog.saved.search import SavedSearch
from bklog.store.clickhouse import ClickHouseStore
from tests.store.conftest import StoreServer, own_database
from tests.store.conftest import store_server as store_server  # noqa: PLC0414 - a fixture

BEGIN = datetime(2026, 11, 20, 10, tzinfo=UTC)
TYPES = {"status": "int"}
ROWS = [
    {
        "time": f"{BEGIN + timedelta(seconds=number):%Y-%m-%d %H:%M:%S}",
        "ingest_time": "2026-11-20 10:01:00",
        "batch": str(UUID(int=1)),
        "row": number,
        "host": f"web{number // 6}",
        "path": "/var/log/shop.log",
        "level": ("info", "error", "warn")[number % 3],
        "log": f'{number}: 支付 timeout after {number * 10} ms "quoted" \x00 🙂'
        + "\x1b[2J\x1b]0;owned\x07\n  at pay" * (number == 4),
        "fields": {"status": (200, 200, 502, 404)[number % 4], "user": f"用户{number % 5}", "deep": {"a": [number, None]}},
    }
    for number in range(12)
]


@dataclass(frozen=True)
class Platform:
    """`ids` are what stands in the paths of the document; `headers` carry a token that may do everything."""

    ids: dict[str, Any]
    headers: dict[str, str]


@pytest.fixture(scope="module")
def store(store_server: StoreServer) -> Iterator[ClickHouseStore]:
    with own_database(store_server) as made:
        yield made


@pytest.fixture
def platform(db: None, store: ClickHouseStore, store_server: StoreServer, settings: Any, tmp_path: Path) -> Iterator[Platform]:
    """In a transaction that is never committed: no message leaves for a broker, and nothing stays."""
    database = store.table("x").split("`")[1]
    settings.STORES = {MAIN_STORE: StoreAddress("127.0.0.1", store_server.port, database=database)}
    settings.EXPORT_FOLDER = tmp_path
    settings.BKLOG_SEARCH_SECONDS = 5
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cached = (wiring.the_store, wiring.the_catalogue, wiring.the_places)
    for one in cached:
        one.cache_clear()
    rule = {"kind": "json", "types": TYPES}
    shop = Collector.objects.create(name="shop", table="shop_rows", clean_rule=rule, retention_days=3650)
    keep_version(shop, by="tester")
    store.drop_table(shop.log_table)
    store.create_table(shop.log_table)
    store.insert_rows(shop.log_table.name, ROWS, token=str(datetime.now(UTC)))
    index_set = IndexSet.objects.create(name="shop")
    index_set.collectors.add(shop)
    headers = {"Authorization": f"Bearer {replace_api_token('tester', frozenset(Permission))}"}
    yield Platform({**OF_EXAMPLES, **_collected(shop), "index_set_id": index_set.pk, **_work(index_set), **_people()}, headers)
    for one in cached:
        one.cache_clear()


def _collected(shop: Collector) -> dict[str, int]:
    """The collector with a token."""
    made, _ = create_ingest_token(shop, made_by="tester")
    return {"collector_id": shop.pk, "ingest_token_id": made.pk}


def _people() -> dict[str, Any]:
    """A user, and a token that is not the one of the tests."""
    create_user(OF_EXAMPLES["name"], "four words of 密码", roles={"default": Role.VIEWER})
    replace_api_token("other")
    return {"token_id": ApiToken.objects.get(name="other").pk}


def _work(index_set: IndexSet) -> dict[str, int]:
    """An export and a run that wait for workers, and a client's task."""
    bearer = Bearer("tester")
    asked = read_request({}, TimeRange(BEGIN, BEGIN + timedelta(days=1)), RowLimits(100, 100), bearer)
    export = exports.create(asked, bearer=bearer, index_set=(index_set.pk, index_set.name), target="local")
    run = PipelineRun.objects.create(pipeline="other", subject=subject_of("other"), state="waiting", origin="tests")
    PipelineStep.objects.create(run=run, position=0, name="wait", state="waiting", may_skip=False)
    task = Submission(OF_EXAMPLES["task_id"], url="https://example.com/logs/17.zip")
    submit(task, origin="tests", send=lambda *_, **__: None)
    kept = SavedSearch(index_set.pk, index_set.name, {"query": "level:error"})
    favourite = create_favourite("tester", index_set.space, {"name": "errors", "group": "", "visibility": "personal"}, kept)
    template = create_template(WantedTemplate("web", CleanRule("json")), by="tester")
    return {"export_id": export.pk, "run_id": run.pk, "favourite_id": favourite.pk, "template_id": template.pk}
