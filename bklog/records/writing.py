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


def file_suffix(form: Form, compression: Compression) -> str:
    """Parquet is compressed inside: its name does not say how."""
    packed = {Compression.GZIP: ".gz", Compression.ZSTD: ".zst"}.get(compression, "") if form is not Form.PARQUET else ""
    return ("log" if form is Form.RAW else form.value) + packed
