"""A rule tried on lines says what the store would make of them, and what all collectors received stands in one answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from bklog.accounts.tokens import replace_api_token
from bklog.api import collectors as api_module
from bklog.clean import CleanRule
from bklog.collect.actions import create_collector
from bklog.collect.drafts import Draft
from bklog.collect.preview import MAX_CHARACTERS, MAX_LINES, Preview, preview
from bklog.records import Statement
from bklog.store import LineBatch, Source
from bklog.store.clickhouse import LOOKUP_LIMITS, ClickHouseStore
from bklog.store.statements import REJECTS
from tests.store.conftest import store as store  # noqa: PLC0414 - a fixture
from tests.store.conftest import store_server as store_server  # noqa: PLC0414 - a fixture

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC).replace(microsecond=123_456)
RULE = CleanRule("json", types={"status": "int", "service": "keyword"}, time_field="ts")
LINES = [
    json.dumps({"ts": NOW.isoformat(), "status": 502, "level": "ERR", "deep": {"a": [1, None]}, "支付": "超时 🙂"}),
    json.dumps({"ts": "soon", "status": "many", "service": "shop"}),
    '{"ts": "2001-01-01T00:00:00Z", "level": "info"}',
    '{"text": "a \\"quote\\", a \\\\ and {braces:String}"}',
    "no object: ERROR \x01 \t \\n %s {lines:String}",
    "",
]


class Asked:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {replace_api_token('test')}"}

    def post(self, body: Any) -> Any:
        return self._client.post("/api/v1/databus/etl_preview/", body, "application/json", headers=self._headers)

    def get(self, path: str) -> Any:
        return self._client.get(f"/api/v1/databus/collectors/{path}", headers=self._headers).json()


@pytest.fixture
def asked(client: Client, store: ClickHouseStore, monkeypatch: pytest.MonkeyPatch) -> Asked:
    monkeypatch.setattr(api_module, "the_store", lambda: store)
    return Asked(client)


def stored(store: ClickHouseStore, rule: CleanRule) -> list[dict[str, Any]]:
    """What becomes of the lines: those of the collector's table and those of the refused ones, in their order."""
    table = create_collector(Draft("shop", 30, rule=rule), store=store).log_table
    body = "".join(f"{line}\n" for line in LINES).encode()
    store.insert_lines(LineBatch(table, rule, Source(), uuid4(), NOW, body, (len(LINES),), 1 << 20, keyed=False))
    moment = "concat(replaceOne(toString(time), ' ', 'T'), 'Z') AS time"
    kept = f"SELECT row, {moment}, level, toJSONString(fields) AS fields, parse_error FROM {store.table(table.name)}"
    refused = f"SELECT row, parse_error FROM {store.table(REJECTS.name)}"
    rows = store.select(Statement(kept), LOOKUP_LIMITS).as_dicts()
    late = store.select(Statement(refused), LOOKUP_LIMITS).as_dicts()
    found = {row.pop("row"): {**row, "fields": json.loads(row["fields"]), "rejected": ""} for row in rows}
    return [found.get(number) or {"rejected": one["parse_error"]} for number, one in _numbered(late)]


def _numbered(late: list[dict[str, Any]]) -> list[tuple[int, Any]]:
    by_number = {one["row"]: one for one in late}
    return [(number, by_number.get(number)) for number in range(len(LINES))]


@pytest.mark.parametrize("rule", [RULE, CleanRule("json"), CleanRule("text")], ids=["typed", "json", "text"])
def test_a_preview_says_what_the_store_does(store: ClickHouseStore, rule: CleanRule) -> None:
    store.create_table(REJECTS)
    shown = preview(Preview(rule, LINES, 30), store=store, now=NOW)
    for one, kept in zip(shown, stored(store, rule), strict=True):
        assert {name: one[name] for name in kept} == kept
    assert any(one["rejected"] for one in shown) is bool(rule.time_field)


def test_a_preview_is_answered_over_the_api(asked: Asked) -> None:
    answer = asked.post({"clean_rule": RULE.as_dict(), "lines": LINES})
    assert answer.status_code == 200, answer.content
    errors = [one["parse_error"] for one in answer.json()["lines"]]
    assert errors == ["", "field_type", "", "time_missing", "not_json_object", "not_json_object"]
    assert answer.json()["lines"][0]["fields"]["支付"] == "超时 🙂"
    kept = asked.post({"clean_rule": RULE.as_dict(), "lines": LINES, "retention_days": 3650})
    assert [one["rejected"] for one in answer.json()["lines"]] == ["", "", "too_old", "", "", ""]
    assert kept.json()["lines"][2]["rejected"] == "too_old"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"lines": []}, "clean_rule"),
        ({"lines": ["a"] * (MAX_LINES + 1)}, "clean_rule"),
        ({"lines": ["\ud800"]}, "clean_rule"),
        ({"lines": "a"}, "clean_rule"),
        ({"lines": ["a", "b" * MAX_CHARACTERS]}, "clean_rule"),
        ({"lines": ["a"], "clean_rule": {"kind": "xml"}}, "clean_rule"),
        ({"lines": ["a"], "clean_rule": {"kind": "json", "types": {"a`; DROP": "int"}}}, "clean_rule"),
        ({"lines": ["a"], "retention_days": 0}, "collector"),
        ({"lines": ["a"], "table": "rejects"}, "clean_rule"),
    ],
)
def test_what_cannot_be_tried_is_refused(asked: Asked, body: Any, code: str) -> None:
    answer = asked.post(body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_the_ledger_of_all_collectors_is_one_answer(asked: Asked, store: ClickHouseStore) -> None:
    shop, _ = (create_collector(Draft(name, 30), store=store) for name in ("shop", "quiet"))
    at = {"now": datetime.now(UTC), "before": datetime.now(UTC) - timedelta(hours=2), "long ago": NOW - timedelta(days=3)}
    counts = {"received": 300, "stored": 290, "duplicate": 4, "rejected": {"too_old": 5, "line_too_long": 1}, "bytes": 1000}
    rows = [
        {**counts, "time": f"{moment:%Y-%m-%d %H:%M:%S}.000", "table": shop.table, "batch": str(uuid4()), "marked": {"x": 7}}
        for moment in at.values()
    ]
    store.insert_rows("ledger", rows, token=uuid4().hex)
    quiet, busy = asked.get("ledger/?hours=24")["items"]
    assert (quiet["name"], quiet["received"], quiet["last_request"], quiet["lines_per_second"]) == ("quiet", 0, None, 0)
    assert [busy[name] for name in ("requests", "received", "stored", "duplicate", "rejected", "marked", "size_bytes")] == [
        *(2, 600, 580, 8, 12, 14, 2000)
    ]
    assert busy["lines_per_second"] == 1
    assert busy["last_request"].startswith(f"{at['now']:%Y-%m-%d %H:%M:%S}")
    one = asked.get(f"{shop.pk}/ledger/?hours=24")
    assert (one["received"], sum(one["rejected_by_reason"].values())) == (busy["received"], busy["rejected"])
    assert asked.get("ledger/?hours=96")["items"][1]["received"] == 900


def test_as_much_as_is_taken_is_tried(asked: Asked) -> None:
    lines = [f'{{"text": "{"支" * (MAX_CHARACTERS // MAX_LINES - 12)}"}}'] * MAX_LINES
    answer = asked.post({"clean_rule": {"kind": "json"}, "lines": lines})
    assert answer.status_code == 200, answer.content[:500]
    assert [one["parse_error"] for one in answer.json()["lines"]] == [""] * MAX_LINES
