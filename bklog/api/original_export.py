"""export: the rows of one page as a file, a JSON object on each line. More rows are exports of the platform's own."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any, Final

from django.http import FileResponse

from bklog.accounts.audit import record
from bklog.api.acting import QUERY_CHARACTERS
from bklog.api.downloads import attachment
from bklog.api.original import Call, answering
from bklog.api.requests import actor, by_method
from bklog.esquery.question import COMMON_KEYS, read_order, read_paging, read_question
from bklog.esquery.rows import row_of
from bklog.query import MAX_ROWS
from bklog.search.given import Given, refuse

KEYS: Final = (*COMMON_KEYS, "begin", "size", "sort_list", "interval", "export_fields", "file_type")
AS_LINES: Final = "log"
MAX_FIELDS: Final = 200


@answering("export")
def export(call: Call, index_set_id: int) -> FileResponse:
    given = Given(call.body, KEYS)
    one = call.one_set(index_set_id)
    asked = read_question(given, now=call.now, zone=call.zone)
    paging, order = read_paging(given, "begin", default=MAX_ROWS), read_order(given)
    fields = _fields(given)
    if given.text("file_type", AS_LINES) != AS_LINES:
        raise refuse(f"file_type is {given.text('file_type')[:40]!r}", "POST /api/v1/search/index_set/ID/download/ writes CSV")
    with call.let_in([one], asked.typed, asked.query):
        found = call.rows(one, asked, limit=max(1, paging.begin + paging.size), order=order)
    for source in found.statistics.sources:
        if source.error:  # a file says nothing of what it lacks
            raise source.error
    rows = [row_of(row) for row in found.rows[paging.begin : paging.begin + paging.size]]
    about = {"query": asked.typed[:QUERY_CHARACTERS], "rows": len(rows)}
    record(actor(call.request), "rows.download", one.name, about)
    return attachment(BytesIO(b"".join(_line(row, fields) for row in rows)), f"bk_log_search_{one.name}.log")


def _fields(given: Given) -> tuple[str, ...]:
    """None named are all."""
    return given.names("export_fields", most=MAX_FIELDS) if given.raw("export_fields", []) else ()


def _line(row: dict[str, Any], fields: tuple[str, ...]) -> bytes:
    shown = {name: row[name] for name in fields if name in row} if fields else row
    return json.dumps(shown, ensure_ascii=False).encode() + b"\n"


exports = by_method(POST=export)
