"""Settings -> the parts that entry points use. Beside `pacing` the only place of the API that reads settings."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from django.conf import settings

from bklog.export.places import Places
from bklog.objects import ObjectStore
from bklog.records import Limits
from bklog.search.catalogue import FieldCatalogue
from bklog.store import Store
from bklog.store.routed import open_stores


@lru_cache(maxsize=1)
def the_store() -> Store:
    """One client a process, made when first used: after the web server has forked."""
    return open_stores(settings.STORES)


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
