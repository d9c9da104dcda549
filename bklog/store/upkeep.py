"""Statements that keep a store in order: what its tables take, which days they keep, the ledger summed by the hour.

    ledger (a row a request) ─(days older than the fine ones, one insert each)─▶ ledger_hours ─▶ deleted from ledger

A day counts where it stands in `ledger_hours`, and else in `ledger`: the last day there is the border, read with each sum. So a
roll-up that is killed anywhere changes no sum, and the next one goes on.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from bklog.records import Statement
from bklog.store.schema import Layout

COUNTS: Final = "received", "stored", "duplicate", "bytes"
MAPS: Final = "rejected", "marked"
NOBODY: Final = "toUUID('00000000-0000-0000-0000-000000000000')"  # summed rows have no batch; on a cluster they share a shard

# `bklog store` has the name of its connection before what a client calls a statement.
_MARKED: Final = "arrayElement(splitByChar(' ', Settings['log_comment']), -1) = {mark:String}"


def ledger_rows(layout: Layout) -> str:
    """A table expression with every row of the ledger once: a request, or an hour that stands for `requests` of them."""
    sums = ", ".join((*COUNTS, *MAPS))
    hours = layout.table("ledger_hours")
    border = f"(SELECT max(toDate(time)) FROM {hours})"
    return (
        f"(SELECT time, table, toUInt64(1) AS requests, time AS last_request, {sums} "
        f"FROM {layout.table('ledger')} WHERE toDate(time) > {border} UNION ALL "
        f"SELECT toDateTime64(time, 3, 'UTC') AS time, table, requests, last_request, {sums} "
        f"FROM {hours} WHERE toDate(time) <= {border})"
    )


def last_rolled_day(layout: Layout) -> Statement:
    """One row: the day, or 1970-01-01 where nothing was rolled up."""
    return Statement(f"SELECT max(toDate(time)) AS day FROM {layout.table('ledger_hours')}")


def days_to_roll(after: date, before: date, layout: Layout) -> Statement:
    text = (
        f"SELECT DISTINCT toDate(time) AS day FROM {layout.table('ledger')} "
        "WHERE toDate(time) > {after:Date} AND toDate(time) < {before:Date} ORDER BY day"
    )
    return Statement(text, {"after": after, "before": before})


def roll_day(day: date, layout: Layout) -> Statement:
    names = ", ".join((*COUNTS, *MAPS))
    sums = [f"sum({name}) AS {name}" for name in COUNTS] + [f"sumMap({name}) AS {name}" for name in MAPS]
    text = (
        f"INSERT INTO {layout.table('ledger_hours')} (time, table, batch, requests, last_request, {names}) "
        f"SELECT hour, table, {NOBODY}, count() AS requests, max(moment), {', '.join(sums)} "
        f"FROM (SELECT toStartOfHour(time) AS hour, time AS moment, table, {names} "
        f"FROM {layout.table('ledger')} WHERE toDate(time) = {{day:Date}}) GROUP BY hour, table ORDER BY table, hour"
    )
    return Statement(text, {"day": day})


def forget_rolled(day: date, layout: Layout) -> str:
    """Deletes from the ledger what stands in `ledger_hours`: the rows of this day and those before it."""
    return f"DELETE FROM {layout.local('ledger')}{layout.on_cluster} WHERE toDate(time) <= toDate('{day.isoformat()}')"


def months_before(day: date, layout: Layout) -> Statement:
    """The partitions of the ledger all of whose days are before this day's month."""
    text = (
        f"SELECT DISTINCT partition FROM {parts(layout)} WHERE active AND database = {{database:String}} "
        "AND table = {table:String} AND partition < {month:String} ORDER BY partition"
    )
    return Statement(text, {"database": layout.database, "table": bare("ledger", layout), "month": f"{day:%Y%m}"})


def usage(layout: Layout) -> Statement:
    """A row for each table: parts, rows, size_bytes, and the oldest day of those that are partitioned by day, else ''."""
    text = (
        "SELECT table, count() AS parts, sum(rows) AS rows, sum(bytes_on_disk) AS size_bytes, "
        "minIf(partition, match(partition, '^[0-9]{4}-[0-9]{2}-[0-9]{2}$')) AS oldest_day "
        f"FROM {parts(layout)} WHERE active AND database = {{database:String}} GROUP BY table ORDER BY table"
    )
    return Statement(text, {"database": layout.database})


def days(name: str, layout: Layout) -> Statement:
    """The days that a table's partitions hold."""
    text = (
        f"SELECT DISTINCT partition FROM {parts(layout)} WHERE active AND database = {{database:String}} "
        "AND table = {table:String} ORDER BY partition"
    )
    return Statement(text, {"database": layout.database, "table": bare(name, layout)})


