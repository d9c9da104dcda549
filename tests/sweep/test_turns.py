"""Who is next, where few may work at a time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bklog.errors import BadRequest, Overloaded
from bklog.search.turns import Turns
from tests.waiting import wait_until


def test_one_who_asks_for_much_waits_behind_one_who_asks_for_little() -> None:
    turns = Turns(1, waiting=20)
    order: list[str] = []
    first_may_end = threading.Event()

    def work(owner: str) -> None:
        with turns.turn(owner, seconds=30):
            order.append(owner)
            if len(order) == 1:
                first_may_end.wait(30)

    with ThreadPoolExecutor(10) as pool:
        begun = [pool.submit(work, "greedy")]
        wait_until(lambda: order == ["greedy"])
        begun += [pool.submit(work, "greedy") for _ in range(5)]
        wait_until(lambda: len(turns._waiting) == 5)
        begun += [pool.submit(work, "modest")]
        wait_until(lambda: len(turns._waiting) == 6)
        first_may_end.set()
        for one in begun:
            one.result(30)
    assert order == ["greedy", "modest", *["greedy"] * 5]
    assert (turns._having.total(), turns._waiting) == (0, [])


def test_never_more_than_may_work_at_once() -> None:
    turns = Turns(2, waiting=50)
    at_work = threading.Semaphore(2)

    def work(number: int) -> bool:
        with turns.turn(f"owner{number % 7}", seconds=30):
            got = at_work.acquire(blocking=False)
            if got:
                at_work.release()
            return got

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(work, range(300)))


def test_a_full_line_and_a_long_wait_are_refused_and_leave_nothing() -> None:
    turns = Turns(1, waiting=1)

    def wait() -> None:
        with turns.turn("c", seconds=30):
            pass

    with ThreadPoolExecutor(1) as pool:
        with turns.turn("a", seconds=1):
            with pytest.raises(Overloaded, match="in time") as waited, turns.turn("b", seconds=0.05):
                pass
            waiting = pool.submit(wait)
            wait_until(lambda: len(turns._waiting) == 1)
            with pytest.raises(Overloaded, match="1 long searches wait"), turns.turn("d", seconds=5):
                pass
        waiting.result(30)
    assert (waited.value.stable_code, waited.value.status) == ("search_queue", 429)
    assert turns._waiting == []


def test_who_is_called_off_while_waiting_leaves_the_line() -> None:
    def called_off() -> None:
        raise BadRequest("enough")

    turns = Turns(1, waiting=5)
    with turns.turn("a", seconds=1), pytest.raises(BadRequest), turns.turn("b", seconds=5, look=called_off):
        pass
    with turns.turn("b", seconds=1):
        assert turns._having["b"] == 1
