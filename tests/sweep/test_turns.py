"""Who is next, where few may work at a time: in a line of this process, and in the one at the broker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from bklog.errors import BadRequest, Overloaded
from bklog.queues.cell import Cell
from bklog.search.line import Rule
from bklog.search.shared_line import SharedLine
from bklog.search.turns import Bounds, InProcess, Kept, Turns, queue_full
from tests.sweep.at_broker import at_broker
from tests.waiting import wait_until


@pytest.fixture(scope="module", params=["in this process", "at the broker"])
def kept(request: pytest.FixtureRequest) -> Iterator[type[Kept] | None]:
    if request.param == "in this process":
        yield None
    else:
        with at_broker():
            yield SharedLine


@pytest.fixture
def line(kept: type[Kept] | None, request: pytest.FixtureRequest) -> Kept:
    return SharedLine(Cell(request.node.name)) if kept else InProcess()


def made(line: Kept, at_once: int, *, waiting: int = 100, of_a_space: int = 100, seconds: float = 60.0) -> Turns:
    return Turns(Rule(at_once), Bounds(waiting, of_a_space, seconds, queue_full), line)


def test_one_who_asks_for_much_waits_behind_one_who_asks_for_little(line: Kept) -> None:
    turns = made(line, 1)
    order: list[str] = []
    first_may_end = threading.Event()

    def work(owner: str) -> None:
        with turns.turn(owner, seconds=60):
            order.append(owner)
            if len(order) == 1:
                first_may_end.wait(60)

    with ThreadPoolExecutor(10) as pool:
        begun = [pool.submit(work, "greedy")]
        wait_until(lambda: order == ["greedy"])
        begun += [pool.submit(work, "greedy") for _ in range(5)]
        wait_until(lambda: turns.waiting == 5)
        begun += [pool.submit(work, "modest")]
        wait_until(lambda: turns.waiting == 6)
        first_may_end.set()
        for one in begun:
            one.result(60)
    assert order == ["greedy", "modest", *["greedy"] * 5]
    assert turns.waiting == 0
    assert line.change(lambda line, _: line).claims == ()


def test_never_more_than_may_work_at_once(line: Kept) -> None:
    turns = made(line, 2)
    at_work = threading.Semaphore(2)

    def work(number: int) -> bool:
        with turns.turn(f"owner{number % 7}", seconds=60):
            got = at_work.acquire(blocking=False)
            if got:
                at_work.release()
            return got

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(60)))


@pytest.mark.parametrize(("waiting", "of_a_space"), [(1, 9), (9, 1)])
def test_a_full_line_is_refused_and_leaves_nothing(line: Kept, waiting: int, of_a_space: int) -> None:
    turns = made(line, 1, waiting=waiting, of_a_space=of_a_space)

    def wait() -> None:
        with turns.turn("c", seconds=60):
            pass

    with ThreadPoolExecutor(1) as pool:
        with turns.turn("a", seconds=60):
            begun = pool.submit(wait)
            wait_until(lambda: turns.waiting == 1)
            with pytest.raises(Overloaded, match="1 wait already") as refused, turns.turn("d", seconds=60):
                pass
        begun.result(60)
    assert (refused.value.stable_code, refused.value.status) == ("search_queue", 429)
    assert refused.value.fields["retry_after_seconds"] == 2
    assert line.change(lambda line, _: line).claims == ()


def test_a_long_wait_is_refused_and_leaves_nothing(line: Kept) -> None:
    turns = made(line, 1, seconds=0.05)
    with turns.turn("a", seconds=60):
        with pytest.raises(Overloaded, match="in time"), turns.turn("b", seconds=60):
            pass
        assert [one.owner for one in line.change(lambda line, _: line).claims] == ["a"]


def test_who_is_called_off_while_waiting_leaves_the_line(line: Kept) -> None:
    def called_off() -> None:
        raise BadRequest("enough")

    turns = made(line, 1)
    with turns.turn("a", seconds=60), pytest.raises(BadRequest), turns.turn("b", seconds=60, look=called_off):
        pass
    with turns.turn("b", seconds=60):
        assert [one.owner for one in line.change(lambda line, _: line).claims] == ["b"]
