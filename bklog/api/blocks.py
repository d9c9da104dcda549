"""/api/v1/search/block/: searches that are refused. Everybody sees them; the permission block_searches changes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse

from bklog.accounts.audit import recorded
from bklog.api.admission import BLOCKS
from bklog.api.requests import LARGEST_ID, actor, asker, by_method, kept_object
from bklog.blocks import blocklist
from bklog.errors import BadRequest

KEYS: Final = ("pattern", "index_set_id", "owner", "reason", "expires_in_seconds")


def show_blocks(_: HttpRequest) -> HttpResponse:
    return JsonResponse({"items": [blocklist.present(one) for one in blocklist.list_blocks(datetime.now(UTC))]})


def make_block(request: HttpRequest) -> HttpResponse:
    raw = kept_object(request)
    if unknown := sorted(set(raw) - set(KEYS)):
        raise BadRequest(f"unknown key {unknown[0]!r}", hint=f"known keys: {', '.join(KEYS)}", code="block")
    given = {**raw, "index_set_id": _whole(raw.get("index_set_id"), "index_set_id", LARGEST_ID)}
    expires_at = _expiry(_whole(raw.get("expires_in_seconds"), "expires_in_seconds", blocklist.LONGEST_SECONDS))
    with recorded(actor(request), "block.create", **raw) as details:
        made = blocklist.create_block(asker(request), given, expires_at=expires_at)
        details["subject"] = f"block:{made.pk}"
    BLOCKS.forget()
    return JsonResponse(blocklist.present(made), status=201)


def delete_block(request: HttpRequest, block_id: int) -> HttpResponse:
    with recorded(actor(request), "block.delete", f"block:{block_id}"):
        blocklist.delete_block(asker(request), block_id)
    BLOCKS.forget()
    return HttpResponse(status=204)


def _whole(value: object, name: str, most: int) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not 1 <= value <= most:
        raise BadRequest(f"{name} is no whole number", hint=f"a whole number from 1 to {most}, or none", code="block")
    return value


def _expiry(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds)


block_list = by_method(GET=show_blocks, POST=make_block)
block = by_method(DELETE=delete_block)
