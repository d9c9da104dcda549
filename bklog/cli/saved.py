"""A search that was kept, as the command that asks it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from bklog.cli.index_set import SINCE


def as_command(index_set: str, search: Mapping[str, Any]) -> str:
    """Conditions beside the query are told of: the command line has none."""
    words = ["bklog", "search", search.get("query") or "*", "--index-set", index_set]
    words += ["--since", _when(search.get("start") or f"now-{SINCE}")]
    if search.get("end", "now") != "now":
        words += ["--until", _when(search["end"])]
    if fields := search.get("fields"):
        words += ["--fields", ",".join(fields)]
    if order := search.get("order"):
        words += ["--order", order]
    conditions = len(search.get("addition") or ())
    return shlex.join(words) + (f"  # and {conditions} conditions" if conditions else "")


def _when(moment: object) -> str:
    """A relative time as the command line says it."""
    text = str(moment)
    return text.removeprefix("now-") if text.startswith("now-") else text
