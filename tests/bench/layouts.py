"""Which sorting key and which index: the benchmark behind docs/adr/0002-sorting-key.md.

    python -m tests.bench.layouts [ROWS] [HOURS]

In process, one connection, condition cache off; milliseconds are the best of four, so read the columns against each other.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Any, Final

from tests.bench.rows import sample_lines
from tests.chdb_connection import connect

ROWS_OF_A_PART: Final = 250_000
BUCKET: Final = "toStartOfInterval(time, INTERVAL 5 MINUTE)"
WORDS: Final = "INDEX words {column} TYPE text(tokenizer = 'splitByNonAlpha'{options})"
PACKED: Final = ", posting_list_codec = 'bitpacking'"
BLOOM: Final = "INDEX words lower(log) TYPE tokenbf_v1(65536, 4, 0) GRANULARITY 1"


@dataclass(frozen=True, slots=True)
class Layout:
    key: str
    index: str
    label: str
    newest_first: str = f"{BUCKET} DESC, time DESC, batch DESC, row DESC"


BY_BUCKET: Final = f"{BUCKET}, host, path, time"
BY_TIME: Final = "time DESC, batch DESC, row DESC"
IDENTITY: Final = "time, batch, row"
LAYOUTS: Final = (
    Layout("time", "", "time · none", BY_TIME),
    Layout("time", WORDS.format(column="lower(log)", options=PACKED), "time · text, bitpacking", BY_TIME),
    Layout(IDENTITY, WORDS.format(column="lower(log)", options=""), "time, batch, row · text", BY_TIME),
    Layout(IDENTITY, WORDS.format(column="lower(log)", options=PACKED), "time, batch, row · text, bitpacking", BY_TIME),
    Layout(IDENTITY, BLOOM, "time, batch, row · tokenbf", BY_TIME),
    Layout("toStartOfHour(time), host, path, time", "", "hour, host, path, time · none", BY_TIME),
    Layout(BY_BUCKET, "", "5 min, host, path, time · none"),
    Layout(BY_BUCKET, BLOOM, "5 min, host, path, time · tokenbf"),
    Layout(BY_BUCKET, WORDS.format(column="lower(log)", options=""), "5 min, host, path, time · text"),
    Layout(BY_BUCKET, WORDS.format(column="lower(log)", options=PACKED), "5 min, host, path, time · text, bitpacking"),
    Layout(
        BY_BUCKET,
        WORDS.format(column="log", options=f"{PACKED}, preprocessor = lower(log)"),
        "5 min, host, path, time · text on log with preprocessor",
    ),
)
TOKENS: Final = "hasAllTokens({column}, ['{words}'], 'splitByNonAlpha')"


class Bench:
    def __init__(self, folder: str, rows: int, hours: int) -> None:
        self._connection = connect(folder)
        self._rows = rows
        self._milliseconds = hours * 3_600_000 / rows  # between two rows
        self._make_source()

    def report(self, layout: Layout) -> str:
        seconds = self._fill(layout)
        size, index = self._sizes()
        column = "log" if "preprocessor" in layout.index else "lower(log)"
        rare = self._value("SELECT extract(log, '([0-9a-f]{8})$') FROM t LIMIT 1 OFFSET 12345")
        page = f"SELECT time, host, path, log FROM t WHERE {{}} ORDER BY {layout.newest_first} LIMIT 100"
        error = TOKENS.format(column=column, words="error")
        both = TOKENS.format(column=column, words="connection', 'closed")
        cells = [
            f"{self._rows / seconds / 1000:,.0f}k",
            f"{size:,.0f} ({index:,.0f})",
            self._best(page.format("1")),
            self._best(page.format(error)),
            self._best(f"SELECT count() FROM t WHERE {error}"),
            self._best(page.format(both)),
            self._best(page.format(TOKENS.format(column=column, words=rare))),
        ]
        return f"| {layout.label} | " + " | ".join(cells) + " |"

    def _make_source(self) -> None:
        self._run("CREATE TABLE lines (id UInt32, path String, line String) ENGINE = Memory")
        rows = sample_lines()
        values = ", ".join(f"({number}, '{path}', '{_escaped(line)}')" for number, (path, line) in enumerate(rows))
        self._run(f"INSERT INTO lines VALUES {values}")
        self._run(
            "CREATE TABLE source (time DateTime64(9, 'UTC'), batch UUID, row UInt32, host LowCardinality(String), "
            "path LowCardinality(String), level LowCardinality(String), log String) ENGINE = MergeTree ORDER BY tuple()"
        )
        self._run(
            "INSERT INTO source SELECT "
            f"toDateTime64('2026-01-01 00:00:00', 9, 'UTC') + toIntervalMillisecond(number * {self._milliseconds}), "
            f"toUUID(concat('00000000-0000-4000-8000-', leftPad(toString(intDiv(number, {ROWS_OF_A_PART})), 12, '0'))), "
            f"number % {ROWS_OF_A_PART}, "
            "concat('host-', toString(cityHash64(number, 1) % 20)), path, ['info', 'info', 'warn', 'error'][1 + number % 4], "
            "concat(line, ' ', lower(leftPad(hex(toUInt32(cityHash64(number))), 8, '0'))) "
            f"FROM (SELECT number, toUInt32(cityHash64(number, 2) % {len(rows)}) AS id FROM numbers({self._rows})) AS n "
            "INNER JOIN lines USING id ORDER BY number"
        )

    def _fill(self, layout: Layout) -> float:
        self._run("DROP TABLE IF EXISTS t SYNC")
        index = f", {layout.index}" if layout.index else ""
        self._run(
            "CREATE TABLE t (time DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)), batch UUID CODEC(ZSTD(1)), "
            "row UInt32 CODEC(Delta(4), ZSTD(1)), host LowCardinality(String), "
            f"path LowCardinality(String), level LowCardinality(String), log String CODEC(ZSTD(1)){index}) "
            f"ENGINE = MergeTree PARTITION BY toDate(time) ORDER BY ({layout.key})"
        )
        started = time.perf_counter()
        for offset in range(0, self._rows, ROWS_OF_A_PART):
            self._run(
                f"INSERT INTO t SELECT * FROM source LIMIT {ROWS_OF_A_PART} OFFSET {offset} SETTINGS max_insert_threads = 1"
            )
        seconds = time.perf_counter() - started
        self._run("OPTIMIZE TABLE t FINAL")
        return seconds

    def _sizes(self) -> tuple[float, float]:
        row = self._value(
            "SELECT concat(toString(sum(bytes_on_disk)), ' ', toString(sum(secondary_indices_compressed_bytes))) "
            "FROM system.parts WHERE active AND table = 't'"
        )
        size, index = row.split()
        return int(size) / 1e6, int(index) / 1e6

    def _best(self, sql: str) -> str:
        times = []
        for _ in range(4):
            started = time.perf_counter()
            self._run(f"{sql} SETTINGS use_query_condition_cache = 0")
            times.append(time.perf_counter() - started)
        return f"{min(times) * 1000:.0f}"

    def _run(self, sql: str) -> Any:
        return self._connection.query(sql, "TSV")

    def _value(self, sql: str) -> str:
        return str(self._run(sql).bytes().decode().strip())


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 4_000_000
    hours = int(sys.argv[2]) if len(sys.argv) > 2 else 48
    folder = tempfile.mkdtemp(prefix="bklog-layouts-")
    try:
        bench = Bench(folder, rows, hours)
        print(f"{rows} rows over {hours} hours\n")
        print(
            "| sorting key · index | insert rows/s | disk MB (index) | newest 100 "
            "| frequent word | count | two words | rare id |"
        )
        print("|---|---|---|---|---|---|---|---|")
        for layout in LAYOUTS:
            print(bench.report(layout), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
