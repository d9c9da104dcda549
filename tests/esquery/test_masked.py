"""Nothing that an index set masks leaves through the original's resources: every one of them is asked for secrets."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from bklog.accounts.tokens import replace_api_token
from bklog.api import elastic
from bklog.api.original_urls import VIEWS
from bklog.clean import CleanRule
from bklog.collect.actions import create_collector, set_masking
from bklog.collect.drafts import Draft
from bklog.collect.models import IndexSet
from bklog.esquery import PREFIX
from bklog.query import Masking
from bklog.records import Permission
from bklog.search.catalogue import FieldCatalogue
from bklog.store import LineBatch, Source
from bklog.store.clickhouse import ClickHouseStore
from tests.masking.shapes import LINES, NAME, PHONE, RULES, TOKEN, found_in
from tests.search.engine_store import LIMITS
from tests.store.conftest import store as store  # noqa: PLC0414 - a fixture
from tests.store.conftest import store_server as store_server  # noqa: PLC0414 - a fixture

NAMES = ["user.phone", "log"]
# One rule of each kind and a few lines: tests/masking has every kind and shape, and what they cost.
HIDING = [rule for rule in RULES if rule.get("field") in ("user.phone", "user.name") or "token" in rule.get("pattern", "")]
HIDDEN = {PHONE, NAME, TOKEN}
SOME = [line for line in LINES if HIDDEN & set(found_in(line.encode()))][:8]
ALL = {"use_time_range": False}


class Reader:
    def __init__(self, index_set: int, *permissions: Permission) -> None:
        self.index_set = index_set
        self.headers = {"Authorization": f"Bearer {replace_api_token('reader', permissions)}"}

    def ask(self, path: str, body: Any) -> Any:
        """Without a body it is asked with GET."""
        url = PREFIX + path.replace("<int:index_set_id>", str(self.index_set))
        method, data = ("GET", b"") if body is None else ("POST", json.dumps(body).encode())
        answer = Client().generic(method, url, data, "application/json", headers=self.headers)
        assert answer.status_code == 200, path
        return answer


@pytest.fixture
def index_set(store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch, settings: Any, db: None) -> IndexSet:
    settings.BKLOG_SEARCH_SECONDS = 120  # masked rows are slow to read, and others are at work
    catalogue = FieldCatalogue(store, LIMITS)
    monkeypatch.setattr(elastic, "the_store", lambda: store)
    monkeypatch.setattr(elastic, "the_catalogue", lambda: catalogue)
    rule = CleanRule("json", types={"status": "int", "card": "int", "message": "string"})
    collector = create_collector(Draft("secrets-of-all", 30, rule=rule), store=store)
    body = ("\n".join(SOME) + "\n").encode()
    batch = LineBatch(
        collector.log_table, rule, Source(host="web"), uuid4(), datetime.now(UTC), body, (len(SOME),), 1 << 20, keyed=False
    )
    assert store.insert_lines(batch)[0].stored == len(SOME)
    found = IndexSet.objects.create(name="secrets")
    found.collectors.add(collector)
    set_masking(found, Masking.from_list(HIDING))
    return found


def requests(reader: Reader) -> dict[str, list[Any]]:
    """Of each resource what could tell a secret: all rows, all values, all names."""
    n = reader.index_set
    row = reader.ask("search/index_set/<int:index_set_id>/search/", {**ALL, "size": 1}).json()["data"]["origin_log_list"][0]
    scroll = reader.ask("esquery_search/", {"indices": "secrets", **ALL, "size": 5, "scroll": "1m"}).json()["data"]
    rows = {"top_hits": {"size": 100, "highlight": {"fields": {"*": {}}}}}
    aggs = {"values": {"terms": {"field": "user.phone"}, "aggs": {"rows": rows}}}
    keyword = "call card paid number"
    of_field = [{**ALL, "index_set_ids": [n], "agg_field": name, "field_type": "long", "limit": 1000} for name in NAMES]
    one, group = "<int:index_set_id>", [{"term_filed": name} for name in NAMES]
    terms = {**ALL, "fields": NAMES, "size": 1000, "index_set_ids": [n]}
    histogram = {**ALL, "interval": "1d", "fields": group, "size": 1000, "time_range": "1d"}
    page = {**ALL, "size": 1000, "keyword": keyword}
    return {
        "esquery_search/": [{"indices": "secrets", **ALL, "size": 1000, "aggs": aggs, "highlight": {"fields": {"*": {}}}}],
        "esquery_dsl/": [{"indices": "secrets", "body": {"size": 1000, "fields": ["*"], "highlight": {"fields": {"*": {}}}}}],
        "esquery_scroll/": [{"scroll_id": scroll["_scroll_id"]}],
        "esquery_mapping/": [{"indices": "secrets"}],
        "search_index_set/": [None],
        "search_index_set/operators/": [None],
        f"search_index_set/{one}/fields/": [None],
        f"search_index_set/{one}/context/": [{**row, "size": 500, "zero": True}],
        f"search_index_set/{one}/search/original/": [{"size": 10}],
        "search/index_set/generate_querystring/": [{"addition": [{"field": "log", "value": "x"}]}],
        "search/index_set/union_search/": [{**page, "index_set_ids": [n]}],
        "search/index_set/union_search/fields/": [{"index_set_ids": [n]}],
        "search/index_set/aggs/union_search/date_histogram/": [{**histogram, "index_set_ids": [n]}],
        "search/index_set/aggs/union_search/terms/": [terms],
        f"search/index_set/{one}/search/": [{**page, "keyword": "*"}, {**page, "is_scroll_search": True}],
        f"search/index_set/{one}/export/": [page],
        f"search/index_set/{one}/tail_f/": [{"zero": True, "size": 1000}, {**row, "size": 1000}],
        f"search/index_set/{one}/aggs/terms/": [{name: value for name, value in terms.items() if name != "index_set_ids"}],
        f"search/index_set/{one}/aggs/date_histogram/": [histogram],
        "field/index_set/statistics/total/": of_field[:1],
        "field/index_set/statistics/info/": of_field,
        "field/index_set/fetch_topk_list/": of_field,
    }


def test_no_resource_tells_a_secret(index_set: IndexSet) -> None:
    reader = Reader(index_set.pk)
    asked = requests(reader)
    assert set(asked) == set(VIEWS)
    for path, bodies in asked.items():
        for body in bodies:
            answer = reader.ask(path, body)
            told = b"".join(answer) if answer.streaming else answer.content
            assert not HIDDEN & set(found_in(told)), (path, body)


def test_the_same_requests_would_tell_them_to_who_may_see_them(index_set: IndexSet) -> None:
    """Else the test above would prove nothing."""
    trusted = Reader(index_set.pk, Permission.RAW_VALUES)
    asked = requests(trusted)
    for path in ("esquery_search/", "search/index_set/union_search/", "field/index_set/fetch_topk_list/"):
        told = b"".join(trusted.ask(path, {**body, "is_desensitize": False}).content for body in asked[path])
        assert PHONE in found_in(told), path


@pytest.mark.parametrize("secret", [PHONE, TOKEN])
def test_no_condition_tells_whether_a_secret_is_there(index_set: IndexSet, secret: str) -> None:
    reader = Reader(index_set.pk)
    for asked in ({"keyword": f'"{secret}"'}, {"addition": [{"field": "log", "operator": "contains", "value": [secret]}]}):
        found = reader.ask("search/index_set/<int:index_set_id>/search/", {**ALL, **asked}).json()["data"]
        assert found["total"] == 0
