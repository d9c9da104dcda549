"""Files that leave through the API: that of an export, by a signed link or a token; and few rows at once, without an export."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import IO, Any

from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponseRedirect

from bklog.accounts.audit import Actor, record
from bklog.accounts.models import AuditEntry
from bklog.api.acting import QUERY_CHARACTERS
from bklog.api.admission import admitted
from bklog.api.credentials import address_of
from bklog.api.exports import known_tables, read_asked, require_may_read, what_is_hidden
from bklog.api.middleware import ASKER
from bklog.api.pacing import paced
from bklog.api.requests import actor, asker, by_method, json_object, whole_number
from bklog.api.wiring import search_limits, the_places, the_store
from bklog.collect.selectors import get_index_set
from bklog.export import selectors
from bklog.export.download import download as download_rows
from bklog.export.link import require_file, require_signature
from bklog.export.models import Export
from bklog.export.request import RowLimits
from bklog.records import file_suffix


def get_file(request: HttpRequest, export_id: int) -> FileResponse | HttpResponseRedirect:
    export = selectors.get_export(export_id)
    given, now = request.GET, datetime.now(UTC)
    if "signature" in given:
        require_signature(export, expires=given.get("expires", ""), signature=given["signature"], now=now)
    else:
        require_may_read(export, asker(request))
    require_file(export)
    about = {"owner": export.owner, "index_set": export.index_set, "raw": export.is_unmasked}
    record(_reader(request), "export.download", f"export:{export_id}", about)
    if export.target == Export.Target.S3:
        return HttpResponseRedirect(the_places().presigned_url(export, seconds=60))
    return attachment(the_places().require_path(export).open("rb"), export.file_name)


def _reader(request: HttpRequest) -> Actor:
    """Who comes with a link is whoever has it."""
    is_known = ASKER in request.META
    return actor(request) if is_known else Actor("", AuditEntry.Way.NOBODY, address_of(request))


def download_now(request: HttpRequest, index_set_id: int) -> FileResponse:
    """As an export is asked for, in the body or in the query, where fields are separated by commas."""
    index_set = get_index_set(index_set_id)
    most = settings.BKLOG_EXPORT_DOWNLOAD_ROWS
    raw = _of_query(request, most) if request.method == "GET" else json_object(request)
    bearer = asker(request)
    asked = read_asked(raw, RowLimits(most, most), bearer)
    masking = what_is_hidden(index_set, asked, bearer, kind="download")
    tables = known_tables(index_set, asked)
    store = paced(the_store()).of([collector.log_table for collector in index_set.collectors.all()])
    with admitted(bearer, index_set, asked.query):
        made = download_rows(asked, tables=tables, masking=masking, store=store, limits=search_limits())
    record(actor(request), "rows.download", index_set.name, {"query": asked.query[:QUERY_CHARACTERS], "rows": made.rows})
    response = attachment(made.file, f"{index_set.name}.{file_suffix(asked.form, asked.compression)}")
    response["X-Bklog-Rows"] = str(made.rows)
    response["X-Bklog-Matched-Rows"] = str(made.matched_rows)
    return response


def attachment(file: IO[bytes], name: str) -> FileResponse:
    """A file to keep, whatever is in it: no browser shows it, or runs what it holds."""
    response = FileResponse(file, as_attachment=True, filename=name, content_type="application/octet-stream")
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, no-store"
    response["Accept-Ranges"] = "none"
    return response


def _of_query(request: HttpRequest, most: int) -> dict[str, Any]:
    given: dict[str, Any] = request.GET.dict()
    if "fields" in given:
        given["fields"] = [name for name in given["fields"].split(",") if name]
    if "masking" in given:
        given["masking"] = {"true": True, "false": False}.get(given["masking"], given["masking"])
    if "limit" in given:
        given["limit"] = whole_number(given["limit"], "limit", most)
    return given


export_file = by_method(GET=get_file)
download = by_method(GET=download_now, POST=download_now)
