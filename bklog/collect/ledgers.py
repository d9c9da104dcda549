"""What all collectors received, side by side: the sums of the ledger by table → by collector."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from bklog.collect.models import Collector

COUNTS: Final = ("requests", "received", "stored", "duplicate", "rejected", "marked", "size_bytes")
Sums = Mapping[str, Mapping[str, Any]]


def present_ledger(collector: Collector, since: Sums, lately: Sums, span: timedelta) -> dict[str, Any]:
    """`since` and `lately` are the sums by table; `lately` is what came in the last `span`."""
    account = collector.log_table.known_as
    found = since.get(account, {})
    received = lately.get(account, {}).get("received", 0)
    return {
        "collector_id": collector.pk,
        "name": collector.name,
        **{name: found.get(name, 0) for name in COUNTS},
        "last_request": found.get("last_request"),
        "lines_per_second": round(received / span.total_seconds(), 3),
    }
