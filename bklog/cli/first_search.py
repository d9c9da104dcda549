"""The end of `bklog up`: a search of the platform's own log, which by then has answers."""

from __future__ import annotations

import time
from typing import Any, Final

from bklog.cli.client import api
from bklog.records.names import PLATFORM

QUERY: Final = "started OR ready"
ROWS: Final = 3
WAIT_SECONDS: Final = 20.0  # the agent gathers lines for a second before it ships them


def first_search() -> list[str]:
    """The command, and the lines that it finds; a sentence in their place where the agent has shipped nothing in time."""
    sets = {one["name"]: one["id"] for one in api("GET", "/api/v1/search/index_set/")["items"]}
    rows = _wait_for_rows(f"/api/v1/search/index_set/{sets[PLATFORM]}/search/")
    command = f"bklog search '{QUERY}' --index-set {PLATFORM} --limit {ROWS}"
    if not rows:
        return [f"try: {command}", "(nothing yet: `bklog logs agent` says why)"]
    return [f"$ {command}", *(f"{row['time']} {row['level']:<5} {row['log']}" for row in rows)]


def _wait_for_rows(path: str) -> list[dict[str, Any]]:
    asked = {"query": QUERY, "start": "now-24h", "end": "now", "limit": ROWS}
    deadline = time.monotonic() + WAIT_SECONDS
    while not (rows := api("POST", path, json=asked)["rows"]) and time.monotonic() < deadline:
        time.sleep(0.3)
    return list(rows)
