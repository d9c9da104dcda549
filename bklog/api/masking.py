"""/api/v1/search/index_set/{id}/masking/: what an index set hides, and how lines look under rules to be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.accounts.audit import recorded
from bklog.api.acting import masking_for
from bklog.api.requests import actor, asker, by_method, json_object, kept_object
from bklog.api.wiring import search_limits, the_catalogue, the_store
from bklog.collect.actions import set_masking
from bklog.collect.index_sets import others_over
from bklog.collect.models import IndexSet
from bklog.collect.selectors import get_index_set
from bklog.errors import BadRequest
from bklog.query import UNMASKED, Masking
from bklog.records import Permission, TimeRange
from bklog.search import service
from bklog.search.masking import MAX_LINES, check_rules, preview_lines
from bklog.search.request import SearchRequest
from bklog.telemetry import MaskingChanged

PREVIEW_RANGE: Final = timedelta(days=1)


def show_masking(request: HttpRequest, index_set_id: int) -> HttpResponse:
    return JsonResponse({"rules": get_index_set(index_set_id).masking.as_list()})


def change_masking(request: HttpRequest, index_set_id: int) -> HttpResponse:
    """Who could loosen the rules could read what they hide: it takes the same permission.

    The answer names the index sets through which the same rows are read under other rules.
    """
    index_set, bearer = get_index_set(index_set_id), asker(request)
    bearer.require(Permission.RAW_VALUES, "changing what an index set masks")
    masking = _masking(kept_object(request), "rules")
    with recorded(actor(request), "masking.change", index_set.name, rules=masking.as_list()):
        set_masking(index_set, masking)
    MaskingChanged(index_set_id, bearer.name, len(masking.rules)).emit()
    return JsonResponse({"rules": masking.as_list(), "other_index_sets": others_over(index_set)})


def preview_masking(request: HttpRequest, index_set_id: int) -> HttpResponse:
    """Of `lines` that are sent along, or of the newest rows, which are raw values."""
    index_set, given = get_index_set(index_set_id), json_object(request)
    masking = _masking(given, "rules", "lines")
    if given.get("lines") is not None:
        return JsonResponse({"lines": preview_lines(given["lines"], masking, store=the_store())})
    bearer = asker(request)
    bearer.require(Permission.RAW_VALUES, "a preview of stored rows")
    masking_for(bearer, index_set.masking, index_set_id=index_set_id, masked=False, kind="preview", query="*")
    return JsonResponse({"lines": _newest(index_set, masking)})


def _masking(given: Mapping[str, Any], *known: str) -> Masking:
    if unknown := sorted(set(given) - set(known)):
        raise BadRequest(f"masking: unknown key {unknown[0]!r}", hint=f"known keys: {', '.join(known)}", code="masking")
    masking = Masking.from_list(given.get("rules"))
    check_rules(masking, store=the_store())
    return masking


def _newest(index_set: IndexSet, masking: Masking) -> list[dict[str, Any]]:
    """The same rows twice, told apart by what identifies them: others may come in between."""
    now = datetime.now(UTC)
    asked = SearchRequest("*", TimeRange(now - PREVIEW_RANGE, now), limit=MAX_LINES)
    before, after = (_rows(index_set, asked, one) for one in (UNMASKED, masking))
    shown = {(row["time"], row["batch"], row["row"]): row for row in after}
    pairs = [(row, shown.get((row["time"], row["batch"], row["row"]))) for row in before]
    return [{"before": row["log"], "after": one["log"], "fields": one["fields"]} for row, one in pairs if one]


def _rows(index_set: IndexSet, asked: SearchRequest, masking: Masking) -> list[dict[str, Any]]:
    tables = [collector.log_table for collector in index_set.collectors.all()]
    found = service.search(
        asked, tables=tables, masking=masking, store=the_store(), catalogue=the_catalogue(), limits=search_limits()
    )
    return found.rows


masking = by_method(GET=show_masking, PUT=change_masking)
preview = by_method(POST=preview_masking)
