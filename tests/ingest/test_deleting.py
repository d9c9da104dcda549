"""A collector that is being deleted: refused before its lines are taken, and not called stored when it was closed meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from bklog.clean import CleanRule
from bklog.ingest.app import make_app
from bklog.ingest.commit import CommitLimits
from bklog.ingest.destination import Destination
from bklog.records import Limits
from bklog.store import LogTable
from bklog.store.clickhouse import ClickHouseStore
from tests.store.conftest import store as store  # noqa: PLC0414 - a fixture
from tests.store.conftest import store_server as store_server  # noqa: PLC0414 - a fixture

OPEN = Destination("shop", LogTable("c7_shop", 30), CleanRule("text"), quiet=False)
CLOSED = replace(OPEN, deleting=True)
LIMITS = CommitLimits(spacing_seconds=0.01, pending_bytes=1 << 20, max_line_bytes=1 << 10, parallel_inserts=1)


@dataclass
class Answers:
    """A catalogue that says one thing after the other, the last one for ever."""

    left: list[Destination]

    async def find(self, _: str) -> Destination | None:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]

    def doubt(self, destination: Destination) -> None:
        raise AssertionError(f"{destination.collector} took no lines")


def post(store: ClickHouseStore, *answers: Destination) -> tuple[int, dict[str, Any]]:
    app = make_app(store, Answers(list(answers)), limits=LIMITS, max_body_bytes=1 << 20)
    headers = [(b"authorization", b"Bearer secret"), (b"content-length", b"6")]
    scope = {"type": "http", "method": "POST", "path": "/ingest/v1/lines", "headers": headers, "query_string": b""}
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"a line", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def ask(call: Callable[..., Any]) -> None:
        async with app.router.lifespan_context(app):
            await call(dict(scope), receive, send)

    asyncio.run(ask(app))
    return sent[0]["status"], json.loads(sent[1]["body"])


def stored(store: ClickHouseStore) -> int:
    from bklog.records import Statement

    counted = Statement(f"SELECT count() FROM {store.table(OPEN.table.name)}", {})
    return int(store.select(counted, Limits(10, 1 << 30, 10)).rows[0][0])


def test_an_open_one_takes_lines_and_a_closed_one_says_why_it_takes_none(store: ClickHouseStore) -> None:
    store.create_table(OPEN.table)
    assert post(store, OPEN)[0] == 200
    assert stored(store) == 1
    status, answer = post(store, CLOSED)
    assert (status, answer["error"]["code"]) == (403, "collector_deleting")
    assert stored(store) == 1


def test_what_was_stored_while_it_was_closed_is_not_called_stored(store: ClickHouseStore) -> None:
    store.create_table(OPEN.table)
    before = stored(store)
    status, answer = post(store, OPEN, CLOSED)
    assert (status, answer["error"]["code"]) == (403, "collector_deleting")
    assert stored(store) == before + 1
