"""A hub over a real store, and viewers that read: what the tests of a feed work with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from bklog.clean import CleanRule
from bklog.errors import BklogError
from bklog.query import UNMASKED, Masking
from bklog.records import Limits, Rows, Statement, Writing
from bklog.search.catalogue import FieldCatalogue
from bklog.search.tail.hub import Following, Hub, HubLimits
from bklog.search.tail.messages import SERVER_SENT
from bklog.search.tail.position import read_position
from bklog.search.tail.reading import Reader, Source
from bklog.search.tail.request import TailRequest
from bklog.store import LineBatch, LogTable
from bklog.store import Source as Sender
from bklog.store.clickhouse import ClickHouseStore
from tests.search.engine_store import LIMITS

RULE = CleanRule("json", types={"n": "int"}, time_field="time")
TABLE, OTHER = LogTable("shop", 30, types=RULE.types), LogTable("till", 30)
ROOM = HubLimits(50, 5, 60)
HIDE = Masking.from_list([{"field": "user", "operator": "shield"}])


@dataclass
class Counting:
    """The store, and what it was asked. `failure` is raised instead of an answer."""

    store: ClickHouseStore
    statements: list[str] = field(default_factory=list)
    failure: BklogError | None = None

    def of(self, tables: Iterable[LogTable]) -> Counting:
        return self

    def table(self, name: str) -> str:
        return self.store.table(name)

    def identity(self, table: str) -> str:
        return self.store.identity(table)

    def select(self, statement: Statement, limits: Limits) -> Rows:
        self._count(statement)
        return self.store.select(statement, limits)

    def stream(self, statement: Statement, writing: Writing, limits: Limits) -> Generator[bytes]:
        self._count(statement)
        return self.store.stream(statement, writing, limits)

    def cancel(self, mark: str) -> int:
        return self.store.cancel(mark)

    @property
    def shares_files(self) -> bool:
        return False

    def stream_into(self, statement: Statement, writing: Writing, limits: Limits, *, name: str, at: int) -> Generator[bytes]:
        raise NotImplementedError

    def _count(self, statement: Statement) -> None:
        self.statements.append(statement.text)
        if self.failure:
            raise self.failure


@dataclass
class Platform:
    """What a hub asks; tests change it while a tail runs."""

    store: Counting
    tables: tuple[LogTable, ...] = (TABLE, OTHER)
    masking: Masking = UNMASKED
    refused: dict[str, BklogError] = field(default_factory=dict)
    longest_seconds: float = 0.0
    failure: BklogError | None = None


class Asking:
    wording = SERVER_SENT

    def __init__(self, platform: Platform, request: TailRequest) -> None:
        self.platform = platform
        self.request = request

    def open(self) -> Reader:
        store, source = self.platform.store, Source(self.platform.tables, self.platform.masking)
        return Reader(self.request, source, store=store, catalogue=FieldCatalogue(store, LIMITS), limits=LIMITS)

    def require_readers(self, tokens: frozenset[str]) -> dict[str, BklogError]:
        if self.platform.failure:
            raise self.platform.failure
        return {token: error for token, error in self.platform.refused.items() if token in tokens}

    def longest_insert(self) -> float:
        return self.platform.longest_seconds


async def until(holds: Callable[[], object], *, seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - what is waited for knows nothing of the test
            await asyncio.sleep(0.01)


class Screen:
    """A viewer that reads, as a browser does."""

    def __init__(self, following: Following) -> None:
        self.following = following
        self.events: list[tuple[str, Any]] = []
        self.last_id = ""
        self.is_over = False
        self._task = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        async for message in self.following.messages():
            for one in message.decode().split("\n\n")[:-1]:
                self._take(one)
        self.is_over = True

    def _take(self, text: str) -> None:
        lines = [line.partition(": ")[::2] for line in text.split("\n")]
        data = [json.loads(value) for name, value in lines if name == "data"]
        self.events += [(value, data if value == "rows" else data[0]) for name, value in lines if name == "event"]
        self.last_id = next((value for name, value in lines if name == "id"), self.last_id)

    def of(self, name: str) -> list[Any]:
        return [content for one, content in self.events if one == name]

    @property
    def numbers(self) -> list[int]:
        return [row["fields"]["n"] for rows in self.of("rows") for row in rows]

    async def wait(self, holds: Callable[[Screen], object], *, seconds: float = 15) -> None:
        await until(lambda: holds(self), seconds=seconds)

    def leave(self) -> str:
        self._task.cancel()
        self.following.leave("somebody")
        return self.last_id


class Desk:
    """A hub over a platform, with what a test does to both."""

    def __init__(self, platform: Platform, hub: Hub) -> None:
        self.platform = platform
        self.hub = hub

    async def follow(self, query: str = "*", *, last_id: str = "", token: str = "t", **asked: Any) -> Screen:
        position = read_position(last_id) if last_id else None
        request = TailRequest(1, query, **asked)
        screen = Screen(await self.hub.follow(request, Asking(self.platform, request), token, position))
        if not last_id:
            await screen.wait(lambda screen: screen.of("open"))
        return screen

    async def insert(self, *numbers: int, table: LogTable = TABLE, age: timedelta = timedelta(), **more: Any) -> None:
        """`age` is how long ago the insert was stamped: it took so long, or the clock is wrong."""
        rows = ({"n": one, "message": f"order {one}", **more} for one in numbers)
        body = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        rule = RULE if table == TABLE else CleanRule("json", types={})
        moment = datetime.now(UTC) - age
        batch = LineBatch(table, rule, Sender(), uuid4(), moment, body, (len(numbers),), 1 << 20, keyed=False)
        stored = await asyncio.to_thread(self.platform.store.store.insert_lines, batch)
        assert stored[0].stored == len(numbers)
        self.hub.stored(table.name)
