"""Settings → the store that tasks use, one client a process."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from bklog.store import Store


@cache
def the_store() -> Store:
    """Made when first used: in the process that runs the task, after the worker has forked."""
    from bklog.store.routed import open_stores  # noqa: PLC0415 memory of the workers that need no store

    return open_stores(settings.STORES)
