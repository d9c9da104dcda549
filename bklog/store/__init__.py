"""The log store: the only package that knows SQL execution, ClickHouse and chDB."""

from bklog.store.base import Disk, LineBatch, LogTable, Source, Store, TableUsage

__all__ = ["Disk", "LineBatch", "LogTable", "Source", "Store", "TableUsage"]
