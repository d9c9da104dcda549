"""A small export at once: rows → a file that is whole and counted before a byte of it is answered."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Final

from bklog.export.request import ExportRequest
from bklog.export.slices import Slice
from bklog.export.source import Source
from bklog.query import Masking, TableFields
from bklog.query.plan import Count
from bklog.records import Limits
from bklog.store import Searching

MOST_BYTES: Final = 1 << 30
KEPT: Final[dict[str, str]] = {}  # tables need no identity: one statement reads them


@dataclass(frozen=True, slots=True)
class Download:
    """`file` has no name any more: it is gone when it is closed."""

    file: IO[bytes]
    size_bytes: int
    rows: int
    matched_rows: int


def download(
    request: ExportRequest, *, tables: Sequence[TableFields], masking: Masking, store: Searching, limits: Limits
) -> Download:
    """Raises QuerySyntax, BadRequest, TooLarge, StoreError, Unavailable, RowsDiffer."""
    plan = request.plan(tables, masking)
    source = Source(store, limits, plan, request.form, request.compression, KEPT, most_bytes=MOST_BYTES)
    matched = source.number(Slice(plan.start, plan.end, 0), Count())
    one = Slice(plan.start, plan.end, min(matched, request.limit), is_cut=matched > request.limit)
    with TemporaryDirectory(prefix="bklog-download-") as folder:
        path = Path(folder) / "rows"
        part = source.write(one, path, is_first=True, stopped=threading.Event())
        return Download(path.open("rb"), part.size_bytes, part.rows, max(matched, part.rows))
