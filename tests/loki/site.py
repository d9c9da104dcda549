"""Index sets for Loki's clients, in an engine of this process: real lines, and lines that the parsers of LogQL read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from bklog.loki.service import Place
from bklog.loki.sources import NamedTables
from bklog.query import UNMASKED
from bklog.search.catalogue import FieldCatalogue
from bklog.store import LogTable
from tests.loki.plain import Line, stored_line
from tests.search.engine_store import LIMITS, EngineStore
from tests.search.lines import TYPES, few_texts, rows

NOW = datetime(2026, 1, 3, tzinfo=UTC)
RANGE = {"start": ["2026-01-01T00:00:00Z"], "end": ["2026-01-03T00:00:00Z"]}
PARSED = [
    '{"a": 1, "b": {"c": "x", "d": [1, 2], "e": {"f": 2.5}}, "h": null, "host": "json-host", "ok": true}',
    '{"a": 20, "took": "250ms", "size": "10KB", "msg": "连接 超时", "9x": "y", "k.e-y": "z"}',
    '{"a": "many", "took": "1m30.5s", "size": "2KiB", "msg": "say \\"hi\\" \\u00e9"}',
    '{"a": 3, "took": "soon", "size": "12", "list": [{"x": 7}, {"x": 8}]}',
    '{"a": 5',
    '["a", 1]',
    'level=error msg="hello world" took=1.5s size=10KB host=logfmt-host code=500',
    'level=info msg="say \\"hi\\"" took=20ms size=3 code=200 a.b=c',
    "msg=plain took= code=404 =x lonely",
    '10.0.0.1 - frank [12/Jan/2026:10:00:00 +0800] "GET /index.html HTTP/1.1" 200 2326',
    '10.0.0.2 - - [12/Jan/2026:10:00:01 +0800] "POST /登录 HTTP/1.1" 503 17',
    "10.0.0.3 - - [12/Jan/2026",
    "\x1b[31mred\x1b[0m error timeout=3s",
    "two\nlines a.b timeout",
    "Error: TIMEOUT after 3s; error: timeout",
]


def table_rows(offset: int = 0) -> list[dict[str, Any]]:
    """Rows whose order in time is that of the list. Only one table has the lines of 1 MB: plain Python is slow over them."""
    texts = [text for text in few_texts() if not offset or len(text) < 20_000]
    for place, line in enumerate(PARSED * 4):
        texts.insert(place * 7 + offset, line)
    found = sorted(rows(texts), key=lambda row: (row["time"], row["batch"], row["row"]))
    for row in found:
        row["host"] = row["host"] and f"{row['host']}{'' if not offset else '-b'}"
    return found


class LokiSite:
    """`web` has two collectors with other indexes, `db` one; a collector of `web` is also one of `web-part`."""

    def __init__(self) -> None:
        self.store = EngineStore()
        self.tables = {
            "front": LogTable("loki_front", 3650, "full", TYPES),
            "back": LogTable("loki_back", 3650, "bloom", TYPES),
            "mysql": LogTable("loki_mysql", 3650, "none", TYPES),
        }
        stored = {"front": table_rows(), "back": table_rows(3)[::2], "mysql": table_rows(5)[::3]}
        for name, table in self.tables.items():
            self.store.create_table(table)
            self.store.insert(table.name, stored[name])
        collectors = {name: (name, table) for name, table in self.tables.items()}
        sets = [
            NamedTables("web", (collectors["front"], collectors["back"]), UNMASKED),
            NamedTables("db", (collectors["mysql"],), UNMASKED),
            NamedTables("web-part", (collectors["front"],), UNMASKED),
        ]
        self.place = Place(sets, self.store, FieldCatalogue(self.store, LIMITS), LIMITS)
        self._read: dict[tuple[str, ...], list[Line]] = {}
        self.rows = [(place, row) for place in (("web", "front"), ("web", "back"), ("db", "mysql")) for row in stored[place[1]]]

    def lines(self, *others: str) -> list[Line]:
        """All rows, oldest first; `others` are fields that a query speaks of."""
        if others not in self._read:
            self._read[others] = self._lines(others)
        return self._read[others]

    def _lines(self, others: tuple[str, ...]) -> list[Line]:
        found = [
            (stored_line(row, {"index_set": one, "collector": name}, others), row["batch"], row["row"])
            for (one, name), row in self.rows
        ]
        return [line for line, _, _ in sorted(found, key=lambda each: (each[0].time, each[1], each[2]))]

    def close(self) -> None:
        for table in self.tables.values():
            self.store.drop_table(table)


def asked(query: str, **parameters: str) -> Mapping[str, list[str]]:
    return {**RANGE, "query": [query], **{name: [value] for name, value in parameters.items()}}


def flat(streams: list[dict[str, Any]]) -> Iterator[tuple[int, str, str]]:
    for stream in streams:
        for moment, line in stream["values"]:
            yield int(moment), line, json.dumps(stream["stream"], sort_keys=True, ensure_ascii=False)
