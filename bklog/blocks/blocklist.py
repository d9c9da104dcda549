"""The blocks in force, as each process knows them for a moment, and whether one of them fits a search.

database ─(every FRESH_SECONDS at the most)─▶ blocks ─ fits(query, index set, owner) ─▶ Forbidden, with the reason

A look at the database with each search would cost more than the search: a new block is in force everywhere after FRESH_SECONDS.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.db.models import Q
from django.utils import timezone

from bklog.blocks.models import Block
from bklog.errors import BadRequest, Conflict, Forbidden, NotFound
from bklog.records import Bearer, Permission, iso

FRESH_SECONDS: Final = 5.0
MOST: Final = 200
MOST_CHARACTERS: Final = 500
MOST_OWNER_CHARACTERS: Final = 64
LONGEST_SECONDS: Final = 366 * 86_400
_SPACE: Final = re.compile(r"\s+")


class Blocklist:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: Sequence[Block] = ()
        self._read_at = float("-inf")

    def require_free(self, query: str, *, index_set_id: int, owner: str) -> None:
        """Raises Forbidden (`search_blocked`)."""
        for block in self._fresh():
            if fits(block, query, index_set_id=index_set_id, owner=owner) and not _is_over(block, timezone.now()):
                until = f" until {block.expires_at.isoformat()}" if block.expires_at else ""
                hint = f"ask {block.made_by}, who blocked it as {block.pk}; other searches work as ever"
                fields = {"block_id": block.pk, "index_set_id": block.index_set_id}
                message = f"this search is blocked{until}: {block.reason}"
                raise Forbidden(message, hint=hint, code="search_blocked", fields=fields)

    def forget(self) -> None:
        self._read_at = float("-inf")

    def _fresh(self) -> Sequence[Block]:
        with self._lock:
            if time.monotonic() - self._read_at > FRESH_SECONDS:
                self._known = list_blocks(timezone.now())
                self._read_at = time.monotonic()
            return self._known


def fits(block: Block, query: str, *, index_set_id: int, owner: str) -> bool:
    """White space counts as one blank, and letters as the same in any case."""
    if block.index_set_id not in (None, index_set_id) or block.owner not in ("", owner):
        return False
    pieces = [piece.casefold() for piece in _plain(block.pattern or "*").split("*")]
    return _is_like(_plain(query).casefold(), pieces)


def _is_like(text: str, pieces: Sequence[str]) -> bool:
    """Without a regular expression: a pattern of many stars costs no more than its length times that of the text."""
    first, *rest = pieces
    if not rest:
        return text == first
    *middle, last = rest
    if not text.startswith(first) or len(text) < len(first) + len(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return text.endswith(last)


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text.strip())


def _is_over(block: Block, now: datetime) -> bool:
    return block.expires_at is not None and block.expires_at <= now


def list_blocks(now: datetime) -> list[Block]:
    """Those in force."""
    return list(Block.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now)))


def create_block(bearer: Bearer, given: dict[str, Any], *, expires_at: datetime | None) -> Block:
    """Raises Forbidden (`permission_missing`), BadRequest (`block`), Conflict (`too_many_blocks`)."""
    bearer.require(Permission.BLOCK_SEARCHES, "blocking searches")
    texts = {name: "" if given.get(name) is None else given[name] for name in ("pattern", "owner", "reason")}
    most = {"pattern": MOST_CHARACTERS, "owner": MOST_OWNER_CHARACTERS, "reason": MOST_CHARACTERS}
    if not all(isinstance(text, str) and len(text) <= most[name] for name, text in texts.items()):
        raise _refuse(f"texts: pattern and reason of at most {MOST_CHARACTERS} characters, owner of {MOST_OWNER_CHARACTERS}")
    index_set_id = given.get("index_set_id")
    if not texts["reason"].strip():
        raise _refuse("reason says to whoever is refused why")
    if not texts["owner"] and index_set_id is None and not texts["pattern"].replace("*", "").strip():
        raise _refuse("name a pattern, an index set or an owner: this would refuse every search")
    Block.objects.filter(expires_at__lte=timezone.now()).delete()
    if Block.objects.count() >= MOST:
        raise Conflict(f"there are {MOST} blocks, which is the most", hint="delete some", code="too_many_blocks")
    return Block.objects.create(**texts, index_set_id=index_set_id, made_by=bearer.name, expires_at=expires_at)


def delete_block(bearer: Bearer, block_id: int) -> None:
    """Raises Forbidden (`permission_missing`), NotFound (`no_block`)."""
    bearer.require(Permission.BLOCK_SEARCHES, "taking a block away")
    deleted, _ = Block.objects.filter(pk=block_id).delete()
    if not deleted:
        raise NotFound(f"there is no block {block_id}", hint="`bklog block list` shows them", code="no_block")


def present(block: Block) -> dict[str, Any]:
    return {
        "id": block.pk,
        "pattern": block.pattern,
        "index_set_id": block.index_set_id,
        "owner": block.owner,
        "reason": block.reason,
        "made_by": block.made_by,
        "created_at": block.created_at.isoformat(),
        "expires_at": iso(block.expires_at),
    }


def _refuse(hint: str) -> BadRequest:
    return BadRequest("the block cannot be made", hint=hint, code="block")
