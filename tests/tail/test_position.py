"""A position tells what was told, whatever the order in which inserts become visible and however often a viewer comes back."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bklog.errors import BadRequest
from bklog.query.outputs import Arrival
from bklog.search.tail.position import MAX_NAMES, Position, name_of, read_position
from bklog.search.tail.reading import PIECE_ARRIVALS, PIECE_ROWS, pieces


def arrival(time: int, number: int = 0, rows: int = 1) -> Arrival:
    return Arrival(time, UUID(int=time * 1000 + number), "2026-11-26", rows)


def test_a_position_prints_as_it_was_read() -> None:
    position = Position(1_795_654_801_500_000, frozenset(name_of(arrival(time)) for time in range(MAX_NAMES)))
    assert read_position(str(position)) == position
    assert read_position(str(Position(0))) == Position(0)
    assert len(str(position)) < 5_000  # it is a header, beside others, in the 16 KiB of the entry port


@pytest.mark.parametrize("text", ["", "x", "AAAA", "?", "é", str(Position(5)) + "AA", "A" * 10_000])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read_position(text)
    assert refused.value.stable_code == "event_id"


def test_two_days_of_one_insert_are_seen_apart() -> None:
    batch = UUID(int=7)
    before, after = Arrival(5, batch, "2026-11-26", 3), Arrival(5, batch, "2026-11-27", 3)
    position = Position(0).after([before, after], [after], settled=0)
    assert position.has_told(before)
    assert not position.has_told(after)


def test_an_insert_that_is_not_told_yet_holds_the_position_back() -> None:
    listed = [arrival(10), arrival(20), arrival(30)]
    position = Position(0).after(listed, [listed[1]], settled=100)
    assert position.until == 19
    assert [position.has_told(one) for one in listed] == [True, False, True]
    assert Position(0).after(listed, [], settled=100) == Position(100)


def test_no_position_is_longer_than_its_limit() -> None:
    listed = [arrival(time) for time in range(1, 3 * MAX_NAMES)]
    position = Position(0).after(listed, [], settled=0)
    assert len(position.names) == MAX_NAMES
    assert all(position.has_told(one) for one in listed)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=40), st.data())
def test_each_is_told_once_in_whatever_order_they_are_seen(times: list[int], data: st.DataObject) -> None:
    """An insert of time t is seen at last 10 later. Between two readings the viewer may come back with his id alone."""
    inserts = [(arrival(time, number), time + data.draw(st.integers(0, 10))) for number, time in enumerate(times)]
    position, told = Position(0), []
    for now in range(1, 75):
        seen = sorted(
            (one for one, visible in inserts if visible <= now and one.time > position.until), key=lambda one: one.time
        )
        untold = [one for one in seen if not position.has_told(one)]
        cut = data.draw(st.integers(0, len(untold)))
        for part, left in ((untold[:cut], untold[cut:]), (untold[cut:], [])):
            told += part
            position = position.after(seen, left, settled=now - 11)
            position = read_position(str(position))
    assert sorted(one.batch.int for one in told) == sorted(one.batch.int for one, _ in inserts)


def test_pieces_are_bounded_and_lose_nothing() -> None:
    many = [arrival(time, rows=1) for time in range(3 * PIECE_ARRIVALS)]
    large = [arrival(time, rows=PIECE_ROWS // 2 + 1) for time in range(5)]
    assert [len(piece) for piece in pieces(many)] == [PIECE_ARRIVALS] * 3
    assert [len(piece) for piece in pieces(large)] == [1] * 5
    assert [one for piece in pieces(many + large) for one in piece] == many + large
