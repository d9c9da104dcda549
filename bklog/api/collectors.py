"""/api/v1/databus/collectors/: collectors, their ingest tokens, their ledger."""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.api.requests import by_method, json_object, last_hours
from bklog.api.wiring import the_store
from bklog.collect import actions, selectors
from bklog.collect.drafts import Draft
from bklog.collect.models import present_collector

LEDGER_HOURS_AT_MOST = 24 * 400


def list_collectors(request: HttpRequest) -> HttpResponse:
    found = selectors.list_collectors(request.GET.get("name", ""))
    return JsonResponse({"items": [present_collector(collector) for collector in found]})


def create_collector(request: HttpRequest) -> HttpResponse:
    draft = Draft.from_dict(json_object(request), retention_days=settings.BKLOG_RETENTION_DAYS)
    collector = actions.create_collector(draft, store=the_store())
    token = actions.create_ingest_token(collector)
    return JsonResponse({**present_collector(collector), "ingest_token": token}, status=201)


def show_collector(request: HttpRequest, collector_id: int) -> HttpResponse:
    return JsonResponse(present_collector(selectors.get_collector(collector_id)))


def delete_collector(request: HttpRequest, collector_id: int) -> HttpResponse:
    actions.delete_collector(selectors.get_collector(collector_id), store=the_store())
    return HttpResponse(status=204)


def create_token(request: HttpRequest, collector_id: int) -> HttpResponse:
    token = actions.create_ingest_token(selectors.get_collector(collector_id))
    return JsonResponse({"ingest_token": token}, status=201)


def show_ledger(request: HttpRequest, collector_id: int) -> HttpResponse:
    hours = last_hours(request, default=24, most=LEDGER_HOURS_AT_MOST)
    table = selectors.get_collector(collector_id).log_table.known_as
    return JsonResponse(the_store().ledger(table, since=datetime.now(UTC) - hours))


collectors = by_method(GET=list_collectors, POST=create_collector)
collector = by_method(GET=show_collector, DELETE=delete_collector)
tokens = by_method(POST=create_token)
ledger = by_method(GET=show_ledger)
