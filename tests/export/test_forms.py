"""All forms, packed in all ways, read back by readers that are not ours: every row, in its order, to the last byte."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import pyarrow.parquet
import pytest

from bklog.export.models import Export
from tests.export.site import ExportSite, in_order, json_lines, log_rows

pytestmark = pytest.mark.django_db(transaction=True)
WAYS = (("newest", "none"), ("oldest", "gzip"), ("unsorted", "zstd"), ("newest", "zstd"))
COUNT = 3_300
ROWS = in_order(log_rows(COUNT))


@pytest.fixture
def shop(site: ExportSite) -> Any:
    return site.index_set("shop", site.collector("shop", log_rows(COUNT)))


def expected(order: str) -> list[dict[str, Any]]:
    return ROWS[::-1] if order == "newest" else ROWS


def iso(row: dict[str, Any]) -> str:
    return f"{row['time'].replace(' ', 'T')}Z"


def same_order(order: str, found: list[Any], wanted: list[Any]) -> bool:
    """Unsorted rows are the same rows."""
    if order == "unsorted":
        return sorted(found, key=repr) == sorted(wanted, key=repr)
    return found == wanted


def check_counts(export: Export) -> None:
    assert (export.rows, export.matched_rows) == (COUNT, COUNT)
    assert len(export.ends) == len(export.slices) > 3


@pytest.mark.parametrize(("order", "compression"), WAYS)
def test_csv(site: ExportSite, shop: Any, order: str, compression: str) -> None:
    export = site.run(site.create(shop, format="csv", compression=compression, order=order))
    head, *found = csv.reader(io.StringIO(site.read(export).decode(), newline=""))
    assert head == ["time", "host", "path", "stream", "level", "log", "fields", "parse_error"]
    named = [dict(zip(head, row, strict=True)) for row in found]
    wanted = [(iso(row), row["host"], row["log"], row["fields"]) for row in expected(order)]
    assert same_order(order, [(row["time"], row["host"], row["log"], json.loads(row["fields"])) for row in named], wanted)
    check_counts(export)


@pytest.mark.parametrize(("order", "compression"), WAYS)
def test_json_lines(site: ExportSite, shop: Any, order: str, compression: str) -> None:
    export = site.run(site.create(shop, format="jsonl", compression=compression, order=order))
    found = json_lines(site.read(export))
    wanted = [
        {**{n: v for n, v in row.items() if n not in ("ingest_time", "batch", "row")}, "time": iso(row)}
        for row in expected(order)
    ]
    assert same_order(order, found, wanted)
    check_counts(export)


@pytest.mark.parametrize(("order", "compression"), WAYS)
def test_raw_lines(site: ExportSite, shop: Any, order: str, compression: str) -> None:
    export = site.run(site.create(shop, format="raw", compression=compression, order=order))
    text = site.read(export).decode()
    if order == "unsorted":
        assert sorted(text.split("\n")) == sorted("".join(f"{row['log']}\n" for row in ROWS).split("\n"))
    else:
        assert text == "".join(f"{row['log']}\n" for row in expected(order))
    check_counts(export)


@pytest.mark.parametrize(("order", "compression"), WAYS)
def test_parquet_is_one_valid_file(site: ExportSite, shop: Any, order: str, compression: str) -> None:
    export = site.run(site.create(shop, format="parquet", compression=compression, order=order))
    file = pyarrow.parquet.ParquetFile(io.BytesIO(site.read(export)))
    assert file.metadata.num_rows == COUNT
    codec = {"none": "UNCOMPRESSED", "gzip": "GZIP", "zstd": "ZSTD"}[compression]
    assert file.metadata.row_group(0).column(0).compression == codec
    found = file.read().to_pylist()
    times = [datetime.fromisoformat(iso(row)[:26]).replace(tzinfo=UTC) for row in expected(order)]
    wanted = [(at, row["log"], row["fields"]) for at, row in zip(times, expected(order), strict=True)]
    assert same_order(
        order, [(row["time"].to_pydatetime(warn=False), row["log"], json.loads(row["fields"])) for row in found], wanted
    )
    check_counts(export)


def test_the_engine_reads_the_joined_parquet_file_too(site: ExportSite, shop: Any) -> None:
    from tests.chdb_connection import connect

    export = site.run(site.create(shop, format="parquet", compression="zstd", order="oldest"))
    found = connect(":memory:").query(
        f"SELECT count(), groupArray(log)[3000] FROM file('{site.path(export)}', 'Parquet') WHERE time > '1970-01-01'"
        " SETTINGS input_format_parquet_preserve_order = 1, max_threads = 1",
        "JSONCompact",
    )
    count, one = json.loads(found.bytes())["data"][0]
    assert (int(count), one) == (COUNT, ROWS[2999]["log"])


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_fields_are_chosen_and_stand_in_their_order(site: ExportSite, shop: Any, form: str) -> None:
    fields = ["status", "fields.extra.deep", "log", "time", "spent", "ok", "user"]
    export = site.run(site.create(shop, format=form, fields=fields, order="oldest", query="status:<100"))
    wanted = [row for row in ROWS if row["fields"]["status"] < 100]
    body = site.read(export)
    if form == "csv":
        head, *found = csv.reader(io.StringIO(body.decode(), newline=""))
        assert head == fields
        assert [(row[0], row[2], row[4], row[5]) for row in found] == [
            (str(r["fields"]["status"]), r["log"], f"{r['fields']['spent']:g}", str(r["fields"]["ok"]).lower()) for r in wanted
        ]
        assert {row[1] for row in found if not row[1].startswith("[")} == {""}
    elif form == "jsonl":
        found_lines = json_lines(body)
        assert [list(row) for row in found_lines] == [fields] * len(wanted)
        assert [(r["status"], r["fields.extra.deep"] is None) for r in found_lines] == [
            (r["fields"]["status"], "extra" not in r["fields"]) for r in wanted
        ]
    else:
        table = pyarrow.parquet.read_table(io.BytesIO(body))
        assert table.column_names == fields
        typed = {name: str(table.schema.field(name).type) for name in ("status", "spent", "ok", "user")}
        assert typed == {"status": "int64", "spent": "double", "ok": "bool", "user": "string"}
        assert table["status"].to_pylist() == [r["fields"]["status"] for r in wanted]


@pytest.mark.parametrize(
    ("form", "compression"), [("csv", "none"), ("jsonl", "gzip"), ("raw", "zstd"), ("raw", "none"), ("parquet", "gzip")]
)
def test_nothing_found_is_a_whole_file_without_rows(site: ExportSite, shop: Any, form: str, compression: str) -> None:
    export = site.run(site.create(shop, format=form, compression=compression, query="nowhere_to_be_found"))
    body = site.read(export)
    assert (export.rows, export.matched_rows, export.state) == (0, 0, "success")
    if form == "csv":
        assert len(list(csv.reader(io.StringIO(body.decode())))) == 1
    elif form == "parquet":
        assert pyarrow.parquet.read_table(io.BytesIO(body)).num_rows == 0
    else:
        assert body == b""


def test_several_tables_are_merged_and_types_that_differ_become_text(site: ExportSite) -> None:
    rows = log_rows(3_000)
    one = site.collector("one", rows[::2])
    other = site.collector("other", rows[1::2], {"user": "string"})
    both = site.index_set("both", one, other)
    for form in ("csv", "jsonl", "parquet"):
        export = site.run(site.create(both, format=form, fields=["log", "status", "user", "fields"], order="newest"))
        body = site.read(export)
        if form == "csv":
            found = [(row[0], row[1]) for row in csv.reader(io.StringIO(body.decode(), newline=""))][1:]
        elif form == "jsonl":
            found = [(row["log"], str(row["status"])) for row in json_lines(body)]
        else:
            found = [(row["log"], row["status"]) for row in pyarrow.parquet.read_table(io.BytesIO(body)).to_pylist()]
        assert found == [(row["log"], str(row["fields"]["status"])) for row in in_order(rows)[::-1]]
