"""The columns that every log table has: one list, from which the DDL, the clean SELECT and the search are made.

A row is identified and ordered by (time, batch, row): `batch` is the insert it came with, `row` its place in that insert.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, the engine's type, its codec, and what a user reads about it."""

    name: str
    type: str
    codec: str
    meaning: str


COLUMNS: Final = (
    Column("time", "DateTime64(9, 'UTC')", "Delta(8), ZSTD(1)", "when it happened; the arrival where the line does not say"),
    Column("ingest_time", "DateTime64(6, 'UTC')", "Delta(8), ZSTD(1)", "when it arrived"),
    Column("batch", "UUID", "ZSTD(1)", "the insert that the row came with"),
    Column("row", "UInt32", "Delta(4), ZSTD(1)", "the row's place in its batch, from 0"),
    Column("host", "LowCardinality(String)", "ZSTD(1)", "the machine it comes from"),
    Column("path", "LowCardinality(String)", "ZSTD(1)", "the file it comes from"),
    Column("stream", "LowCardinality(String)", "ZSTD(1)", "stdout, stderr, a container: what tells apart lines of one path"),
    Column("level", "LowCardinality(String)", "ZSTD(1)", "fatal, error, warn, info, debug, trace, or empty"),
    Column("log", "String", "ZSTD(1)", "the raw line"),
    Column("fields", "JSON", "ZSTD(1)", "what the clean rule found in the line"),
    Column("parse_error", "LowCardinality(String)", "ZSTD(1)", "why the clean rule could not read the line, or empty"),
)
IDENTITY: Final = ("time", "batch", "row")