def disks(layout: Layout) -> Statement:
    found = _everywhere("system.disks", layout)
    return Statement(
        "SELECT hostName() AS host, name, min(free_space) AS free_bytes, min(total_space) AS total_bytes "
        f"FROM {found} WHERE total_space > 0 AND total_space < pow(2, 62) GROUP BY host, name ORDER BY host, name"
    )


def expiries(layout: Layout) -> Statement:
    """A row for each table: its name, and the days after which its rows expire, 0 where it does not say so."""
    text = (
        "SELECT name, toUInt32OrZero(extract(engine_full, 'TTL [^\\']*?toIntervalDay\\\\((\\\\d+)\\\\)')) AS days "
        "FROM system.tables WHERE database = {database:String} AND engine LIKE '%MergeTree' ORDER BY name"
    )
    return Statement(text, {"database": layout.database})


def set_expiry(name: str, retention_days: int, layout: Layout) -> list[str]:
    """The rows that are there expire by it too: the engine notes each part's last day anew, and rewrites no row for it."""
    alter = f"ALTER TABLE {layout.local(name)}{layout.on_cluster} MODIFY"
    expires = f"TTL toDateTime(time) + INTERVAL {retention_days:d} DAY"
    return [f"{alter} SETTING materialize_ttl_recalculate_only = 1", f"{alter} {expires}"]


def remove_expiry(name: str, layout: Layout) -> str:
    return f"ALTER TABLE {layout.local(name)}{layout.on_cluster} REMOVE TTL"


def close(name: str, layout: Layout) -> str:
    """A condition that no row meets: whoever inserts is refused, whoever reads is not."""
    return f"ALTER TABLE {layout.local(name)}{layout.on_cluster} ADD CONSTRAINT IF NOT EXISTS closed CHECK 0"


def reopen(name: str, layout: Layout) -> str:
    return f"ALTER TABLE {layout.local(name)}{layout.on_cluster} DROP CONSTRAINT IF EXISTS closed"


def inserting(name: str, layout: Layout) -> Statement:
    """How many inserts into a table run, those of a cluster's other nodes too, and for how many seconds the oldest does."""
    into = [f"INSERT INTO {table} " for table in {layout.table(name), layout.local(name)}]
    text = (
        f"SELECT count() AS inserts, max(elapsed) AS seconds FROM {_everywhere('system.processes', layout)} "
        "WHERE arrayExists(start -> startsWith(query, start), {into:Array(String)})"
    )
    return Statement(text, {"into": into})


def running(mark: str, layout: Layout) -> Statement:
    """How many statements run with a mark, on all nodes."""
    text = f"SELECT count() AS statements FROM {_everywhere('system.processes', layout)} WHERE {_MARKED}"
    return Statement(text, {"mark": mark})


def kill(layout: Layout) -> str:
    """Those with the parameter `mark`."""
    return f"KILL QUERY{layout.on_cluster} WHERE {_MARKED} ASYNC"


def drop_partition(name: str, partition: str, layout: Layout) -> str:
    """`partition` is a day or a month, as the engine itself names it."""
    if not partition.replace("-", "").isdigit():
        raise ValueError(f"{partition!r} is no day and no month")
    return f"ALTER TABLE {layout.local(name)}{layout.on_cluster} DROP PARTITION '{partition}'"


def parts(layout: Layout) -> str:
    return _everywhere("system.parts", layout)


def bare(name: str, layout: Layout) -> str:
    """The table that holds the rows, as `system` tables name it."""
    return f"{name}_local" if layout.cluster else name


def _everywhere(table: str, layout: Layout) -> str:
    return f"clusterAllReplicas('{layout.cluster}', {table})" if layout.cluster else table


def identity(table: str, layout: Layout) -> Statement:
    """One row: which table has the name, by the number that the engine gave it, and a hash of its columns. None: none has."""
    # On a cluster another node may answer next time, whose tables have numbers of their own.
    number = "''" if layout.cluster else "any(toString(t.uuid))"
    text = (
        f"SELECT concat({number}, ':', hex(cityHash64(arraySort(groupArray((c.name, c.type)))))) AS identity"
        " FROM system.columns AS c JOIN system.tables AS t ON t.database = c.database AND t.name = c.table"
        " WHERE c.database = {database:String} AND c.table = {table:String}"
        " AND t.database = {database:String} AND t.name = {table:String} GROUP BY c.table"
    )
    return Statement(text, {"database": layout.database, "table": bare(table, layout)})
