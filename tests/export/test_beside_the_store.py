"""A store on the worker's machine puts rows into the file itself: the same bytes as over HTTP, whatever happens meanwhile."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest
from django.db import connections

from bklog.export import actions
from bklog.export.models import Export
from bklog.export.process import LOOK_SECONDS
from bklog.records import Limits, Statement, Writing
from tests.export.site import ExportSite, log_rows

pytestmark = pytest.mark.django_db(transaction=True)
COUNT = 4_000
State = Export.State


class Watched:
    """The real store, whose rows may only go straight into a file; `at_tick` is called for each sign of life."""

    def __init__(self, store: Any, at_tick: Any = lambda: None) -> None:
        self._store = store
        self._at_tick = at_tick
        self.begun: list[int] = []

    def __getattr__(self, name: str) -> Any:
        assert name != "stream"
        return getattr(self._store, name)

    def of(self, _: object) -> Watched:
        return self

    def stream_into(self, statement: Statement, writing: Writing, limits: Limits, *, name: str, at: int) -> Generator[bytes]:
        self.begun.append(at)
        for tick in self._store.stream_into(statement, writing, limits, name=name, at=at):
            self._at_tick()
            yield tick


@pytest.fixture
def shop(near_site: ExportSite) -> Any:
    return near_site.index_set("shop", near_site.collector("shop", log_rows(COUNT)))


def over_http(site: ExportSite, shop: Any, **asked: Any) -> bytes:
    far = replace(site.store._address, folder=None)
    return (it := site.with_store(type(site.store)(far))).read(it.run(it.create(shop, **asked)))


@pytest.mark.parametrize("form", ["csv", "jsonl", "raw"])
@pytest.mark.parametrize("order", ["newest", "oldest", "unsorted"])
def test_the_file_is_the_one_that_comes_over_http(near_site: ExportSite, shop: Any, form: str, order: str) -> None:
    watched = Watched(near_site.store)
    site = near_site.with_store(watched)
    export = site.run(site.create(shop, format=form, order=order))
    found = site.read(export)
    wanted = over_http(near_site, shop, format=form, order=order)
    assert found == wanted if order != "unsorted" else sorted(found.split(b"\n")) == sorted(wanted.split(b"\n"))
    assert (export.rows, export.size_bytes, len(export.ends)) == (COUNT, len(found), len(export.slices))
    assert watched.begun == [0, *export.ends[:-1]]


def test_the_limit_cuts(near_site: ExportSite, shop: Any) -> None:
    watched = Watched(near_site.store)
    site = near_site.with_store(watched)
    export = site.run(site.create(shop, format="csv", limit=1_234))
    assert site.read(export) == over_http(near_site, shop, format="csv", limit=1_234)


def test_what_a_killed_worker_left_is_cut_off_and_the_rest_goes_on(near_site: ExportSite, shop: Any) -> None:
    part = near_site.run(near_site.create(shop, format="jsonl"), turn_seconds=0)
    assert (part.state, part.rows, len(part.ends)) == (State.PENDING, part.slices[0][2], 1)
    with near_site.path(part).open("ab") as file:
        file.write(b"half a row")
    watched = Watched(near_site.store)
    site = near_site.with_store(watched)
    assert site.read(site.run(part)) == over_http(near_site, shop, format="jsonl")
    assert watched.begun[0] == part.ends[0]


def test_a_statement_that_still_writes_is_waited_for(near_site: ExportSite, shop: Any) -> None:
    part = near_site.run(near_site.create(shop, format="csv"), turn_seconds=0)
    with near_site.path(part).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waits = near_site.run(part)
    assert (waits.state, waits.code, waits.rows) == (State.PENDING, "store_overloaded", part.rows)
    assert near_site.read(near_site.run(waits)) == over_http(near_site, shop, format="csv")


def test_a_cancelled_export_ends_in_the_midst_of_a_slice(near_site: ExportSite, shop: Any) -> None:
    export = near_site.create(shop, format="csv")
    ticks = []

    def cancel_at_the_first() -> None:
        ticks.append(time.monotonic())
        if len(ticks) == 1:
            actions.cancel(Export.objects.get(pk=export.pk))
            connections.close_all()
            time.sleep(2 * LOOK_SECONDS)

    watched = Watched(near_site.store, cancel_at_the_first)
    site = near_site.with_store(watched)
    ended = site.run(export)
    assert (ended.state, ended.rows, site.path(export).exists()) == (State.CANCELLED, 0, False)
    assert (len(watched.begun), len(ticks)) == (1, 1)
