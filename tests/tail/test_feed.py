"""One reading of the store for all who follow the same; who comes back, whoever inserts, is told everything once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from bklog.errors import Forbidden, Overloaded, QuerySyntax, Unauthorised, Unavailable
from bklog.search.tail import feed as feed_module
from bklog.search.tail.feed import Pace
from bklog.search.tail.hub import Hub, HubLimits
from bklog.search.tail.position import Position, read_position
from bklog.store.clickhouse import ClickHouseStore
from tests.store.conftest import store as store  # noqa: PLC0414 - a fixture
from tests.store.conftest import store_server as store_server  # noqa: PLC0414 - a fixture
from tests.tail.desk import HIDE, OTHER, ROOM, TABLE, Counting, Desk, Platform, until

Test = Callable[[Desk], Awaitable[None]]
Run = Callable[..., Platform]


@pytest.fixture
def run(store: ClickHouseStore) -> Run:
    for table in (TABLE, OTHER):
        store.create_table(table)

    def run_test(test: Test, *, limits: HubLimits = ROOM, rows_per_second: int = 1000) -> Platform:
        platform = Platform(Counting(store))
        pace = Pace(rows_per_second, poll_seconds=0.2, refresh_seconds=0.3, heartbeat_seconds=0.5)

        async def in_loop() -> None:
            hub = Hub(asyncio.to_thread, limits=limits, pace=pace)
            await test(Desk(platform, hub))
            hub.begin_stop()

        asyncio.run(in_loop())
        return platform

    return run_test


def test_rows_that_match_come_in_the_order_in_which_they_came_in(run: Run) -> None:
    async def test(desk: Desk) -> None:
        await desk.insert(1, 2)  # before anybody looks
        screen = await desk.follow("order NOT n:12")
        await desk.insert(10, 11, 12)
        await desk.insert(13, table=OTHER)
        await desk.insert(14)
        await screen.wait(lambda screen: 14 in screen.numbers)
        assert screen.numbers == [10, 11, 13, 14]
        (row, *_) = screen.of("rows")[0]
        assert list(row) == [
            "time", "ingest_time", "batch", "row", "host", "path", "stream", "level", "log", "parse_error", "fields",
        ]  # fmt: skip
        assert screen.of("open") == [
            {"index_set_id": 1, "query": "order NOT n:12", "notes": [], "rows_per_second": 1000, "heartbeat_seconds": 0.5}
        ]

    run(test)


def test_a_late_row_comes_when_it_comes(run: Run) -> None:
    """Its own time is days ago; the one after it, hours ahead."""

    async def test(desk: Desk) -> None:
        screen = await desk.follow()
        now = datetime.now(UTC)
        await desk.insert(1, time=(now - timedelta(days=3)).isoformat())
        await desk.insert(2, time=(now + timedelta(hours=5)).isoformat())
        await desk.insert(3)
        await screen.wait(lambda screen: 3 in screen.numbers)
        assert screen.numbers == [1, 2, 3]

    run(test)


def test_an_insert_that_becomes_visible_after_later_ones_is_told(run: Run) -> None:
    async def test(desk: Desk) -> None:
        screen = await desk.follow()
        await desk.insert(1)
        await screen.wait(lambda screen: 1 in screen.numbers)
        await desk.insert(2, age=timedelta(seconds=3))
        await screen.wait(lambda screen: 2 in screen.numbers)
        desk.platform.longest_seconds = 60.0  # one runs since a minute: so long is waited
        await asyncio.sleep(1.5)
        await desk.insert(3)
        await screen.wait(lambda screen: 3 in screen.numbers)
        assert screen.numbers == [1, 2, 3]

    run(test)


def test_many_viewers_cost_one_reading(run: Run) -> None:
    async def alone(desk: Desk) -> None:
        await follow_and_insert(desk, viewers=1)

    async def together(desk: Desk) -> None:
        await follow_and_insert(desk, viewers=50)

    async def follow_and_insert(desk: Desk, *, viewers: int) -> None:
        screens = await asyncio.gather(*(desk.follow("order") for _ in range(viewers)))
        desk.platform.store.statements.clear()
        for number in range(5):
            await desk.insert(number)
            await until(lambda: all(len(screen.numbers) > number for screen in screens))  # noqa: B023 - awaited here
        assert len(desk.hub.feeds) == 1
        assert [screen.numbers for screen in screens] == [[0, 1, 2, 3, 4]] * viewers

    def readings(platform: Platform) -> int:
        return sum("AS line" in text for text in platform.store.statements)

    assert readings(run(alone)) == 5
    many = run(together)
    assert readings(many) == 5
    assert len(many.store.statements) < 50  # fewer than there are viewers


def test_who_comes_back_is_told_what_the_others_were_told_and_nothing_twice(run: Run) -> None:
    async def test(desk: Desk) -> None:
        stays, goes = await desk.follow("order"), await desk.follow("order")
        await desk.insert(1)
        await goes.wait(lambda screen: 1 in screen.numbers)
        last_id = goes.leave()
        await desk.insert(2, 3)
        await desk.insert(4, age=timedelta(seconds=3))  # seen late
        await stays.wait(lambda screen: 4 in screen.numbers)
        back = await desk.follow("order", last_id=last_id)
        await desk.insert(5)
        for screen in (back, stays):
            await screen.wait(lambda screen: 5 in screen.numbers)
        assert sorted(back.numbers) == [2, 3, 4, 5]
        assert sorted(stays.numbers) == [1, 2, 3, 4, 5]
        assert back.last_id == stays.last_id

    run(test)


def test_who_was_told_more_elsewhere_is_told_none_of_it_again(run: Run) -> None:
    """The id is of another process, which had seen what this one sees next."""

    async def test(desk: Desk) -> None:
        elsewhere = Hub(asyncio.to_thread, limits=HubLimits(5, 5, 60), pace=Pace(1000, 0.2, 0.3, 0.5))
        here, there = await desk.follow("order"), Desk(desk.platform, elsewhere)
        ahead = await there.follow("order")
        await there.insert(1)
        await ahead.wait(lambda screen: 1 in screen.numbers)
        back = await desk.follow("order", last_id=ahead.leave())
        await desk.insert(2)
        for screen in (back, here):
            await screen.wait(lambda screen: 2 in screen.numbers)
        assert back.numbers == [2]
        assert here.numbers == [1, 2]

    run(test)


def test_who_was_away_for_too_long_is_told_of_the_gap(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "RESUME_SECONDS", -5)

    async def test(desk: Desk) -> None:
        await desk.insert(1)
        old = str(Position(int((datetime.now(UTC) - timedelta(seconds=60)).timestamp() * 1_000_000)))
        back = await desk.follow("order", last_id=old)
        await back.wait(lambda screen: screen.of("gap"))
        await desk.insert(2)
        await back.wait(lambda screen: 2 in screen.numbers)
        assert back.numbers == [2]
        assert back.of("gap")[0]["since"] == read_position(old).until

    run(test)


def test_rows_beyond_the_rate_are_counted(run: Run) -> None:
    async def test(desk: Desk) -> None:
        screen = await desk.follow("order")
        await desk.insert(*range(500))
        await screen.wait(lambda screen: screen.of("dropped"))
        await asyncio.sleep(1.2)
        await desk.insert(*range(500, 510))
        await screen.wait(lambda screen: 509 in screen.numbers)
        dropped = sum(one["rows"] for one in screen.of("dropped"))
        assert (len(screen.numbers), dropped) == (60, 450)
        assert {one["reason"] for one in screen.of("dropped")} == {"rate"}

    run(test, rows_per_second=50)


def test_a_burst_of_many_lines_is_told_in_whole(run: Run) -> None:
    async def test(desk: Desk) -> None:
        screen = await desk.follow("order")
        await asyncio.gather(*(desk.insert(*range(start, start + 2500), text="日志") for start in range(0, 10_000, 2500)))
        await screen.wait(lambda screen: len(screen.numbers) == 10_000)
        assert sorted(screen.numbers) == list(range(10_000))
        assert not screen.of("dropped")

    run(test, rows_per_second=100_000)


def test_lines_beyond_the_size_of_a_message_are_counted(run: Run) -> None:
    async def test(desk: Desk) -> None:
        screen = await desk.follow("order")
        await desk.insert(*range(20), text="日" * 300_000)  # 900 kB, as line and as field
        await screen.wait(lambda screen: screen.of("dropped"))
        await screen.wait(lambda screen: len(screen.numbers) + sum(one["rows"] for one in screen.of("dropped")) == 20)
        assert screen.numbers == list(range(len(screen.numbers)))
        assert 1 <= len(screen.numbers) <= 4

    run(test)


def test_a_changed_masking_holds_within_seconds(run: Run) -> None:
    async def test(desk: Desk) -> None:
        await desk.insert(0, user="bob")  # or no row has such a field
        screen, by_field = await desk.follow("order"), await desk.follow("user:alice")
        await desk.insert(1, user="alice")
        for viewer in (screen, by_field):
            await viewer.wait(lambda viewer: 1 in viewer.numbers)
        desk.platform.masking = HIDE
        await screen.wait(lambda screen: screen.of("changed"))
        await desk.insert(2, user="alice")
        await screen.wait(lambda screen: 2 in screen.numbers)
        assert screen.of("changed") == [{"what": "masking"}]
        first, second = [row for rows in screen.of("rows") for row in rows]
        assert first["fields"]["user"] == "alice"
        assert second["fields"]["user"] != "alice"
        assert "alice" not in json.dumps(second)
        await by_field.wait(lambda screen: screen.is_over)
        (error,) = by_field.of("error")
        assert (error["code"], error["status"]) == ("field_masked", 403)
        assert by_field.numbers == [1]

    run(test)


def test_who_may_follow_no_more_is_sent_away_and_the_others_stay(run: Run) -> None:
    async def test(desk: Desk) -> None:
        stays, goes = await desk.follow("order", token="a"), await desk.follow("order", token="b")
        desk.platform.refused = {"b": Unauthorised("nobody has this API token", code="token_wrong")}
        await goes.wait(lambda screen: screen.is_over, seconds=3)
        assert goes.of("error")[0]["code"] == "token_wrong"
        await desk.insert(1)
        await stays.wait(lambda screen: 1 in screen.numbers)
        assert goes.numbers == []

    run(test)


def test_a_table_that_joins_the_index_set_is_followed(run: Run) -> None:
    async def test(desk: Desk) -> None:
        desk.platform.tables = (OTHER,)
        screen = await desk.follow("order")
        await desk.insert(1, table=OTHER)
        desk.platform.tables = (TABLE, OTHER)
        await screen.wait(lambda screen: screen.of("changed"), seconds=3)
        await desk.insert(2)
        await screen.wait(lambda screen: 2 in screen.numbers)
        assert screen.of("changed") == [{"what": "tables"}]

    run(test)


def test_nothing_is_missed_while_the_store_is_away(run: Run) -> None:
    async def test(desk: Desk) -> None:
        screen = await desk.follow("order")
        desk.platform.store.failure = Unavailable("the store does not answer", code="store_down")
        await screen.wait(lambda screen: screen.of("waiting"))
        await desk.insert(1, 2)
        await asyncio.sleep(0.5)
        assert screen.numbers == []
        desk.platform.store.failure = None
        await screen.wait(lambda screen: 2 in screen.numbers)
        assert [name for name, _ in screen.events if name != "rows"] == ["open", "waiting", "recovered"]
        assert screen.numbers == [1, 2]

    run(test)


def test_nothing_is_shown_while_nobody_knows_what_to_hide(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "STALE_SECONDS", 1.0)

    async def test(desk: Desk) -> None:
        screen = await desk.follow("order")
        desk.platform.failure = Unavailable("the database does not answer", code="database_down")
        await screen.wait(lambda screen: screen.of("waiting"))
        await desk.insert(1)
        await screen.wait(lambda screen: screen.is_over, seconds=5)
        assert screen.numbers == []
        assert screen.of("error")[0]["code"] == "database_down"
        desk.platform.failure = None
        back = await desk.follow("order", last_id=screen.last_id)
        await back.wait(lambda screen: screen.numbers == [1])

    run(test)


def test_heartbeats_bring_the_position_on(run: Run) -> None:
    async def test(desk: Desk) -> None:
        screen = await desk.follow("nothing")
        first = screen.last_id
        await screen.wait(lambda screen: screen.last_id != first, seconds=5)
        assert [name for name, _ in screen.events] == ["open"]

    run(test)


def test_there_are_limits_and_a_lifetime(run: Run) -> None:
    async def test(desk: Desk) -> None:
        first = await desk.follow("a")
        await desk.follow("b")
        with pytest.raises(Overloaded) as queries:
            await desk.follow("c")
        assert queries.value.stable_code == "tail_queries"
        await desk.follow("a")
        with pytest.raises(Overloaded) as viewers:
            await desk.follow("a")
        assert viewers.value.stable_code == "tail_viewers"
        await first.wait(lambda screen: screen.is_over, seconds=5)
        assert first.of("end")[0]["code"] == "tail_lifetime"
        first.leave()
        await desk.follow("a")

    run(test, limits=HubLimits(3, 2, 1.5))


def test_a_feed_that_nobody_follows_ends(run: Run) -> None:
    async def test(desk: Desk) -> None:
        screen = await desk.follow("a")
        screen.leave()
        await until(lambda: not desk.hub.feeds)

    run(test)


def test_what_a_search_refuses_is_refused_before_any_event(run: Run) -> None:
    async def test(desk: Desk) -> None:
        with pytest.raises(QuerySyntax):
            await desk.follow("(")
        with pytest.raises(QuerySyntax) as unknown:
            await desk.follow("nothing_has:this")
        assert unknown.value.stable_code == "unknown_field"
        await desk.insert(0, user="bob")
        desk.platform.masking = HIDE
        with pytest.raises(Forbidden):
            await desk.follow("user:x")
        assert desk.hub.feeds == {}
        await desk.follow("x")

    run(test, limits=HubLimits(1, 1, 60))
