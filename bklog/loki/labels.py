"""The labels of our rows: the index set, the collector, where a line comes from, its level, and the keywords of its clean rule.

A name of LogQL has letters, digits and underscores: what else a field's name has becomes an underscore.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from bklog.query import TableFields
from bklog.query.fields import COLUMN_KINDS
from bklog.store import LogTable

INDEX_SET: Final = "index_set"
COLLECTOR: Final = "collector"
NAMED: Final = (INDEX_SET, COLLECTOR)
COLUMNS: Final = ("host", "path", "stream", "level")
_OTHER: Final = re.compile(r"[^a-zA-Z0-9_]")


def label_name(path: str) -> str:
    clean = _OTHER.sub("_", path)
    return f"_{clean}" if clean[:1].isdigit() else clean


def stream_labels(tables: Iterable[LogTable]) -> dict[str, str]:
    """Label → field, of all labels that the streams of these tables can have beside their names."""
    keywords = {
        label_name(path): path
        for table in tables
        for path, kind in sorted(table.types.items())
        if kind == "keyword" and label_name(path) not in (*NAMED, *COLUMN_KINDS, "batch", "row")
    }
    return {name: name for name in COLUMNS} | keywords


def other_fields(names: Iterable[str], tables: Sequence[TableFields]) -> dict[str, str]:
    """Label → field, for names that are no labels of the stream: fields by which rows are found and grouped all the same."""
    paths = {path for table in tables for path in (*table.types, *table.paths)}
    by_label = {label_name(path): path for path in sorted(paths)}
    return {name: by_label[name] for name in names if name in by_label and name not in COLUMN_KINDS}
