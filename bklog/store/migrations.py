"""The store's own tables, as numbered steps. A step is applied once, may be repeated, and is recorded in the store itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bklog.store.schema import Layout, create_log_table, create_table
from bklog.store.statements import REJECTS

LEDGER_DAYS: Final = 400  # a year of counts can be compared with the year before


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    statements: Callable[[Layout], list[str]]


LEDGER_COUNTS: Final = (
    "`received` UInt64 CODEC(ZSTD(1))",
    "`stored` UInt64 CODEC(ZSTD(1))",
    "`duplicate` UInt64 CODEC(ZSTD(1))",
    "`rejected` Map(LowCardinality(String), UInt64)",
    "`marked` Map(LowCardinality(String), UInt64)",
    "`bytes` UInt64 CODEC(ZSTD(1))",
)


def _ledger(layout: Layout) -> list[str]:
    """One row for each answered request: received = stored + duplicate + the sum of rejected."""
    columns = [
        "`time` DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1))",
        "`table` LowCardinality(String)",
        "`batch` UUID",
        "`host` LowCardinality(String)",
        *LEDGER_COUNTS,
    ]
    expires = f"toDateTime(time) + INTERVAL {LEDGER_DAYS} DAY"
    return create_table("ledger", columns, order_by="table, time", partition="toYYYYMM(time)", expires=expires, layout=layout)


def _ledger_hours(layout: Layout) -> list[str]:
    """One row for each table and hour: the requests of days that are no longer kept one by one."""
    columns = [
        "`time` DateTime('UTC')",
        "`table` LowCardinality(String)",
        "`batch` UUID",
        "`requests` UInt64 CODEC(ZSTD(1))",
        "`last_request` DateTime64(3, 'UTC') CODEC(ZSTD(1))",
        *LEDGER_COUNTS,
    ]
    expires = f"time + INTERVAL {LEDGER_DAYS} DAY"
    return create_table(
        "ledger_hours", columns, order_by="table, time", partition="toYYYYMM(time)", expires=expires, layout=layout
    )


MIGRATIONS: Final = (
    Migration(1, "the table of refused lines", lambda layout: create_log_table(REJECTS, layout)),
    Migration(2, "the ledger of what was received and what became of it", _ledger),
    Migration(3, "the ledger of older days, by the hour", _ledger_hours),
)


def create_record(layout: Layout) -> str:
    """The table that remembers which migrations were applied. It is read with its duplicates: two nodes may race."""
    engine = "ReplicatedMergeTree" if layout.cluster else "MergeTree"
    return (
        f"CREATE TABLE IF NOT EXISTS {layout.table('schema_migrations')}{layout.on_cluster} "
        "(number UInt32, name String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')) "
        f"ENGINE = {engine} ORDER BY number"
    )
