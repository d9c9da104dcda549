"""Loaded → where the fleet's own parts are reached from this machine."""

from __future__ import annotations

from typing import Final

from config.environ import Loaded

_EVERYWHERE: Final = ("", "0.0.0.0", "::")  # noqa: S104 compared with, not listened on


def reachable_host(host: str) -> str:
    """What listens on every address is reached on loopback."""
    if host in _EVERYWHERE:
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def entry_url(loaded: Loaded) -> str:
    return f"http://{reachable_host(loaded.BKLOG_BIND_HOST)}:{loaded.BKLOG_PORT}"


def ingest_url(loaded: Loaded) -> str:
    return f"http://{reachable_host(loaded.BKLOG_INGEST_HOST)}:{loaded.BKLOG_INGEST_PORT}"
