"""Writing: the form in which rows leave the platform as a file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Form(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"
    RAW = "raw"
    PARQUET = "parquet"


class Compression(StrEnum):
    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


@dataclass(frozen=True, slots=True)
class Writing:
    """How one statement writes its rows. CSV without `names` has no header, so that it may follow another.

    Parquet is compressed inside, by column; the other forms leave the engine as they are.
    """

    form: Form
    compression: Compression = Compression.NONE
    names: bool = True
