"""What an index set hides is hidden in a file, in every form, unless who asked may read raw values and asked for them."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pyarrow.parquet
import pytest

from bklog.export.models import Export
from bklog.records import Bearer, Permission
from tests.export.site import ANN, ExportSite, in_order, json_lines, log_rows

pytestmark = pytest.mark.django_db(transaction=True)
COUNT = 1_200
CARL = Bearer("carl", frozenset({Permission.RAW_VALUES}))
RULES = [
    {"field": "user", "operator": "replace", "text": "<谁>"},
    {"pattern": "1[3-9][0-9]{9}", "operator": "shield", "head": 3, "tail": 4},
]
ROWS = [
    {**row, "log": f"{row['log']}\nfrom {row['fields']['user']} 13812345678", "fields": {**row["fields"], "more": {"n": [1]}}}
    for row in log_rows(COUNT)
]
FIELDS = ["log", "user", "fields", "status", "more.n", "time"]
SECRETS = ("用户", "13812345678")


@pytest.fixture
def shop(site: ExportSite) -> Any:
    made = site.index_set("shop", site.collector("shop", ROWS))
    made.masking_rules = RULES
    made.save()
    return made


def values(form: str, body: bytes) -> list[dict[str, Any]]:
    if form == "csv":
        return list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    if form == "jsonl":
        return json_lines(body)
    found: list[dict[str, Any]] = pyarrow.parquet.read_table(io.BytesIO(body)).drop(["time"]).to_pylist()
    return found


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("query", ["*", "status:<300"])
def test_a_file_shows_what_a_search_would(site: ExportSite, shop: Any, form: str, query: str) -> None:
    site.slice_rows = 300
    export = site.run(site.create(shop, bearer=CARL, format=form, order="newest", fields=FIELDS, query=query))
    body = site.read(export)
    found = values(form, body)
    wanted = [row for row in in_order(ROWS)[::-1] if query == "*" or row["fields"]["status"] < 300]
    assert export.rows == len(found) == len(wanted)
    for row, raw in zip(found, wanted, strict=True):
        document = row["fields"] if form == "jsonl" else json.loads(row["fields"])
        assert row["user"] == document["user"] == "<谁>"
        assert row["log"] == raw["log"].replace(raw["fields"]["user"], "<谁>").replace("13812345678", "138***5678")
        assert str(row["status"]) == str(document["status"]) == str(raw["fields"]["status"])
        assert str(row["more.n"]) == "[1]"
    assert not any(secret in json.dumps(found, ensure_ascii=False) for secret in SECRETS)


def test_raw_lines_and_whole_rows_are_masked_and_unsorted_ones_too(site: ExportSite, shop: Any) -> None:
    for asked in (
        {"format": "raw"},
        {"format": "csv"},
        {"format": "jsonl", "order": "unsorted"},
        {"format": "csv", "limit": 777},
    ):
        export = site.run(site.create(shop, **asked))
        text = site.read(export).decode()
        assert export.rows == min(COUNT, export.limit)
        assert "138***5678" in text
        assert not any(secret in text for secret in SECRETS), asked


def test_raw_values_need_the_permission_and_have_to_be_asked_for(site: ExportSite, shop: Any) -> None:
    raw = site.run(site.create(shop, bearer=CARL, format="raw", order="oldest", masking=False))
    assert site.read(raw).decode() == "".join(f"{row['log']}\n" for row in in_order(ROWS))
    refused = site.run(site.create(shop, bearer=ANN, format="raw", masking=False))
    assert not any(secret in site.read(refused).decode() for secret in SECRETS), "the row of an export does not trust its maker"


def test_rules_that_change_meanwhile_hold_for_the_whole_file(site: ExportSite, shop: Any) -> None:
    export = site.run(site.create(shop, format="raw"), turn_seconds=0)
    assert len(export.ends) == 1
    shop.masking_rules = [*RULES, {"pattern": "from", "operator": "replace", "text": "VON"}]
    shop.save()
    export = site.run(export)
    assert (export.state, export.beginnings) == (Export.State.PENDING, 1)
    text = site.read(site.run(export)).decode()
    assert text.count("VON <谁>") == COUNT
    assert "from" not in text
