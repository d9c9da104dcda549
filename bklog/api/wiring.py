"""Settings -> the parts that entry points use. The only place of the API that reads settings."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import lru_cache

from django.conf import settings

from bklog.export.places import Places
from bklog.objects import ObjectStore
from bklog.queues.cell import Cell, UnderWay, has_cells
from bklog.records import Limits
from bklog.search.catalogue import FieldCatalogue
from bklog.search.line import Rule
from bklog.search.pace import PacedStore
from bklog.search.shared_line import SharedLine
from bklog.search.turns import Bounds, InProcess, Turns, queue_full
from bklog.search.watch import KEPT_SECONDS, Watch
from bklog.store import Searching, Store
from bklog.store.routed import open_stores


@lru_cache(maxsize=1)
def the_store() -> Store:
    """One client a process, made when first used: after the web server has forked."""
    return open_stores(settings.STORES)


def paced(store: Searching) -> PacedStore:
    """For what rows are read with: long searches give way to quick ones, and those of one person to those of others."""
    return PacedStore(store, _turns(), threads=max(1, (os.cpu_count() or 2) // 4))


@lru_cache(maxsize=1)
def _turns() -> Turns:
    """Of all web processes where the broker can keep their line, else of this one."""
    rule = Rule(at_once=settings.BKLOG_SEARCH_LONG_AT_ONCE, of_a_space=settings.BKLOG_SEARCH_AT_ONCE_PER_SPACE)
    waiting = settings.BKLOG_SEARCH_LONG_WAITING
    bounds = Bounds(waiting, of_a_space=waiting, seconds=settings.BKLOG_SEARCH_SECONDS, refuse=queue_full)
    return Turns(rule, bounds, SharedLine(Cell("long-searches-1")) if has_cells() else InProcess())


@lru_cache(maxsize=1)
def the_watch() -> Watch:
    return Watch(the_store, UnderWay("search", seconds=KEPT_SECONDS) if has_cells() else None)


@lru_cache(maxsize=1)
def the_catalogue() -> FieldCatalogue:
    return FieldCatalogue(the_store(), replace(search_limits(), goes_first=True))


@lru_cache(maxsize=1)
def the_places() -> Places:
    """Where the files of exports are."""
    return Places(settings.EXPORT_FOLDER, lambda: ObjectStore(settings.BUCKET.of_bucket(settings.BKLOG_EXPORT_BUCKET)))


def search_limits() -> Limits:
    return Limits(
        seconds=settings.BKLOG_SEARCH_SECONDS,
        memory_bytes=settings.BKLOG_SEARCH_MEMORY_BYTES,
        result_rows=settings.BKLOG_SEARCH_MAX_ROWS,
    )
