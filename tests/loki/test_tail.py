"""Loki's live tail: what was there and what comes in, each line once, masked, for many viewers in one reading; drops told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from bklog.clean import CleanRule
from bklog.errors import BadRequest, BklogError, Unauthorised
from bklog.loki.sources import NamedTables
from bklog.loki.tail import LOKI_WORDING, LokiReader, LokiTail, opening_message, read_tail
from bklog.query import UNMASKED, Masking
from bklog.search.catalogue import FieldCatalogue
from bklog.search.tail.feed import Pace
from bklog.search.tail.hub import Following, Hub
from bklog.search.tail.position import Position, settled
from bklog.store import LineBatch, LogTable, Source
from bklog.store.clickhouse import ClickHouseStore
from tests.search.engine_store import LIMITS
from tests.store.conftest import store as store  # noqa: PLC0414 - a fixture
from tests.store.conftest import store_server as store_server  # noqa: PLC0414 - a fixture
from tests.tail.desk import ROOM, Counting, until

RULE = CleanRule("json", types={"n": "int", "user": "keyword"}, level_field="level")
SHOP, TILL = LogTable("loki_shop", 30, types=RULE.types), LogTable("loki_till", 30, types=RULE.types)
HIDE = Masking.from_list([{"field": "user", "operator": "replace", "text": "hidden"}])
Test = Callable[["Desk"], Awaitable[None]]
Run = Callable[..., Counting]


@dataclass
class Asking:
    """The platform: `index_sets` are what it has."""

    store: Counting
    query: str
    index_sets: list[NamedTables]
    refused: dict[str, BklogError] = field(default_factory=dict)
    wording = LOKI_WORDING

    def open(self) -> LokiReader:
        catalogue = FieldCatalogue(self.store, LIMITS)
        return LokiReader(self.query, self.index_sets, store=self.store, catalogue=catalogue, limits=LIMITS)

    def require_readers(self, tokens: frozenset[str]) -> dict[str, BklogError]:
        return {token: error for token, error in self.refused.items() if token in tokens}

    def longest_insert(self) -> float:
        return 0.0


class Screen:
    """What a client of Loki has of the messages."""

    def __init__(self, following: Following, opening: bytes) -> None:
        self.following = following
        self.messages = [json.loads(opening)] if opening else []
        self._task = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        async for message in self.following.messages():
            self.messages.append(json.loads(message))

    @property
    def lines(self) -> list[tuple[dict[str, str], str]]:
        return [(stream["stream"], line) for one in self.messages for stream in one["streams"] for _, line in stream["values"]]

    @property
    def numbers(self) -> list[int]:
        return [int(json.loads(line)["n"]) for _, line in self.lines]

    @property
    def dropped(self) -> list[dict[str, str]]:
        return [entry["labels"] for one in self.messages for entry in one.get("dropped_entries", [])]

    async def has(self, *numbers: int) -> None:
        await until(lambda: set(numbers) <= set(self.numbers))


class Desk:
    def __init__(self, store: Counting, hub: Hub) -> None:
        self.store = store
        self.hub = hub
        self.index_sets = [NamedTables("shop", (("shop", SHOP), ("till", TILL)), UNMASKED)]
        self.asked: list[Asking] = []

    async def follow(self, query: str, *, between: Awaitable[None] | None = None, **given: str) -> Screen:
        """As the API does it; `between` comes after the place was chosen where the tail begins."""
        now = datetime.now(UTC)
        expression, opening = read_tail({"query": [query], **{name: [one] for name, one in given.items()}}, now=now)
        asking = Asking(self.store, str(expression), self.index_sets)
        self.asked.append(asking)
        reader = await asyncio.to_thread(asking.open)
        arrived_by = settled(int(now.timestamp() * 1_000_000), 0.0)
        if between:
            await between
        following = await self.hub.follow(LokiTail(str(expression), (), frozenset()), asking, "t", Position(arrived_by))
        found = await asyncio.to_thread(reader.history, opening, arrived_by)
        return Screen(following, opening_message(found))

    async def insert(self, *numbers: int, table: LogTable = SHOP, age_seconds: float = 0, **more: str) -> None:
        rows = ({"n": one, "level": "info", "message": f"order {one}", **more} for one in numbers)
        body = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        moment = datetime.now(UTC) - timedelta(seconds=age_seconds)
        batch = LineBatch(table, RULE, Source(), uuid4(), moment, body, (len(numbers),), 1 << 20, keyed=False)
        await asyncio.to_thread(self.store.store.insert_lines, batch)
        self.hub.stored(table.name)


@pytest.fixture
def run(store: ClickHouseStore) -> Run:
    for table in (SHOP, TILL):
        store.create_table(table)

    def run_test(test: Test, *, rows_per_second: int = 1000) -> Counting:
        counting = Counting(store)

        async def in_loop() -> None:
            pace = Pace(rows_per_second, poll_seconds=0.2, refresh_seconds=0.3, heartbeat_seconds=0.5)
            hub = Hub(asyncio.to_thread, limits=ROOM, pace=pace)
            await test(Desk(counting, hub))
            hub.begin_stop()

        asyncio.run(in_loop())
        return counting

    return run_test


def test_what_was_there_and_what_comes_is_told_once(run: Run) -> None:
    """Also what came in just before, and while the viewer came."""

    async def test(desk: Desk) -> None:
        await desk.insert(1, 2, age_seconds=60)
        await desk.insert(3)
        screen = await desk.follow('{index_set="shop"} |= "order"', between=desk.insert(4))
        await desk.insert(5, table=TILL)
        await screen.has(1, 2, 3, 4, 5)
        assert sorted(screen.numbers) == [1, 2, 3, 4, 5]
        assert screen.numbers[:2] == [1, 2]
        labels, _ = screen.lines[-1]
        assert labels == {"index_set": "shop", "collector": "till", "level": "info"}

    run(test)


def test_limit_and_start_bound_what_was_there(run: Run) -> None:
    async def test(desk: Desk) -> None:
        await desk.insert(1, 2, age_seconds=3 * 3600)
        await desk.insert(3, age_seconds=60)
        await desk.insert(4, age_seconds=50)
        few, long = await desk.follow('{index_set="shop"}', limit="1"), await desk.follow('{index_set="shop"}', since="1d")
        assert (few.numbers, sorted(long.numbers)) == ([4], [1, 2, 3, 4])

    run(test)


def test_stages_make_of_a_line_what_they_make_of_it_in_a_query(run: Run) -> None:
    async def test(desk: Desk) -> None:
        query = '{index_set="shop", level!="debug"} | json | n >= 2 and user="李雷" | line_format "{{.n}} {{.message}}"'
        screen = await desk.follow(query)
        await desk.insert(1, 2, user="李雷")
        await desk.insert(3, user="other")
        await desk.insert(4, user="李雷", level="debug")
        await desk.insert(5, user="李雷", message="连接超时")
        await until(lambda: len(screen.lines) == 2)
        assert [line for _, line in screen.lines] == ["2 order 2", "5 连接超时"]

    run(test)


def test_many_viewers_cost_one_and_a_heartbeat_is_an_empty_message(run: Run) -> None:
    async def test(desk: Desk) -> None:
        screens = [await desk.follow("{index_set='shop'}".replace("'", '"'))]
        screens += [await desk.follow('{ index_set = "shop" }') for _ in range(9)]
        assert len(desk.hub.feeds) == 1
        await until(lambda: all({"streams": []} in screen.messages for screen in screens))
        before = sum("AS told" in text for text in desk.store.statements)
        await desk.insert(1)
        for screen in screens:
            await screen.has(1)
        assert sum("AS told" in text for text in desk.store.statements) == before + 1

    run(test)


def test_what_is_masked_is_masked_and_cannot_be_found_by(run: Run) -> None:
    async def test(desk: Desk) -> None:
        desk.index_sets[:] = [NamedTables("shop", (("shop", SHOP),), HIDE)]
        await desk.insert(1, age_seconds=60, user="secret-1")
        screen = await desk.follow('{index_set="shop"} !~ "nothing"')
        finding = await desk.follow('{index_set="shop"} |= "secret-2"')
        await desk.insert(2, user="secret-2")
        await screen.has(1, 2)
        await desk.insert(3, user="secret-3")
        await screen.has(3)
        assert "secret" not in json.dumps(screen.messages)
        assert all(labels["user"] == "hidden" for labels, _ in screen.lines)
        assert finding.lines == []

    run(test)


def test_rows_beyond_the_rate_are_counted(run: Run) -> None:
    async def test(desk: Desk) -> None:
        screen = await desk.follow('{index_set="shop"}')
        await desk.insert(*range(100))
        await until(lambda: screen.dropped)
        assert screen.dropped[0]["reason"] == "rate"
        assert len(screen.numbers) + sum(int(one["rows"]) for one in screen.dropped) == 100
        assert len(screen.numbers) <= 40

    run(test, rows_per_second=10)


def test_an_index_set_that_comes_later_is_followed_and_a_token_that_goes_is_refused(run: Run) -> None:
    async def test(desk: Desk) -> None:
        asked = '{index_set=~"shop|later"}'
        screen = await desk.follow(asked)
        desk.index_sets.append(NamedTables("later", (("later", TILL),), UNMASKED))
        desk.index_sets[0] = NamedTables("shop", (("shop", SHOP),), UNMASKED)
        await asyncio.sleep(0.5)
        await desk.insert(7, table=TILL)
        await screen.has(7)
        assert screen.lines[0][0]["index_set"] == "later"
        desk.asked[0].refused["t"] = Unauthorised("nobody has this API token", code="token_wrong")
        await until(lambda: screen.following.ended)
        ended = screen.following.ended
        assert ended
        assert (ended.code, ended.may_return) == ("token_wrong", False)

    run(test)


def test_a_selector_that_means_nothing_waits(run: Run) -> None:
    async def test(desk: Desk) -> None:
        screen = await desk.follow('{index_set="nothing"}')
        await until(lambda: screen.messages)
        assert screen.messages[0] == {"streams": []}

    run(test)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"query": '{app="a"'}, "syntax error"),
        ({"query": 'rate({app="a"}[5m])'}, "only lines can be followed"),
        ({"query": '{app="a"} | unwrap n'}, "unwrap is only for metrics"),
        ({"query": '{app="a"}', "delay_for": "6"}, "delay_for can't be greater than 5"),
        ({"query": '{app="a"}', "delay_for": "soon"}, "delay_for"),
        ({"query": '{app="a"}', "limit": "0"}, "limit must be a positive value"),
        ({"query": '{app="a"}', "limit": "9999"}, "max entries limit"),
        ({"query": '{app="a"}', "start": "yesterday"}, "could not parse"),
    ],
)
def test_what_cannot_be_followed_is_refused(given: dict[str, str], said: str) -> None:
    parameters: dict[str, Any] = {name: [text] for name, text in given.items()}
    with pytest.raises(BadRequest, match=said):
        read_tail(parameters, now=datetime.now(UTC))
