"""GET /api/v1/accounts/audit/: who did what when. GET /api/v1/fleet/settings/: what is in force, with secrets hidden."""

from __future__ import annotations

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.accounts.audit import FILTERS, MOST_AT_ONCE, list_entries
from bklog.api.requests import by_method, page_of
from bklog.search.given import read_time
from config.environ import load
from config.mask import shown


def list_audit(request: HttpRequest) -> HttpResponse:
    """`next` is the `before` of the following page, null where there is none."""
    given, now = request.GET, datetime.now(UTC)
    limit, before = page_of(request, most=MOST_AT_ONCE)
    since, until = (read_time(given[name], now=now, name=name) if name in given else None for name in ("since", "until"))
    filters = {name: given.get(name, "") for name in FILTERS}
    found = list_entries(filters, since=since, until=until, limit=limit, before=before)
    return JsonResponse({"items": found, "next": found[-1]["id"] if len(found) == limit else None})


def show_settings(request: HttpRequest) -> HttpResponse:
    """As `bklog config show --json` on this instance."""
    del request
    loaded = load()
    settings = {name: {"value": shown(name, one.value), "origin": one.origin} for name, one in loaded.values.items()}
    return JsonResponse({"environment": loaded.environment, "settings": settings})


audit = by_method(GET=list_audit)
settings_in_force = by_method(GET=show_settings)
