"""The ClickHouse dialect, over HTTP with the official client: the embedded store and a server or cluster alike.

What is said to the engine: `schema.py`, `statements.py`, `upkeep.py`, `reclean.py`; in which order: `intake.py`, `copies.py`.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import date, datetime
from functools import partial
from typing import Any, Final, cast
from urllib.parse import quote

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError
from clickhouse_connect.driver.httputil import get_pool_manager
from urllib3 import HTTPResponse

from bklog.errors import BklogError, Overloaded, StoreError, Unavailable
from bklog.records import MAIN_STORE, Limits, Rows, Statement, StoreAddress, Stored, Writing
from bklog.store import migrations, upkeep
from bklog.store.base import Chunks, Copying, Disk, LineBatch, LogTable, TableUsage
from bklog.store.copies import Copies, Running
from bklog.store.intake import Intake, Place
from bklog.store.kept import CONNECT_SECONDS, KeptConnections
from bklog.store.precedence import precedence
from bklog.store.schema import Layout, create_database, create_log_table, drop_table
from bklog.store.statements import (
    sum_ledger,
    sum_ledgers,
)
from bklog.store.stream import chunks, format_name, settings_of

READ_BYTES: Final = 1 << 20
DISK_FULL_CODES: Final = {243}  # NOT_ENOUGH_SPACE
OWN_MEMORY_TEXT: Final = re.compile(r"DB::Exception: Query memory limit exceeded")  # else memory is short for all
OVERLOAD_CODES: Final = {202, 241, 252}  # too many queries, memory, too many parts: all pass
CANCELLED_CODE: Final = 394
STOPPING_CODES: Final = {209, 210, 236, CANCELLED_CODE}  # socket time-out, network error, aborted, cancelled
CLOSED_CODES: Final = {469}  # a constraint is violated, and the only one that a table ever has is the one that closes it
GONE_CODES: Final = {60, 81}  # unknown table, unknown database
DISK_FULL_TEXT: Final = re.compile(r"No space left on device|errno: 28\b")
LOOKUP_LIMITS: Final = Limits(seconds=60, memory_bytes=2 << 30, result_rows=100_000, goes_first=True)
APPEND_HEADER: Final = "X-BKLOG-Append"  # of `bklog store` alone: store/server/append.py
INSERT_SETTINGS: Final[Mapping[str, Any]] = {
    # One block, so one part for each day: a batch is there whole or not at all, and its token names one thing.
    "max_insert_threads": 1,
    "min_insert_block_size_rows": 100_000_000,
    "min_insert_block_size_bytes": 16 << 30,
    "max_partitions_per_insert_block": 0,  # how old a line may be is the rule's affair; retention bounds it
    "insert_deduplicate": 1,
    "distributed_foreground_insert": 1,
}


class ClickHouseStore:
    """A Store. Safe to share between threads; connects when first used, so that a process starts before its store."""

    def __init__(
        self,
        address: StoreAddress,
        *,
        connections: int = 16,
        insert_seconds: float = 300,
        rejects: ClickHouseStore | None = None,
    ) -> None:
        """`rejects` is the store that keeps refused lines, where that is another one."""
        self._address = address
        self._layout = Layout(address.database, address.cluster)
        self._insert_seconds = insert_seconds
        self._lock = threading.Lock()
        self._connected: Client | None = None
        self._pool = get_pool_manager(maxsize=connections, num_pools=2)
        self._kept = KeptConnections(address, seconds=insert_seconds + 10, most=connections)
        self.place = Place(self._layout, partial(self.select, limits=LOOKUP_LIMITS), self._insert)
        self._intake = Intake(self.place, rejects.place if rejects else self.place)

    def of(self, tables: Iterable[LogTable]) -> ClickHouseStore:
        return self

    def places(self) -> Mapping[str, ClickHouseStore]:
        return {MAIN_STORE: self}

    def ping(self) -> str:
        return str(self.select(Statement("SELECT version()"), LOOKUP_LIMITS).rows[0][0])

    def migrate(self) -> list[str]:
        """Raises Unavailable, StoreError. Safe to run from several processes: each step may be repeated."""
        self._command(create_database(self._layout))
        record = self._layout.table("schema_migrations")
        self._command(migrations.create_record(self._layout))
        done = {row[0] for row in self.select(Statement(f"SELECT number FROM {record}"), LOOKUP_LIMITS).rows}
        missing = [step for step in migrations.MIGRATIONS if step.number not in done]
        for step in missing:
            for statement in step.statements(self._layout):
                self._command(statement)
            self.insert_rows(
                "schema_migrations", [{"number": step.number, "name": step.name}], token=f"migration-{step.number}"
            )
        return [step.name for step in missing]

    def create_table(self, table: LogTable) -> None:
        for statement in create_log_table(table, self._layout):
            self._command(statement)

    def drop_table(self, table: LogTable) -> None:
        for statement in drop_table(table.name, self._layout):
            self._command(statement)

    def table(self, name: str) -> str:
        return self._layout.table(name)

    def select(self, statement: Statement, limits: Limits) -> Rows:
        settings = {
            "max_execution_time": limits.seconds,
            "max_memory_usage": limits.memory_bytes,
            "max_result_rows": limits.result_rows,
            **precedence(limits),
            **({"log_comment": limits.mark} if limits.mark else {}),
        }
        with self._errors(), _own_memory():
            # It waits, so that the counts in the summary are the final ones.
            waiting = {**settings, "wait_end_of_query": 1}
            if statement.is_plain and self._address.is_embedded:
                page = self._kept.select(statement, settings)
                if page is not None:
                    return page
                waiting["max_result_bytes"] = 0  # a limit of its own: the store does not try once more to make a page of it
            result = self._client.query(statement.text, parameters=dict(statement.params), settings=waiting)
        summary = result.summary
        return Rows(
            columns=tuple(result.column_names),
            rows=[tuple(row) for row in result.result_rows],
            rows_read=int(summary.get("read_rows", 0)),
            bytes_read=int(summary.get("read_bytes", 0)),
            seconds=int(summary.get("elapsed_ns", 0)) / 1e9,
        )

    def stream(self, statement: Statement, writing: Writing, limits: Limits) -> Generator[bytes]:
        return self._raw(statement, writing, limits)

    @property
    def shares_files(self) -> bool:
        return self._address.is_embedded

    def stream_into(self, statement: Statement, writing: Writing, limits: Limits, *, name: str, at: int) -> Generator[bytes]:
        return self._raw(statement, writing, limits, {APPEND_HEADER: f"{at} {quote(name)}"})

    def _raw(
        self, statement: Statement, writing: Writing, limits: Limits, headers: dict[str, str] | None = None
    ) -> Generator[bytes]:
        with self._errors():
            answer = self._client.raw_stream(
                statement.text,
                parameters=dict(statement.params),
                settings=settings_of(writing, limits),
                fmt=format_name(writing),
                transport_settings=headers,
            )
        return chunks(cast("HTTPResponse", answer), self._translate)

    def cancel(self, mark: str) -> int:
        found = int(self.select(upkeep.running(mark, self._layout), LOOKUP_LIMITS).rows[0][0])
        if found:
            self._command(upkeep.kill(self._layout), params={"mark": mark})
        return found

    def identity(self, table: str) -> str:
        rows = self.select(upkeep.identity(table, self._layout), LOOKUP_LIMITS).rows
        return str(rows[0][0]) if rows else ""

    def ledger(self, table: str, *, since: datetime) -> dict[str, Any]:
        return self.select(sum_ledger(table, since, self._layout), LOOKUP_LIMITS).as_dicts()[0]

    def ledgers(self, *, since: datetime) -> list[dict[str, Any]]:
        return self.select(sum_ledgers(since, self._layout), LOOKUP_LIMITS).as_dicts()

    def usage(self) -> list[TableUsage]:
        rows = self.select(upkeep.usage(self._layout), LOOKUP_LIMITS).as_dicts()
        return [
            TableUsage(self._plain(row["table"]), row["parts"], row["rows"], row["size_bytes"], _day(row["oldest_day"]))
            for row in rows
        ]

    def disks(self) -> list[Disk]:
        return [Disk(**row) for row in self.select(upkeep.disks(self._layout), LOOKUP_LIMITS).as_dicts()]

    def expiry_days(self) -> dict[str, int]:
        rows = self.select(upkeep.expiries(self._layout), LOOKUP_LIMITS).rows
        return {self._plain(name): days for name, days in rows}

    def set_expiry(self, table: LogTable) -> None:
        for statement in upkeep.set_expiry(table.name, table.retention_days, self._layout):
            self._command(statement)

    def copying(self, table: LogTable) -> Copying:
        return Copies(self._layout, Running(self.select, self._command, self._read, self._write), seconds=self._insert_seconds)

    def _read(self, statement: Statement, settings: Mapping[str, Any]) -> Chunks:
        """The answer in the engine's own binary form, chunk by chunk."""
        with self._errors():
            answer: Any = self._client.raw_stream(statement.text, dict(statement.params), dict(settings), fmt="Native")
            with closing(answer):
                yield from iter(partial(answer.read, READ_BYTES), b"")

    def drop_days(self, table: LogTable, *, before: date) -> list[date]:
        partitions = [row[0] for row in self.select(upkeep.days(table.name, self._layout), LOOKUP_LIMITS).rows]
        old = [day for day in map(_day, partitions) if day and day < before]
        for day in old:
            self._command(upkeep.drop_partition(table.name, day.isoformat(), self._layout))
        return old

    def roll_up_ledger(self, *, before: date) -> list[date]:
        """What was rolled up by an earlier call is deleted first: whoever summed meanwhile has found it in one place."""
        rolled = self.select(upkeep.last_rolled_day(self._layout), LOOKUP_LIMITS).rows[0][0]
        for (month,) in self.select(upkeep.months_before(rolled, self._layout), LOOKUP_LIMITS).rows:
            self._command(upkeep.drop_partition("ledger", month, self._layout))
        self._command(upkeep.forget_rolled(rolled, self._layout))
        days = [row[0] for row in self.select(upkeep.days_to_roll(rolled, before, self._layout), LOOKUP_LIMITS).rows]
        for day in days:
            statement = upkeep.roll_day(day, self._layout)
            settings = _insert_settings(f"ledger-{day.isoformat()}", self._insert_seconds)
            self._command(statement.text, params=statement.params, settings=settings)
        return days

    def _write(self, table: str, columns: Sequence[str], chunks: Chunks, settings: Mapping[str, Any]) -> None:
        """The counterpart of `_read`."""
        with self._errors():
            self._client.raw_insert(table, columns, chunks, dict(settings), fmt="Native")

    def _plain(self, table: str) -> str:
        return table.removesuffix("_local") if self._layout.cluster else table

    def insert_rows(self, table: str, rows: Sequence[Mapping[str, Any]], *, token: str) -> None:
        body = "\n".join(json.dumps(row) for row in rows).encode()
        sql = f"INSERT INTO {self._layout.table(table)} ({', '.join(rows[0])}) FORMAT JSONEachRow"
        self._command(sql, data=body, settings=_insert_settings(token, self._insert_seconds))

    def insert_lines(self, batch: LineBatch) -> list[Stored]:
        try:
            return self._intake.take(batch)
        except StoreError as error:
            if error.engine_code not in GONE_CODES:
                raise
            raise closed_table(f"the table {batch.table.name} is gone") from error

    def _insert(self, statement: Statement, body: bytes, token: str) -> None:
        settings = _insert_settings(token, self._insert_seconds)
        self._command(statement.text, data=body, params=statement.params, settings=settings)

    def _command(
        self,
        sql: str,
        *,
        data: bytes | None = None,
        params: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        with self._errors():
            self._client.command(sql, data=data, parameters=dict(params or {}), settings=dict(settings or {}))

    @property
    def _client(self) -> Client:
        with self._lock:
            if self._connected is None:
                self._connected = clickhouse_connect.get_client(
                    host=self._address.host,
                    port=self._address.port,
                    username=self._address.user,
                    password=self._address.password,
                    secure=self._address.secure,
                    compress=False,
                    connect_timeout=CONNECT_SECONDS,
                    send_receive_timeout=int(self._insert_seconds) + 10,
                    autogenerate_session_id=False,
                    pool_mgr=self._pool,
                )
            return self._connected

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            raise self._translate(str(error), error.code or 0) from error
        except ClickHouseError as error:
            raise StoreError(f"the store refused the request: {error}") from error

    def _translate(self, text: str, code: int) -> BklogError:
        if code in DISK_FULL_CODES or DISK_FULL_TEXT.search(text):
            hint = "free space or shorten a retention; senders keep what was not acknowledged and send it again"
            return Unavailable("the store's disk is full", retry_after_seconds=30, hint=hint, code="disk_full")
        if code in OVERLOAD_CODES:
            return Overloaded(f"the store has too much to do: {text}", retry_after_seconds=2, code="store_overloaded")
        if code in CLOSED_CODES:
            return closed_table("the table takes no lines at the moment")
        if code in GONE_CODES:
            hint = "it was replaced by another, or its collector was deleted: read the collector again"
            return StoreError(text, engine_code=code, hint=hint, code="table_gone")
        if code in STOPPING_CODES or not code:
            return self._stopped(code)
        return StoreError(text, engine_code=code)

    def _stopped(self, code: int) -> Unavailable:
        if code == CANCELLED_CODE:
            return Unavailable("the statement was cancelled", retry_after_seconds=1, code="statement_cancelled")
        hint = "it is started again by the supervisor; `bklog status` and `bklog logs store` say more"
        return Unavailable(
            f"the store at {self._address.url} does not answer", retry_after_seconds=1, hint=hint, code="store_down"
        )


def closed_table(what: str) -> Unavailable:
    """Another table takes its place within seconds, and what is sent again stands there."""
    hint = "keep the lines and send them again after Retry-After; nothing of them was acknowledged"
    return Unavailable(f"{what}: another one takes its place", retry_after_seconds=1, hint=hint, code="table_closed")


@contextmanager
def _own_memory() -> Iterator[None]:
    """A question that needs more than its own limit needs it again: to be asked otherwise, not to be tried again."""
    try:
        yield
    except DatabaseError as error:
        if OWN_MEMORY_TEXT.search(str(error)):
            raise StoreError(str(error), engine_code=error.code or 0) from error
        raise


def _insert_settings(token: str, seconds: float) -> dict[str, Any]:
    return {**INSERT_SETTINGS, "insert_deduplication_token": token, "max_execution_time": seconds}


def _day(partition: str) -> date | None:
    """The day of a partition; None for one that is no day."""
    try:
        return date.fromisoformat(partition)
    except ValueError:
        return None
