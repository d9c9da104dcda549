"""What the shell completes that only the running fleet knows: names, asked for in a moment, or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import click

from bklog.cli.client import api
from bklog.errors import BklogError

ANSWER_SECONDS: Final = 1.0  # somebody has pressed a key and waits
Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def _names(path: str) -> Complete:
    def complete(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
        """Without an answer there are none: why is told by the command itself, not into the line that is being typed."""
        try:
            items: list[dict[str, Any]] = api("GET", path, timeout_seconds=ANSWER_SECONDS)["items"]
        except BklogError:
            return []
        return [one["name"] for one in items if one["name"].startswith(begun)]

    return complete


index_sets: Final = _names("/api/v1/search/index_set/")
collectors: Final = _names("/api/v1/databus/collectors/")
