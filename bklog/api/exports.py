"""/api/v1/search/…/export/: files of many rows, written by a worker: ask for one, see how far it is, stop it, get its link."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.accounts.audit import record
from bklog.api.acting import masking_for
from bklog.api.admission import require_not_blocked
from bklog.api.requests import actor, asker, by_method, kept_object, page_of
from bklog.api.spaces import visible_index_set_ids
from bklog.api.wiring import search_limits, the_catalogue, the_places, the_store
from bklog.collect.models import IndexSet
from bklog.collect.selectors import get_index_set
from bklog.errors import BadRequest, ConfigError
from bklog.export import actions, selectors
from bklog.export.link import link_end, require_file, signed_path
from bklog.export.models import Export
from bklog.export.request import ExportRequest, RowLimits, read_request
from bklog.query import Masking, TableFields, parse
from bklog.query.sql import render_regex_check
from bklog.query.tree import Regex, Term, leaves
from bklog.queues.send import send
from bklog.records import Bearer, Permission, TimeRange
from bklog.search.given import DEFAULT_START, read_time
from bklog.search.service import select


def create_export(request: HttpRequest, index_set_id: int) -> HttpResponse:
    bearer = asker(request)
    index_set = get_index_set(index_set_id)
    limits = RowLimits(settings.BKLOG_EXPORT_MAX_ROWS, settings.BKLOG_EXPORT_LARGE_MAX_ROWS)
    asked = read_asked(kept_object(request), limits, bearer)
    require_not_blocked(bearer, index_set.pk, asked.query)
    hidden = what_is_hidden(index_set, asked, bearer, kind="export")
    asked.plan(known_tables(index_set, asked), hidden)  # what cannot be read is told now, not by a worker
    _require_parts(asked)
    target = settings.BKLOG_EXPORT_TARGET
    made = actions.create(asked, bearer=bearer, index_set=(index_set.pk, index_set.name), target=target)
    _promote(made)
    return JsonResponse(selectors.present(selectors.get_export(made.pk)), status=202)


def read_asked(raw: dict[str, Any], limits: RowLimits, bearer: Bearer) -> ExportRequest:
    now = datetime.now(UTC)
    time_range = TimeRange(
        read_time(DEFAULT_START if raw.get("start") is None else raw["start"], now=now, name="start"),
        read_time("now" if raw.get("end") is None else raw["end"], now=now, name="end"),
    )
    return read_request(raw, time_range, limits, bearer)


def known_tables(index_set: IndexSet, asked: ExportRequest) -> tuple[TableFields, ...]:
    """What planning needs. Raises QuerySyntax, and BadRequest for a regular expression that the engine does not read."""
    tables = [collector.log_table for collector in index_set.collectors.all()]
    for leaf, _ in leaves(parse(asked.query).node):
        if isinstance(leaf, Term) and isinstance(leaf.value, Regex):
            select(render_regex_check(leaf.value.pattern), the_store(), search_limits())
    return the_catalogue().describe(tables, asked.names)


def what_is_hidden(index_set: IndexSet, asked: ExportRequest, bearer: Bearer, *, kind: str) -> Masking:
    """Raises Forbidden for raw values without the permission."""
    return masking_for(bearer, index_set.masking, index_set_id=index_set.pk, masked=asked.masked, kind=kind, query=asked.query)


def list_exports(request: HttpRequest) -> HttpResponse:
    """`owner=me` are those of the token that asks."""
    given = request.GET
    limit, before = page_of(request, most=selectors.MOST_AT_ONCE)
    owner = asker(request).name if given.get("owner") == "me" else given.get("owner", "")
    seen = visible_index_set_ids(asker(request))
    found = selectors.list_exports(owner=owner, state=given.get("state", ""), limit=limit, before=before, index_sets=seen)
    return JsonResponse({"items": [selectors.present(one) for one in found]})


def show_export(request: HttpRequest, export_id: int) -> HttpResponse:
    return JsonResponse(selectors.present(selectors.get_export(export_id)))


def cancel_export(request: HttpRequest, export_id: int) -> HttpResponse:
    cancelled = actions.cancel(selectors.get_export(export_id))
    _promote(cancelled)
    return JsonResponse(selectors.present(cancelled))


def retry_export(request: HttpRequest, export_id: int) -> HttpResponse:
    export = selectors.get_export(export_id)
    require_may_read(export, asker(request))
    _promote(actions.retry(export))
    return JsonResponse(selectors.present(selectors.get_export(export_id)), status=202)


def delete_export(request: HttpRequest, export_id: int) -> HttpResponse:
    actions.delete(selectors.get_export(export_id), remove=the_places().remove)
    return HttpResponse(status=204)


def make_link(request: HttpRequest, export_id: int) -> HttpResponse:
    """A link opens the file without a token, so who makes one must be allowed to read it."""
    export = selectors.get_export(export_id)
    require_may_read(export, asker(request))
    require_file(export)
    record(actor(request), "export.link", f"export:{export_id}")
    now = datetime.now(UTC)
    until = link_end(export, now=now, seconds=settings.BKLOG_EXPORT_LINK_SECONDS)
    shown = {
        "expires_at": until.isoformat(),
        "file_name": export.file_name,
        "size_bytes": export.size_bytes,
        "sha256": export.sha256,
    }
    return JsonResponse({"url": _url(request, export, until=until, now=now), **shown})


def require_may_read(export: Export, bearer: Bearer) -> None:
    """Raises Forbidden for the unmasked values of somebody else's export."""
    if export.is_unmasked and export.owner != bearer.name:
        bearer.require(Permission.RAW_VALUES, "the file of an export that was made with it")


def _url(request: HttpRequest, export: Export, *, until: datetime, now: datetime) -> str:
    if export.target == Export.Target.S3:
        return the_places().presigned_url(export, seconds=max(1, int((until - now).total_seconds())))
    return request.build_absolute_uri(signed_path(export, until=until))


def _require_parts(asked: ExportRequest) -> None:
    """Raises BadRequest, ConfigError where the platform lacks what the export needs at its end."""
    if asked.mail_to and not settings.BKLOG_SMTP_HOST:
        raise BadRequest("no mail server is set", hint="leave mail_to out, or set BKLOG_SMTP_HOST", code="no_mail_server")
    if settings.BKLOG_EXPORT_TARGET == "s3" and not settings.BUCKET.of_bucket(settings.BKLOG_EXPORT_BUCKET).is_set:
        hint = "set BKLOG_S3_ENDPOINT and a bucket, or BKLOG_EXPORT_TARGET=local"
        raise ConfigError("exports go to an object storage, and none is set", hint=hint, code="objects_not_set")


def _promote(export: Export) -> None:
    actions.promote(export.owner, slots=settings.BKLOG_EXPORT_RUNNING_PER_USER, send=send)


index_set_exports = by_method(POST=create_export)
exports = by_method(GET=list_exports)
export = by_method(GET=show_export, DELETE=delete_export)
cancel = by_method(POST=cancel_export)
retry = by_method(POST=retry_export)
link = by_method(GET=make_link)
