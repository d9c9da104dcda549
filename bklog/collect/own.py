"""The platform's own collectors: made once, with the token that this machine writes into them with. May be repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from django.db import transaction

from bklog.collect.actions import create_collector
from bklog.collect.drafts import Draft
from bklog.collect.ingest_tokens import Wanted, create_ingest_token, find_token
from bklog.collect.models import Collector
from bklog.collect.tokens import keep_token, read_token, this_machine
from bklog.errors import Unauthorised
from bklog.store import Keeping

ITSELF: Final = "bklog"  # who made what nobody asked for


def ensure_collector(draft: Draft, store: Keeping, *, table: str = "") -> list[str]:
    """What was done, a sentence each."""
    found = Collector.objects.filter(name=draft.name).first()
    if found:
        store.create_table(found.log_table)  # a store whose folder was emptied is usable again
        return []
    create_collector(draft, store=store, table=table)
    return [f"collector {draft.name}"]


def ensure_ingest_token(name: str, file: Path) -> list[str]:
    if has_token(name, file):
        return []
    with transaction.atomic():  # a process that ends between the two leaves no token that nobody knows
        wanted = Wanted(kept_on=this_machine())
        _, secret = create_ingest_token(Collector.objects.get(name=name), wanted, made_by=ITSELF)
        keep_token(file, secret)
    return [f"ingest token of {name}"]


def has_token(name: str, file: Path) -> bool:
    try:
        found = find_token(read_token(file))
    except Unauthorised:
        return False
    return found is not None and found.collector.name == name
