"""Waiting for what other processes do."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil


def wait_until(holds: Callable[[], object], *, seconds: float = 30.0) -> float:
    """Returns the seconds that it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        time.sleep(0.1)
    return time.monotonic() - began


def is_alive(pid: int) -> bool:
    """An ended process may wait for its parent to ask after it."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
