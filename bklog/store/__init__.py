"""The log store: the only package that knows SQL execution, ClickHouse and chDB."""

from bklog.store.base import Attached, LineBatch, LogTable, Source, Store

__all__ = ["Attached", "LineBatch", "LogTable", "Source", "Store"]
