"""Every example of docs/original-api.md is answered as the page says; the page speaks of every path that there is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from bklog.accounts.tokens import replace_api_token
from bklog.api import elastic
from bklog.api.middleware import mark_of_id
from bklog.api.original_urls import VIEWS
from bklog.collect.models import Collector, IndexSet
from bklog.esquery import PREFIX
from bklog.query.conditions import OPERATORS
from bklog.records import Limits, Rows, Statement
from bklog.search.catalogue import FieldCatalogue
from bklog.store import LogTable
from tests.search.engine_store import LIMITS, EngineStore
from tests.search.test_analyses_page import assert_shown, rows
from tests.search.test_query_language_page import RULE

PAGE = (Path(__file__).parents[2] / "docs" / "original-api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```json\nPOST (\S+)\n(.*?)```\n\n```json\n(.*?)```", PAGE, re.DOTALL)
TABLE = LogTable("original_page", 3650, types=RULE.types)


class MarkedStore(EngineStore):
    """Keeps the marks by which its statements could be cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.marks: list[str] = []

    def of(self, tables: Any) -> MarkedStore:
        return self

    def select(self, statement: Statement, limits: Limits) -> Rows:
        self.marks.append(limits.mark)
        return super().select(statement, limits)


@pytest.fixture(scope="module")
def engine() -> Iterator[MarkedStore]:
    store = MarkedStore()
    store.create_table(TABLE)
    store.insert(TABLE.name, list(rows()))
    yield store
    store.drop_table(TABLE)


@pytest.fixture
def headers(engine: MarkedStore, monkeypatch: pytest.MonkeyPatch, db: None) -> dict[str, str]:
    catalogue = FieldCatalogue(engine, LIMITS)
    monkeypatch.setattr(elastic, "the_store", lambda: engine)
    monkeypatch.setattr(elastic, "the_catalogue", lambda: catalogue)
    orders = Collector.objects.create(name="orders", table=TABLE.name, clean_rule=RULE.as_dict(), retention_days=3650)
    index_set = IndexSet.objects.create(pk=1, name="shop")
    index_set.collectors.add(orders)
    return {"X-Bkapi-Authorization": json.dumps({"access_token": replace_api_token("ann")})}


def asked(path: str, body: str, headers: dict[str, str]) -> Any:
    answer = Client().generic("POST", PREFIX + path, body.encode(), "application/json", headers=headers)
    assert answer.status_code == 200, answer.content
    return answer.json()["data"]


@pytest.mark.parametrize(("path", "body", "shown"), EXAMPLES)
def test_an_example_is_answered_as_the_page_says(headers: dict[str, str], path: str, body: str, shown: str) -> None:
    assert_shown(json.loads(shown), asked(path, body, headers))


def test_the_page_speaks_of_every_path_operator_and_key() -> None:
    assert len(EXAMPLES) == 9
    missing = [path for path in VIEWS if path.replace("<int:index_set_id>", "{id}") not in PAGE]
    missing += [name for name in OPERATORS if f"`{name}`" not in PAGE]
    assert missing == []


def test_statements_carry_the_mark_by_which_a_request_is_cancelled(headers: dict[str, str], engine: MarkedStore) -> None:
    engine.marks.clear()
    for path, body in (("search/index_set/1/search/", '{"size": 1}'), ("esquery_search/", '{"indices": "shop"}')):
        asked(path, body, {**headers, "X-Request-ID": "night-shift-1"})
    assert len(engine.marks) >= 3
    assert set(engine.marks) == {mark_of_id("ann", "night-shift-1")}
