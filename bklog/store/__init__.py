"""The log store: the only package that knows SQL execution, ClickHouse and chDB."""

from bklog.store.base import (
    NOTHING_ATTACHED,
    Attached,
    Copying,
    Disk,
    Keeping,
    LineBatch,
    LogTable,
    Piece,
    Rules,
    Searching,
    Source,
    Store,
    TableUsage,
    Taking,
)

__all__ = [
    "NOTHING_ATTACHED",
    "Attached",
    "Copying",
    "Disk",
    "Keeping",
    "LineBatch",
    "LogTable",
    "Piece",
    "Rules",
    "Searching",
    "Source",
    "Store",
    "TableUsage",
    "Taking",
]
