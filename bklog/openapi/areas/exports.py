"""/api/v1/search/…/export/ and download/: files of many rows, and of few at once."""

from __future__ import annotations

from typing import Any, Final

from bklog.export.request import ADDRESS, MAX_FIELDS, MAX_MAILS, MAX_QUERY_CHARACTERS
from bklog.openapi.areas.search import INDEX_SET, RANGE
from bklog.openapi.codes import BODY, PAGE, QUERY
from bklog.openapi.operation import FILE, Answer, Area, Example, Operation, Parameter
from bklog.openapi.schema import (
    COUNT,
    FLAG,
    ID,
    MOMENT,
    NUMBER,
    TEXT,
    Schema,
    asked,
    choice,
    described,
    listing,
    nullable,
    record,
    ref,
    text,
    whole,
)
from bklog.query.plan import Order
from bklog.records import Compression, Form

EXPORT: Final = "/api/v1/search/export/{export_id}/"
STATES: Final = ("waiting", "pending", "running", "storing", "success", "failed", "cancelled", "expired")
_MOST_ROWS: Final = 2**53
_ASKED: Final[dict[str, Schema]] = {
    "query": text(maxLength=MAX_QUERY_CHARACTERS),
    "start": ref("Moment"),
    "end": ref("Moment"),
    "fields": described(listing(TEXT, least=1, most=MAX_FIELDS), "the columns in their order; all that a row has if left out"),
    "order": choice(Order),
    "format": choice(Form),
    "compression": choice(Compression),
    "limit": whole(1, _MOST_ROWS),
    "masking": FLAG,
    "mail_to": listing(text(pattern=f"^{ADDRESS.pattern}$"), most=MAX_MAILS),
}
_QUERY_CODES: Final = (*QUERY, "export_request")
_PROGRESS: Final = record({"slices": COUNT, "slices_done": COUNT, "rows": COUNT, "rows_total": COUNT, "percent": whole(0, 100)})
SCHEMAS: Final[dict[str, Schema]] = {
    "ExportRequest": asked({}, _ASKED),
    "Export": record(
        {
            "id": ID,
            "state": choice(STATES),
            "code": TEXT,
            "reason": TEXT,
            "hint": TEXT,
            "owner": TEXT,
            "index_set_id": ID,
            "index_set": TEXT,
            "query": TEXT,
            "fields": nullable(listing(TEXT)),
            "order": choice(Order),
            "format": choice(Form),
            "compression": choice(Compression),
            "limit": COUNT,
            "matched_rows": COUNT,
            "rows": COUNT,
            "size_bytes": COUNT,
            "sha256": TEXT,
            "attempts": COUNT,
            "beginnings": COUNT,
            "target": choice(["local", "s3"]),
            "file_name": TEXT,
            "mail_to": listing(TEXT),
            "mail_state": choice(["", "due", "sent", "failed"]),
            "mail_error": TEXT,
            "start": MOMENT,
            "end": MOMENT,
            "created_at": MOMENT,
            "started_at": nullable(MOMENT),
            "finished_at": nullable(MOMENT),
            "expires_at": nullable(MOMENT),
            "seconds": NUMBER,
            "progress": _PROGRESS,
            "complete": described(nullable(FLAG), "whether all rows that matched are in the file; null until it ended"),
            "note": TEXT,
        }
    ),
}
_FILE: Final[dict[str, Schema]] = {
    "X-Bklog-Rows": text(pattern="^[0-9]+$"),
    "X-Bklog-Matched-Rows": text(pattern="^[0-9]+$"),
}
_ROWS: Final = {200: Answer("The file", TEXT, media=(FILE,), headers=_FILE)}
_DOWNLOAD_CODES: Final = (*_QUERY_CODES, "download_too_large")


def _one(method: str, path: str, name: str, summary: str, answers: dict[int, Answer], *codes: str, **more: Any) -> Operation:
    """Of one export that is there."""
    more.setdefault("examples", [Example("Of one")])
    return Operation(method, f"{EXPORT}{path}", name, summary, answers, ("no_export", *codes), **more)


