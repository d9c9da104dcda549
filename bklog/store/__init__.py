"""The log store: the only package that knows SQL execution, ClickHouse and chDB."""

from bklog.store.base import LineBatch, LogTable, Source, Store

__all__ = ["LineBatch", "LogTable", "Source", "Store"]
