"""A real store with awkward rows, and exports that are run in this process as a worker would run them."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from bklog.collect.models import Collector, IndexSet
from bklog.export import actions
from bklog.export.models import Export
from bklog.export.parts import Parts
from bklog.export.places import Places
from bklog.export.process import process
from bklog.export.request import ExportRequest, RowLimits, read_request
from bklog.objects import ObjectStore
from bklog.records import Bearer, Limits, Permission, TimeRange
from bklog.search.catalogue import FieldCatalogue
from bklog.store import LogTable
from bklog.store.clickhouse import ClickHouseStore

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BEGIN = datetime(2026, 11, 20, tzinfo=UTC)
END = datetime(2026, 11, 21, tzinfo=UTC)
LIMITS = Limits(seconds=60, memory_bytes=2 << 30, result_rows=100_000)
ROW_LIMITS = RowLimits(2_000_000, 100_000_000)
ANN = Bearer("ann", frozenset({Permission.LARGE_EXPORT}))
TYPES = {"status": "int", "spent": "float", "ok": "bool", "user": "string"}
AWKWARD = (
    "plain",
    "with \"quotes\", commas; and 'single' ones",
    "two\nlines",
    'many\n\n\nlines\nwith "quotes"\n',
    "carriage\r\nreturn",
    "tab\tand \\ backslash \\n",
    "一行中文日志，含标点",
    "emoji 🙂 and a zero \0 byte",
    "=cmd|' /C calc'!A0",
    "",
    "</script><b>",
    "long " * 2000,
)


def log_rows(count: int, *, first: int = 0, ingest_time: str = "2026-11-20 12:00:00") -> list[dict[str, Any]]:
    """Every third row shares its moment with the one before."""
    return [
        {
            "time": f"{BEGIN + timedelta(seconds=(number - (number % 3 == 2)) * 5):%Y-%m-%d %H:%M:%S}.{number % 3 // 2:09d}",
            "ingest_time": ingest_time,
            "batch": str(UUID(int=number // 500)),
            "row": number,
            "host": f"主机{number % 3}",
            "path": "/var/log/a b.log",
            "stream": "",
            "level": ("error", "info", "warn")[number % 3],
            "log": f"{number}: {AWKWARD[number % len(AWKWARD)]}",
            "fields": {
                "status": number % 600,
                "spent": number / 8,
                "ok": number % 2 == 0,
                "user": f"用户{number % 7}",
                **({"extra": {"deep": [number, "x\ny"]}} if number % 5 == 0 else {}),
            },
            "parse_error": "",
        }
        for number in range(first, first + count)
    ]


def in_order(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["time"], UUID(row["batch"]).int, row["row"]))


@dataclass
class ExportSite:
    """`sent` are the messages that would be at the broker."""

    store: ClickHouseStore
    folder: Path
    objects: ObjectStore | None = None
    sent: list[tuple[str, int]] = field(default_factory=list)
    slice_rows: int = 1000
    unsorted_at_once: int = 2

    @property
    def parts(self) -> Parts:
        return Parts(
            store=self.store,
            places=Places(self.folder, self._objects),
            limits=LIMITS,
            slice_rows=self.slice_rows,
            unsorted_at_once=self.unsorted_at_once,
            slots=3,
            most_attempts=3,
            keep_days=2,
            tables=lambda pk: [collector.log_table for collector in IndexSet.objects.get(pk=pk).collectors.all()],
            masking=lambda pk: IndexSet.objects.get(pk=pk).masking,
            describe=FieldCatalogue(self.store, LIMITS).describe,
            send=lambda task, pk: self.sent.append((task, pk)),
        )

    def with_store(self, store: Any) -> ExportSite:
        return replace(self, store=store)

    def _objects(self) -> ObjectStore:
        assert self.objects is not None
        return self.objects

    def collector(self, name: str, rows: Sequence[dict[str, Any]], types: dict[str, str] | None = None) -> Collector:
        rule = {"kind": "json", "types": TYPES if types is None else types}
        made = Collector.objects.create(name=name, table=f"{name}_rows", index="full", clean_rule=rule, retention_days=3650)
        self.store.create_table(made.log_table)
        self.insert(made.log_table, rows)
        return made

    def insert(self, table: LogTable, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            self.store.insert_rows(table.name, rows, token=f"{table.name}-{rows[0]['row']}-{len(rows)}")

    def index_set(self, name: str, *collectors: Collector) -> IndexSet:
        made = IndexSet.objects.create(name=name)
        made.collectors.set(collectors)
        return made

    def create(self, index_set: IndexSet, *, bearer: Bearer = ANN, target: str = "local", **asked: Any) -> Export:
        request = ask(bearer, **asked)
        made = actions.create(request, bearer=bearer, index_set=(index_set.pk, index_set.name), target=target)
        self.promote(bearer.name)
        return Export.objects.get(pk=made.pk)

    def promote(self, owner: str) -> None:
        actions.promote(owner, slots=3, send=self.parts.send)

    def run(self, export: Export, *, turn_seconds: float = 600) -> Export:
        process(export.pk, self.parts, turn_seconds=turn_seconds)
        return Export.objects.get(pk=export.pk)

    def path(self, export: Export) -> Path:
        return self.parts.places.path(export)

    def read(self, export: Export) -> bytes:
        """The file of an export that ended well, unpacked."""
        assert export.state == "success", (export.state, export.code, export.reason)
        return unpack(self.path(export).read_bytes(), export.compression if export.form != "parquet" else "none")


def ask(bearer: Bearer = ANN, *, start: datetime = BEGIN, end: datetime = END, **asked: Any) -> ExportRequest:
    return read_request(asked, TimeRange(start, end), ROW_LIMITS, bearer)


def unpack(body: bytes, compression: str) -> bytes:
    if compression == "gzip":
        return gzip.decompress(body)
    return zstd.decompress(body) if compression == "zstd" else body


def json_lines(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in body.decode().split("\n")[:-1]]