AREA = Area(
    "Files of rows: docs/export.md",
    [
        Operation(
            "POST",
            f"{INDEX_SET}export/",
            "create_export",
            "All rows of a query as a file, written by a worker",
            {202: Answer("It is in line", ref("Export"))},
            codes=(*_QUERY_CODES, "nul", "no_mail_server", "objects_not_set", "exports_waiting"),
            body=ref("ExportRequest"),
            examples=[
                Example("Errors, as CSV", body={"query": "level:error", "fields": ["time", "host", "log"], **RANGE}),
                Example("Too many fields", body={"fields": ["x"] * (MAX_FIELDS + 1)}, status=400),
            ],
        ),
        Operation(
            "GET",
            "/api/v1/search/export/",
            "list_exports",
            "Exports, newest first",
            {200: Answer("A page", record({"items": listing(ref("Export"))}))},
            codes=(*PAGE, "export_request"),
            query=[
                Parameter("owner", TEXT, "`me` are those of the token"),
                Parameter("state", choice(["", *STATES]), "only those"),
                Parameter("limit", whole(1, 500), "most to show"),
                Parameter("before", ID, "the id of the last one of the former page"),
            ],
            examples=[Example("My own", query={"owner": "me", "limit": 20}), Example("No", query={"limit": 0}, status=400)],
        ),
        _one("GET", "", "show_export", "One export, with its progress", {200: Answer("As it stands", ref("Export"))}),
        _one(
            "DELETE",
            "",
            "delete_export",
            "Delete an export that has ended, with its file",
            {204: Answer("Gone")},
            "export_state",
            "objects_unavailable",
            "objects_not_set",
            examples=[Example("One that has not ended", status=409)],
        ),
        _one("POST", "cancel/", "cancel_export", "Stop one", {200: Answer("As it stands", ref("Export"))}, "export_state"),
        _one(
            "POST",
            "retry/",
            "retry_export",
            "Try one again that failed or was cancelled",
            {202: Answer("It is in line", ref("Export"))},
            "export_state",
            "permission_missing",
            examples=[Example("One that goes on", status=409)],
        ),
        _one(
            "GET",
            "link/",
            "export_link",
            "A link to the file, which opens without a token until it expires",
            {
                200: Answer(
                    "The link",
                    record({"url": TEXT, "expires_at": MOMENT, "file_name": TEXT, "size_bytes": COUNT, "sha256": TEXT}),
                )
            },
            "export_state",
            "export_expired",
            "permission_missing",
            "objects_unavailable",
            "objects_not_set",
            examples=[Example("Of one that has not ended", status=409)],
        ),
        _one(
            "GET",
            "file/",
            "export_file",
            "The file, for a token or the signature of a link",
            {200: Answer("The file", TEXT, media=(FILE,)), 302: Answer("It is in an object storage: a link there")},
            "export_state",
            "export_expired",
            "export_file_missing",
            "link_wrong",
            "link_expired",
            "permission_missing",
            "objects_unavailable",
            "objects_not_set",
            query=[
                Parameter("expires", TEXT, "of a link"),
                Parameter("signature", TEXT, "of a link, in place of a token"),
            ],
            examples=[Example("A link that nobody signed", query={"expires": 1, "signature": "x"}, status=403)],
        ),
        Operation(
            "POST",
            f"{INDEX_SET}download/",
            "download",
            "Up to BKLOG_EXPORT_DOWNLOAD_ROWS rows as a file, at once",
            _ROWS,
            codes=_DOWNLOAD_CODES,
            body=ref("ExportRequest"),
            examples=[Example("JSON lines", body={"query": "*", "format": "jsonl", "limit": 100, **RANGE})],
        ),
        Operation(
            "GET",
            f"{INDEX_SET}download/",
            "download_by_link",
            "The same, asked for in the query, where fields are separated by commas",
            _ROWS,
            codes=tuple(code for code in _DOWNLOAD_CODES if code not in BODY),
            query=[
                Parameter("query", text(maxLength=MAX_QUERY_CHARACTERS), "docs/query-language.md"),
                Parameter("start", TEXT, "as in a body"),
                Parameter("end", TEXT, "as in a body"),
                Parameter("fields", TEXT, "separated by commas"),
                Parameter("order", choice(Order), "of rows"),
                Parameter("format", choice(Form), "of the file"),
                Parameter("compression", choice(Compression), "of the file"),
                Parameter("limit", whole(1, _MOST_ROWS), "most rows"),
                Parameter("masking", FLAG, "false: raw values"),
            ],
            examples=[Example("Lines", query={"query": "level:error", "format": "raw", **RANGE})],
        ),
    ],
    SCHEMAS,
)
