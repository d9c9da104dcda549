"""Protocol: how a request body becomes raw lines. One module of `protocols/` is one protocol; the folder is the registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bklog.clean import CleanRule


@dataclass(frozen=True, slots=True)
class Protocol:
    """`lines` makes newline-separated lines of a decompressed body; `rule` makes their clean rule of the collector's.

    The module's name is the last part of its path: protocols/lines.py answers POST /ingest/v1/lines.
    """

    lines: Callable[[bytes], bytes]
    rule: Callable[[CleanRule], CleanRule]


def unchanged(body: bytes) -> bytes:
    return body
