"""Moments as the API writes them."""

from __future__ import annotations

from datetime import datetime


def iso(moment: datetime | None) -> str | None:
    """None stays: what has not happened yet has no moment."""
    return moment.isoformat() if moment else None
