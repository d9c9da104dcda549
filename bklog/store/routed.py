"""RoutedStore: several stores as one. A table names the store where it stands; what is the platform's own is in the main one.

table.store ─▶ create, drop, insert, expiry, copying      ledger, refused lines ─▶ main      usage, disks, expiries ─▶ all
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from bklog.errors import BadRequest, Unavailable
from bklog.records import MAIN_STORE, Limits, Rows, Statement, StoreAddress, Stored, Writing
from bklog.store.base import Copying, Disk, LineBatch, LogTable, Searching, Store, TableUsage
from bklog.store.clickhouse import ClickHouseStore


def open_stores(addresses: Mapping[str, StoreAddress]) -> Store:
    """Connects when first used. Refused lines of every store stand in the main one, where the index set of them looks."""
    main = ClickHouseStore(addresses[MAIN_STORE])
    others = {name: address for name, address in addresses.items() if name != MAIN_STORE}
    return RoutedStore({MAIN_STORE: main, **{name: ClickHouseStore(one, rejects=main) for name, one in others.items()}})


class RoutedStore:
    """A Store. What selects is the main store's: for other tables ask `of` first."""

    def __init__(self, stores: Mapping[str, Store]) -> None:
        self._stores = stores
        self._main = stores[MAIN_STORE]

    def of(self, tables: Iterable[LogTable]) -> Searching:
        names = sorted({table.store for table in tables})
        if len(names) > 1:
            hint = f"they stand in {', '.join(names)}: search each by itself, or move them to one store"
            message = "the collectors of this index set stand in different stores, which one search cannot cover"
            raise BadRequest(message, hint=hint, code="several_stores")
        return self._at(names[0]) if names else self._main

    def places(self) -> Mapping[str, Store]:
        return self._stores

    def _at(self, name: str) -> Store:
        if name not in self._stores:
            hint = "name it in BKLOG_STORES again; its lines are where they were"
            raise Unavailable(f"there is no store {name!r} in the settings", hint=hint, code="unknown_store")
        return self._stores[name]

    def ping(self) -> str:
        return ", ".join(store.ping() for store in self._stores.values())

    def migrate(self) -> list[str]:
        """Of the main store. Another one may be away when a fleet starts: it is brought up to date by its first table."""
        return self._main.migrate()

    def copying(self, table: LogTable) -> Copying:
        return self._at(table.store).copying(table)

    def select(self, statement: Statement, limits: Limits) -> Rows:
        return self._main.select(statement, limits)

    def stream(self, statement: Statement, writing: Writing, limits: Limits) -> Generator[bytes]:
        return self._main.stream(statement, writing, limits)

    @property
    def shares_files(self) -> bool:
        return self._main.shares_files

    def stream_into(self, statement: Statement, writing: Writing, limits: Limits, *, name: str, at: int) -> Generator[bytes]:
        return self._main.stream_into(statement, writing, limits, name=name, at=at)

    def cancel(self, mark: str) -> int:
        return sum(store.cancel(mark) for store in self._stores.values())

    def identity(self, table: str) -> str:
        return self._main.identity(table)

    def table(self, name: str) -> str:
        return self._main.table(name)

    def insert_lines(self, batch: LineBatch) -> list[Stored]:
        return self._at(batch.table.store).insert_lines(batch)

    def insert_rows(self, table: str, rows: Sequence[Mapping[str, Any]], *, token: str) -> None:
        self._main.insert_rows(table, rows, token=token)

    def create_table(self, table: LogTable) -> None:
        store = self._at(table.store)
        if store is not self._main:
            store.migrate()
        store.create_table(table)

    def drop_table(self, table: LogTable) -> None:
        self._at(table.store).drop_table(table)

    def set_expiry(self, table: LogTable) -> None:
        self._at(table.store).set_expiry(table)

    def drop_days(self, table: LogTable, *, before: date) -> list[date]:
        return self._at(table.store).drop_days(table, before=before)

    def ledger(self, table: str, *, since: datetime) -> dict[str, Any]:
        return self._main.ledger(table, since=since)

    def ledgers(self, *, since: datetime) -> list[dict[str, Any]]:
        return self._main.ledgers(since=since)

    def roll_up_ledger(self, *, before: date) -> list[date]:
        return self._main.roll_up_ledger(before=before)

    def usage(self) -> list[TableUsage]:
        """The platform's own tables, which every store has, are told of the main one."""
        found = {usage.table: usage for store in self._from_last() for usage in store.usage()}
        return sorted(found.values(), key=lambda usage: usage.table)

    def disks(self) -> list[Disk]:
        return [disk for store in self._stores.values() for disk in store.disks()]

    def expiry_days(self) -> dict[str, int]:
        return {table: days for store in self._from_last() for table, days in store.expiry_days().items()}

    def _from_last(self) -> list[Store]:
        """So that the main store, which is the first, has the last word."""
        return list(self._stores.values())[::-1]
