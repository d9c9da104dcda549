"""A viewer that does not read costs bounded memory, and is told how many rows it missed."""

from __future__ import annotations

import asyncio

from bklog.search.tail.allowance import Allowance
from bklog.search.tail.messages import SERVER_SENT
from bklog.search.tail.viewer import MAX_WAITING_BYTES, Viewer

END = SERVER_SENT.event("end", {"code": "over", "hint": ""})
ROWS = b"event: rows\ndata: " + b"x" * (1 << 20) + b"\n\n"


async def everything(viewer: Viewer) -> list[bytes]:
    return [message async for message in viewer.messages()]


def test_a_viewer_that_does_not_read_is_told_what_it_missed() -> None:
    async def follow() -> list[bytes]:
        viewer = Viewer("t", None, SERVER_SENT)
        for _ in range(100):
            viewer.send(ROWS, rows=7)
        viewer.send_away("over", "")
        return await everything(viewer)

    *kept, dropped, end = asyncio.run(follow())
    assert sum(map(len, kept)) <= MAX_WAITING_BYTES
    assert end == END
    assert f'"rows":{7 * (100 - len(kept))},"reason":"viewer"'.encode() in dropped


def test_one_message_that_is_too_large_by_itself_still_comes() -> None:
    async def follow() -> list[bytes]:
        viewer = Viewer("t", None, SERVER_SENT)
        viewer.send(b"x" * (2 * MAX_WAITING_BYTES), rows=1)
        viewer.send_away("over", "")
        return await everything(viewer)

    assert len(asyncio.run(follow())[0]) == 2 * MAX_WAITING_BYTES


def test_rows_that_wait_are_forgotten_when_the_masking_changes() -> None:
    async def follow() -> list[bytes]:
        viewer = Viewer("t", None, SERVER_SENT)
        viewer.send(b"event: open\n\n")
        viewer.send(ROWS, rows=3)
        viewer.send(ROWS, rows=4)
        viewer.forget_rows()
        viewer.send(b"event: changed\n\n")
        viewer.send_away("over", "")
        viewer.send(ROWS, rows=1)  # it is over
        return await everything(viewer)

    opening, dropped, *rest = asyncio.run(follow())
    assert [opening, *rest] == [b"event: open\n\n", b"event: changed\n\n", END]
    assert b'"rows":7,"reason":"masking"' in dropped


def test_an_allowance_is_so_many_rows_a_second_and_keeps_one_second() -> None:
    allowance = Allowance(100, now=0.0)
    assert allowance.rows(0.0) == 100
    allowance.take(100)
    assert allowance.rows(0.25) == 25
    allowance.take(25)
    assert allowance.rows(1000.0) == 100
