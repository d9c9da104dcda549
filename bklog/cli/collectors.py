"""A collector's name ─▶ the collector, as the API shows it."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from bklog.cli.client import api
from bklog.errors import NotFound

COLLECTORS: Final = "/api/v1/databus/collectors/"


def find_collector(name: str) -> dict[str, Any]:
    """Raises NotFound (`no_collector`)."""
    items: list[dict[str, Any]] = api("GET", f"{COLLECTORS}?name={quote(name, safe='')}")["items"]
    for item in items:
        return item
    raise NotFound(f"there is no collector {name!r}", hint="`bklog collector list` shows them", code="no_collector")
