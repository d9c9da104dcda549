"""Who gets the next place, by the rule alone: no clock, no thread."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bklog.search.line import LATE_SECONDS, WAITING_SECONDS, Claim, Line, Rule, read_line

ONE = Rule(at_once=1)


def claim(name: str, owner: str = "ann", space: str = "shop", seconds: float = 10.0) -> Claim:
    return Claim(name, space, owner, seconds)


def stand(line: Line, *claims: Claim, rule: Rule = ONE, now: float = 0.0) -> Line:
    for one in claims:
        line = line.asked(one, rule, now=now)
    return line


def placed(line: Line) -> list[str]:
    return [one.id for one in line.claims if one.has_place]


def served(line: Line, rule: Rule = ONE) -> list[str]:
    """The order in which all are, when one after the other leaves."""
    order, now = [], 1.0
    while line.claims:
        first = next(one for one in line.claims if one.has_place)
        order.append(first.id)
        now += 0.01
        line = line.left(first, rule, now=now)
    return order


def test_the_next_place_is_of_the_space_and_in_it_of_the_owner_with_the_fewest() -> None:
    rule = Rule(at_once=2)
    line = stand(Line(), claim("a1", "ann"), claim("a2", "ann"), claim("a3", "ann"), claim("b1", "bob"), rule=rule)
    line = stand(line, claim("c1", "eve", "other"), rule=rule)
    assert placed(line) == ["a1", "a2"]
    line = line.left(claim("a1"), rule, now=1.0)
    assert placed(line) == ["a2", "c1"]  # the other space had none
    line = line.left(claim("c1", "eve", "other"), rule, now=2.0)
    assert placed(line) == ["a2", "b1"]  # of this space bob had none


def test_of_equals_the_one_who_had_none_for_the_longest_and_then_the_first_to_come() -> None:
    line = stand(Line(), *(claim(f"{owner}{number}", owner) for owner in ("ann", "bob") for number in range(3)))
    assert served(line) == ["ann0", "bob0", "ann1", "bob1", "ann2", "bob2"]
    assert served(stand(Line(), *(claim(f"a{number}") for number in range(5)))) == [f"a{number}" for number in range(5)]


def test_a_space_has_no_more_than_its_share_and_its_line_holds_no_other_up() -> None:
    rule = Rule(of_a_space=2)
    line = stand(Line(), *(claim(f"s{number}") for number in range(4)), claim("o", "eve", "other"), rule=rule)
    assert placed(line) == ["s0", "s1", "o"]


def test_who_died_is_forgotten_a_waiting_one_soon_and_a_working_one_when_its_work_would_have_ended() -> None:
    line = stand(Line(), claim("works", seconds=10), claim("waits"), claim("next"))
    later = WAITING_SECONDS / 2 + 0.1
    line = stand(line, claim("next"), now=later)  # heard of
    line = stand(line, claim("next"), now=WAITING_SECONDS + 0.1)
    assert [one.id for one in line.claims] == ["works", "next"]
    still = stand(line, claim("next"), now=10 + LATE_SECONDS - 7.6)
    still = stand(still, claim("next"), now=10 + LATE_SECONDS - 3.8)
    assert placed(still) == ["works"]
    assert placed(stand(still, claim("next"), now=10 + LATE_SECONDS + 0.1)) == ["next"]


def test_to_ask_again_changes_nothing_and_to_leave_twice_neither() -> None:
    line = stand(Line(), claim("a"), claim("b"))
    assert stand(line, claim("a"), claim("b"), now=0.5) is line
    left = line.left(claim("a"), ONE, now=1.0)
    assert left.left(claim("a"), ONE, now=2.0) is left


STEPS = st.lists(
    st.tuples(st.sampled_from(["ask", "leave"]), st.integers(0, 11), st.floats(0, 2)), max_size=60
)  # of twelve claims of four owners in three spaces, with the seconds that pass before


@given(STEPS, st.integers(1, 3), st.integers(1, 3))
def test_never_more_than_may_and_no_free_place_is_left_to_who_waits(
    steps: list[tuple[str, int, float]], at_once: int, of_a_space: int
) -> None:
    rule, line, now = Rule(at_once, of_a_space), Line(), 0.0
    for what, number, seconds in steps:
        now += seconds
        one = claim(str(number), f"o{number % 4}", f"s{number % 3}", seconds=5)
        line = line.asked(one, rule, now=now) if what == "ask" else line.left(one, rule, now=now)
        spaces = [each.space for each in line.claims if each.has_place]
        assert len(spaces) <= at_once
        assert all(spaces.count(space) <= of_a_space for space in spaces)
        waiting = [each.space for each in line.claims if not each.has_place]
        is_full = len(spaces) == at_once
        assert is_full or all(spaces.count(space) == of_a_space for space in waiting)
        assert read_line(line.as_text()) == line


def test_a_line_is_read_as_it_was_written() -> None:
    assert read_line("") == Line()
    line = stand(Line(), claim("a", "安", "店"), replace(claim("b"), seconds=0.5))
    assert read_line(line.as_text()) == line
