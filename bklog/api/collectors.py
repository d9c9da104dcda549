"""/api/v1/databus/: collectors, their ingest tokens, their ledger; what a clean rule would make of lines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.accounts.audit import recorded
from bklog.api.requests import actor, asker, by_method, json_object, kept_object, last_hours
from bklog.api.spaces import visible
from bklog.api.wiring import the_store
from bklog.collect import actions, ingest_tokens, selectors
from bklog.collect.changes import MOVE, RECLEAN, Changes, wanted
from bklog.collect.drafts import Draft
from bklog.collect.ledgers import present_ledger
from bklog.collect.models import Collector, IngestToken, present_collector
from bklog.collect.onboarding import DELETION, ONBOARDING, Onboarding
from bklog.collect.preview import Preview, preview, require_runnable
from bklog.collect.replacing import Change, require_change
from bklog.errors import BadRequest
from bklog.pipeline.actions import alone_with, start
from bklog.pipeline.selectors import present_run
from bklog.queues.send import send
from bklog.records import EVERY_SPACE, Role

LEDGER_HOURS_AT_MOST = 24 * 400
LATELY = timedelta(minutes=5)  # of these is what a collector takes in a second


def list_collectors(request: HttpRequest) -> HttpResponse:
    found = selectors.list_collectors(request.GET.get("name", ""))
    return JsonResponse({"items": [present_collector(collector) for collector in visible(asker(request), found)]})


def create_collector(request: HttpRequest) -> HttpResponse:
    raw = kept_object(request)
    about_token = ingest_tokens.Wanted.from_dict(raw.pop("token", {}))
    draft = Draft.from_dict(raw, retention_days=settings.BKLOG_RETENTION_DAYS)
    asker(request).require_role(Role.EDITOR, draft.space)
    require_runnable(draft.rule, store=the_store())
    with recorded(actor(request), "collector.create", draft.name, space=draft.space):
        collector = actions.create_collector(draft, store=the_store(), by=asker(request).name)
        _, secret = ingest_tokens.create_ingest_token(collector, about_token, made_by=asker(request).name)
    return JsonResponse({**present_collector(collector), "ingest_token": secret}, status=201)


def onboard_collector(request: HttpRequest) -> HttpResponse:
    asked = Onboarding.from_dict(kept_object(request), retention_days=settings.BKLOG_RETENTION_DAYS)
    asker(request).require_role(Role.EDITOR, EVERY_SPACE if asked.rule else asked.draft.space)  # files of a machine: no space's
    if asked.rule:
        asked.rule.require_below(settings.BKLOG_AGENT_FOLDERS)
    selectors.require_free(asked.draft.name)
    require_runnable(asked.draft.rule, store=the_store())
    context = {"wanted": asked.as_dict(), "asked_by": asker(request).name}
    return _start(request, ONBOARDING, asked.draft.name, context)


def _start(
    request: HttpRequest, pipeline: str, collector: str, context: dict[str, Any], *, urgent: bool = True
) -> HttpResponse:
    """Somebody waits for what is urgent: not behind runs that take hours."""
    origin = f"api:{asker(request).name}"
    with recorded(actor(request), f"collector.{pipeline}", collector) as details:
        run = start(pipeline, selectors.subject_of(collector), context, send=send, origin=origin, urgent=urgent)
        details["run"] = run.pk
    return JsonResponse(present_run(run), status=202)


def show_collector(request: HttpRequest, collector_id: int) -> HttpResponse:
    return JsonResponse(present_collector(selectors.get_collector(collector_id)))


def delete_collector(request: HttpRequest, collector_id: int) -> HttpResponse:
    collector = selectors.get_collector(collector_id)
    if _is_yes(request, "drain"):
        actions.require_deletable(collector)
        table = collector.log_table
        about = {"collector_id": collector.pk, "name": collector.name, "table": table.name, "store": table.store}
        about |= {"account": table.known_as}
        return _start(request, DELETION, collector.name, about)
    with alone_with(selectors.subject_of(collector.name)), recorded(actor(request), "collector.delete", collector.name):
        collector = selectors.get_collector(collector_id)  # as it is now that nobody works on it
        actions.delete_collector(collector, store=the_store())
    return HttpResponse(status=204)


def change_collector(request: HttpRequest, collector_id: int) -> HttpResponse:
    """What needs another table is done by a run, and answered with it."""
    collector = selectors.get_collector(collector_id)
    raw = kept_object(request)
    changes = Changes.from_dict(collector, raw)
    if not changes.needs_table:
        with recorded(actor(request), "collector.change", collector.name, changed=raw):
            actions.change_at_once(collector, changes, store=the_store())
        return JsonResponse(present_collector(collector))
    require_change(collector, changes.of_table(collector))
    require_runnable(changes.draft.rule, store=the_store())
    audit = recorded(actor(request), "collector.change", collector.name, changed=raw)
    with alone_with(selectors.subject_of(collector.name)), audit:
        collector = selectors.get_collector(collector_id)  # as it is now that nobody works on it
        changes = Changes.from_dict(collector, raw)
        actions.change_at_once(collector, changes, store=the_store())
    return _replace(request, RECLEAN, collector, changes.of_table(collector))


def show_stores(request: HttpRequest, collector_id: int) -> HttpResponse:
    """Where it stands, and where it may be moved to."""
    here = selectors.get_collector(collector_id).store
    return JsonResponse({"store": here, "others": [name for name in settings.STORES if name != here]})


def move_collector(request: HttpRequest, collector_id: int) -> HttpResponse:
    given = kept_object(request)
    name = given.get("store")
    if set(given) != {"store"} or not isinstance(name, str) or name not in settings.STORES:
        hint = f'{{"store": NAME}}, one of: {", ".join(settings.STORES)}'
        raise BadRequest("a collector is moved to a store that the settings name", hint=hint, code="store")
    collector = selectors.get_collector(collector_id)
    change = Change(collector.rule, collector.index, name)
    require_change(collector, change)
    return _replace(request, MOVE, collector, change)


def _replace(request: HttpRequest, pipeline: str, collector: Collector, change: Change) -> HttpResponse:
    """It may take hours: nothing urgent waits behind it."""
    actions.require_own_table(collector)
    context = {"collector_id": collector.pk, "name": collector.name, "wanted": wanted(change)}
    context |= {"asked_by": asker(request).name}
    return _start(request, pipeline, collector.name, context, urgent=False)


def _is_yes(request: HttpRequest, name: str) -> bool:
    given = request.GET.get(name, "false")
    if given not in {"true", "false"}:
        raise BadRequest(f"{name} is {given[:50]!r}", hint=f"{name} is true or false", code=name)
    return given == "true"


def reactivate_collector(request: HttpRequest, collector_id: int) -> HttpResponse:
    collector = selectors.get_collector(collector_id)
    with alone_with(selectors.subject_of(collector.name)):
        collector = selectors.get_collector(collector_id)  # as it is now that nobody works on it
        the_store().create_table(collector.log_table)  # the deletion may have come so far; its rows are gone then
        with recorded(actor(request), "collector.reactivate", collector.name):
            active = actions.take_lines_again(collector)
        return JsonResponse(present_collector(active))


def list_tokens(request: HttpRequest, collector_id: int) -> HttpResponse:
    del request
    found = ingest_tokens.list_tokens(selectors.get_collector(collector_id))
    return JsonResponse({"items": [ingest_tokens.present_token(one) for one in found]})


def create_token(request: HttpRequest, collector_id: int) -> HttpResponse:
    """`ingest_token` in the answer is the secret, which is shown this once."""
    collector = selectors.get_collector(collector_id)
    about_token = ingest_tokens.Wanted.from_dict(kept_object(request))
    ingest_tokens.require_room(collector)
    with recorded(actor(request), "collector.token", collector.name) as details:
        made, secret = ingest_tokens.create_ingest_token(collector, about_token, made_by=asker(request).name)
        details.update(_told(made))
    return JsonResponse({**ingest_tokens.present_token(made), "ingest_token": secret}, status=201)


def revoke_token(request: HttpRequest, collector_id: int, ingest_token_id: int) -> HttpResponse:
    """Ingest refuses it within seconds: bklog/api/token_cache.py says how many."""
    collector = selectors.get_collector(collector_id)
    token = ingest_tokens.get_token(collector, ingest_token_id)
    with recorded(actor(request), "collector.token_revoke", collector.name, **_told(token)):
        ingest_tokens.revoke(token, by=asker(request).name, now=datetime.now(UTC))
    return HttpResponse(status=204)


def _told(token: IngestToken) -> dict[str, Any]:
    """Which one it was."""
    return {name: getattr(token, name) for name in ("id", "name", "kept_on", "beginning")}


def preview_rule(request: HttpRequest) -> HttpResponse:
    """Of lines that are sent along: nothing is read that is stored, nothing is kept."""
    asked = Preview.from_dict(json_object(request), retention_days=settings.BKLOG_RETENTION_DAYS)
    return JsonResponse({"lines": preview(asked, store=the_store(), now=datetime.now(UTC))})


def list_ledgers(request: HttpRequest) -> HttpResponse:
    hours = last_hours(request, default=24, most=LEDGER_HOURS_AT_MOST)
    shown = visible(asker(request), selectors.list_collectors())
    now, store = datetime.now(UTC), the_store()
    since, lately = ({one["table"]: one for one in store.ledgers(since=now - span)} for span in (hours, LATELY))
    return JsonResponse({"items": [present_ledger(one, since, lately, LATELY) for one in shown]})


def show_ledger(request: HttpRequest, collector_id: int) -> HttpResponse:
    hours = last_hours(request, default=24, most=LEDGER_HOURS_AT_MOST)
    table = selectors.get_collector(collector_id).log_table.known_as
    return JsonResponse(the_store().ledger(table, since=datetime.now(UTC) - hours))


collectors = by_method(GET=list_collectors, POST=create_collector)
collector = by_method(GET=show_collector, PATCH=change_collector, DELETE=delete_collector)
move = by_method(GET=show_stores, POST=move_collector)
onboard = by_method(POST=onboard_collector)
reactivate = by_method(POST=reactivate_collector)
tokens = by_method(GET=list_tokens, POST=create_token)
token = by_method(DELETE=revoke_token)
ledger = by_method(GET=show_ledger)
ledgers = by_method(GET=list_ledgers)
etl_preview = by_method(POST=preview_rule)
