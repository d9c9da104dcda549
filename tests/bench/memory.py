"""What the fleet takes when nothing is asked of it, in the full profile: every worker a program of its own."""

from __future__ import annotations

import json
import time
from typing import Final

from tests.bench.figure import Figure
from tests.running_fleet import RunningFleet

SETTLE_SECONDS: Final = 10
LIMIT_MB: Final = 1600.0


def idle_memory(fleet: RunningFleet) -> Figure:
    """Resident memory of all programs, supervisor included, against the limit of the project's own making."""
    time.sleep(SETTLE_SECONDS)
    resident = json.loads(fleet.bklog("status", "--json"))["total_rss_bytes"] / 1e6
    return Figure("idle_memory", "MB", resident, LIMIT_MB, resident / LIMIT_MB, f"under {LIMIT_MB:g} MB", resident < LIMIT_MB)
