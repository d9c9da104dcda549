"""LogTable -> DDL. One dialect, two layouts: a single node, or a cluster of replicated shards behind a Distributed table.

Why this sorting key and this index: docs/adr/0002-sorting-key.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bklog.clean import json_type
from bklog.records import COLUMNS
from bklog.store.base import LogTable

SORTING_KEY: Final = "time, batch, row"  # the identity of a row, and the order in which a page is read
INDEXES: Final = {
    "full": "INDEX words lower(log) TYPE text(tokenizer = 'splitByNonAlpha', posting_list_codec = 'bitpacking')",
    "bloom": "INDEX words lower(log) TYPE tokenbf_v1(65536, 4, 0) GRANULARITY 1",
    "none": "",
}
IDENTITY_INDEXES: Final = (
    "INDEX arrival ingest_time TYPE minmax GRANULARITY 1",  # finds the rows of one insert again, to count them
    "INDEX batches batch TYPE bloom_filter(0.001) GRANULARITY 4",  # finds whether a batch was stored before
)
SETTINGS: Final = {
    # An acknowledged insert survives power loss, and a repeated one (same token) is dropped.
    "fsync_after_insert": 1,
    "fsync_part_directory": 1,
    "non_replicated_deduplication_window": 10_000,
    "replicated_deduplication_window_seconds": 86_400,
    # Expired days are dropped whole instead of being rewritten row by row.
    "ttl_only_drop_parts": 1,
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where tables stand: `cluster` is empty for a single node."""

    database: str = "bklog"
    cluster: str = ""

    def table(self, name: str) -> str:
        """The table that statements name."""
        return f"`{self.database}`.`{name}`"

    def local(self, name: str) -> str:
        """The table that holds the rows."""
        return self.table(f"{name}_local" if self.cluster else name)

    @property
    def on_cluster(self) -> str:
        return f" ON CLUSTER `{self.cluster}`" if self.cluster else ""


def create_database(layout: Layout) -> str:
    return f"CREATE DATABASE IF NOT EXISTS `{layout.database}`{layout.on_cluster}"


def create_log_table(table: LogTable, layout: Layout) -> list[str]:
    types = {column.name: column.type for column in COLUMNS} | {"fields": json_type(table.types)}
    columns = [f"`{column.name}` {types[column.name]} CODEC({column.codec})" for column in COLUMNS]
    return create_table(
        table.name,
        [*columns, *IDENTITY_INDEXES, *filter(None, [INDEXES[table.index]])],
        order_by=SORTING_KEY,
        expires=f"toDateTime(time) + INTERVAL {table.retention_days} DAY",
        layout=layout,
    )


def create_table(
    name: str, elements: Sequence[str], *, order_by: str, expires: str, layout: Layout, partition: str = "toDate(time)"
) -> list[str]:
    """A table of the platform: partitioned, expiring, deduplicating; and on a cluster the Distributed one before it."""
    settings = ", ".join(f"{key} = {value}" for key, value in SETTINGS.items())
    engine = (
        "ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')" if layout.cluster else "MergeTree"
    )
    body = ",\n    ".join(elements)
    local = (
        f"CREATE TABLE IF NOT EXISTS {layout.local(name)}{layout.on_cluster}\n(\n    {body}\n)\nENGINE = {engine}\n"
        f"PARTITION BY {partition}\nORDER BY ({order_by})\nTTL {expires}\nSETTINGS {settings}"
    )
    return [local, _distributed(name, layout)] if layout.cluster else [local]


def _distributed(name: str, layout: Layout) -> str:
    """Rows are sharded by batch: a retried insert meets the shard, and so the tokens, of the first try."""
    return (
        f"CREATE TABLE IF NOT EXISTS {layout.table(name)}{layout.on_cluster} AS {layout.local(name)}\n"
        f"ENGINE = Distributed(`{layout.cluster}`, `{layout.database}`, `{name}_local`, cityHash64(batch))"
    )


def drop_table(name: str, layout: Layout) -> list[str]:
    names = [layout.table(name), layout.local(name)] if layout.cluster else [layout.local(name)]
    return [f"DROP TABLE IF EXISTS {one}{layout.on_cluster} SYNC" for one in names]
