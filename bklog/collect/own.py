"""The platform's own collectors: made once, with the token that this machine writes into them with. May be repeated."""

from __future__ import annotations

from pathlib import Path

from django.db import transaction

from bklog.collect.actions import create_collector, create_ingest_token
from bklog.collect.drafts import Draft
from bklog.collect.models import Collector
from bklog.collect.selectors import collector_of_token
from bklog.collect.tokens import keep_token, read_token
from bklog.errors import Unauthorised
from bklog.store import Keeping


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
        keep_token(file, create_ingest_token(Collector.objects.get(name=name)))
    return [f"ingest token of {name}"]


def has_token(name: str, file: Path) -> bool:
    try:
        found = collector_of_token(read_token(file))
    except Unauthorised:
        return False
    return found is not None and found.name == name
