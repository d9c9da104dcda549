"""Short links: a search under a text that nobody guesses.

A link opens the search and no row: who follows it asks with a token of his own, and sees what that lets him see.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any, Final

from bklog.errors import BklogError, Conflict, Forbidden, NotFound
from bklog.saved.models import Link
from bklog.saved.search import SavedSearch

TOKEN_BYTES: Final = 16  # as hexadecimal digits: what begins with - would be an option of `bklog link show`
MOST: Final = 1_000  # of one owner at a time


class Gone(BklogError):
    code = "link_expired"
    status = 410
    exit_code = 4


def create_link(owner: str, search: SavedSearch, *, is_frozen: bool, now: datetime, keep: timedelta) -> Link:
    """Raises Conflict (`too_many_links`)."""
    if Link.objects.filter(owner=owner, expires_at__gt=now).count() >= MOST:
        hint = "delete some, or let them expire sooner: `bklog link list`"
        raise Conflict(f"{owner} has {MOST} links, which is the most", hint=hint, code="too_many_links")
    return Link.objects.create(
        token=secrets.token_hex(TOKEN_BYTES),
        owner=owner,
        index_set_id=search.index_set_id,
        index_set=search.index_set,
        asked=dict(search.asked),
        is_frozen=is_frozen,
        expires_at=now + keep,
    )


def open_link(token: str, *, now: datetime) -> Link:
    """Raises NotFound, and Gone for one that has expired."""
    link = Link.objects.filter(token=token).first()
    if link is None:
        raise NotFound("there is no such link", hint="it was deleted, or expired a while ago", code="no_link")
    if link.expires_at <= now:
        raise Gone(f"the link expired at {link.expires_at.isoformat()}", hint=f"ask {link.owner} for a new one")
    return link


def list_links(owner: str, *, now: datetime) -> list[Link]:
    return list(Link.objects.filter(owner=owner, expires_at__gt=now)[:MOST])


def delete_link(link: Link, asker: str) -> None:
    """Raises Forbidden (`link_owner`)."""
    if link.owner != asker:
        raise Forbidden(f"the link is {link.owner}'s", hint="it expires by itself", code="link_owner")
    link.delete()


def present_link(link: Link) -> dict[str, Any]:
    """`search` is the body of a search, and `search_path` where it goes."""
    return {
        "token": link.token,
        "path": f"/api/v1/search/link/{link.token}/",
        "owner": link.owner,
        "index_set_id": link.index_set_id,
        "index_set": link.index_set,
        "search": link.asked,
        "search_path": f"/api/v1/search/index_set/{link.index_set_id}/search/",
        "frozen": link.is_frozen,
        "created_at": link.created_at.isoformat(),
        "expires_at": link.expires_at.isoformat(),
    }
