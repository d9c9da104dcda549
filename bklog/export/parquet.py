"""Parquet files that stand one after the other in one file → one Parquet file, by a footer that knows the row groups of all.

    | PAR1 groups footer PAR1 | PAR1 groups footer PAR1 | … | footer of all PAR1
                                                              └─ places within each file, moved by where it stands

A reader takes the last footer and goes to the places that it names: what lies between the groups is never looked at. So files
are put together without a row, a page or a value being read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from bklog.errors import StoreError
from bklog.export.thrift import Items, Reader, Struct, write_struct

MAGIC: Final = b"PAR1"
END_BYTES: Final = 8  # the footer's length and the magic
MAX_FOOTER_BYTES: Final = 64 << 20
# Fields of the format's own definition (parquet.thrift).
SCHEMA, NUM_ROWS, ROW_GROUPS = 2, 3, 4
GROUP_COLUMNS, GROUP_OFFSET, GROUP_ORDINAL = 1, 5, 7
COLUMN_OFFSET, COLUMN_DATA = 2, 3
COLUMN_INDEXES: Final = (4, 5, 6, 7)  # of pages: they hold places themselves, and may be left out
DATA_PLACES: Final = (9, 10, 11, 14)  # data, index and dictionary pages, bloom filter


@dataclass(frozen=True, slots=True)
class Tail:
    rows: int
    footer: Struct


def read_tail(path: Path) -> Tail:
    """Raises StoreError for a file that is no whole Parquet file."""
    with path.open("rb") as file:
        return _read(file, 0, file.seek(0, os.SEEK_END))


def joint_footer(file: IO[bytes], ends: Sequence[int]) -> bytes:
    """What makes one file of those that end at `ends` in `file`. Raises StoreError where their columns differ."""
    starts = (0, *ends[:-1])
    tails = [_read(file, start, end).footer for start, end in zip(starts, ends, strict=True)]
    whole = dict(tails[0])
    if any(tail[SCHEMA] != whole[SCHEMA] for tail in tails):
        raise StoreError("the store wrote slices with other columns each time", code="export_columns_differ")
    groups = [group for start, tail in zip(starts, tails, strict=True) for group in _moved(tail, start)]
    whole[NUM_ROWS] = (whole[NUM_ROWS][0], sum(tail[NUM_ROWS][1] for tail in tails))
    whole[ROW_GROUPS] = (whole[ROW_GROUPS][0], Items(12, groups))
    footer = write_struct(whole)
    return footer + len(footer).to_bytes(4, "little") + MAGIC


def _read(file: IO[bytes], start: int, end: int) -> Tail:
    file.seek(max(start, end - END_BYTES))
    last = file.read(END_BYTES)
    length = int.from_bytes(last[:4], "little")
    if last[4:] != MAGIC or not 0 < length <= min(MAX_FOOTER_BYTES, end - start - END_BYTES):
        raise StoreError("the store wrote a Parquet file that has no end", hint="the slice is asked for again")
    file.seek(end - END_BYTES - length)
    try:
        footer = Reader(file.read(length)).struct()
        return Tail(int(footer[NUM_ROWS][1]), footer)
    except (ValueError, LookupError) as error:
        raise StoreError(f"the store wrote a Parquet file that cannot be read: {error}") from error


def _moved(footer: Struct, by: int) -> Iterator[Struct]:
    for group in footer[ROW_GROUPS][1].values:
        moved = {number: field for number, field in group.items() if number != GROUP_ORDINAL}
        kind, columns = moved[GROUP_COLUMNS]
        moved[GROUP_COLUMNS] = (kind, Items(columns.kind, [_moved_column(column, by) for column in columns.values]))
        yield _shift(moved, (GROUP_OFFSET,), by)


def _moved_column(column: Struct, by: int) -> Struct:
    moved = {number: field for number, field in column.items() if number not in COLUMN_INDEXES}
    kind, data = moved[COLUMN_DATA]
    moved[COLUMN_DATA] = (kind, _shift(data, DATA_PLACES, by))
    return _shift(moved, (COLUMN_OFFSET,), by)


def _shift(fields: Struct, places: Sequence[int], by: int) -> Struct:
    """0 stands for no place."""
    shifted: dict[int, tuple[int, Any]] = dict(fields)
    for number in places:
        if number in shifted and shifted[number][1]:
            shifted[number] = (shifted[number][0], shifted[number][1] + by)
    return shifted
