"""Numbered work → its results in order, a few made at a time: the next are made while one is used."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import TypeVar

LOOK_EVERY_SECONDS = 0.5
Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(
    items: Sequence[tuple[int, Item]],
    make: Callable[[int, Item, threading.Event], Result],
    *,
    at_once: int,
    in_reserve: int = 1,
    look: Callable[[], None],
) -> Generator[Result, None, None]:
    """`at_once` are being made, and so many in reserve are made while a result is used: with one at once and none in reserve
    nothing begins before the former result was used. `look` is called while waiting, and may raise.

    However it ends, the event that `make` is given is set for those that are still at work, and they are waited for.
    """
    stopped = threading.Event()
    ahead: deque[Future[Result]] = deque()
    left = deque(items)
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="slice")
    try:
        while left or ahead:
            while left and len(ahead) < at_once + in_reserve:
                ahead.append(pool.submit(make, *left.popleft(), stopped))
            yield _wait(ahead.popleft(), look)
    finally:
        stopped.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _wait(future: Future[Result], look: Callable[[], None]) -> Result:
    while True:
        look()
        try:
            return future.result(timeout=LOOK_EVERY_SECONDS)
        except NotYet:
            if future.done():  # in Python 3.11 a TimeoutError may also be what the work raised
                return future.result()
