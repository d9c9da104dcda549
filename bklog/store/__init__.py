"""The log store: the only package that knows SQL execution, ClickHouse and chDB."""

from bklog.store.base import NOTHING_ATTACHED, Attached, LineBatch, LogTable, Source, Store

__all__ = ["NOTHING_ATTACHED", "Attached", "LineBatch", "LogTable", "Source", "Store"]
