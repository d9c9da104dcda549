"""Durations and sizes as LogQL writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

SECOND: Final = 1_000_000_000
DURATION_UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": SECOND,
    "m": 60 * SECOND,
    "h": 3_600 * SECOND,
    "d": 86_400 * SECOND,
    "w": 7 * 86_400 * SECOND,
    "y": 365 * 86_400 * SECOND,
}
BYTE_UNITS: Final[Mapping[str, int]] = {
    "b": 1,
    **{f"{prefix}b": 1000**power for power, prefix in enumerate("kmgtp", start=1)},
    **{f"{prefix}ib": 1024**power for power, prefix in enumerate("kmgtp", start=1)},
}
DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d|w|y))+")
BYTES: Final = re.compile(r"\d+(?:\.\d+)?(?:[kKmMgGtTpP]i?)?[bB]")
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|[smhdwy])")
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)(\D+)")


def nanoseconds_of(text: str) -> int:
    """Of a text that DURATION matches."""
    return sum(round(float(count) * DURATION_UNITS[unit]) for count, unit in _PART.findall(text))


def bytes_of(text: str) -> float:
    """Of a text that BYTES matches."""
    ((count, unit),) = _SIZE.findall(text)
    return float(count) * BYTE_UNITS[unit.lower()]


def duration_text(nanoseconds: int) -> str:
    """The shortest that `nanoseconds_of` reads as this."""
    parts = []
    for unit in ("d", "h", "m", "s", "ms", "us", "ns"):
        count, nanoseconds = divmod(nanoseconds, DURATION_UNITS[unit])
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"
