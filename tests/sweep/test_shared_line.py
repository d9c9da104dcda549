"""One line for all web processes: it holds between them, gives back what the dead had, and its absence stops no search."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bklog.errors import Overloaded, Unavailable
from bklog.queues.cell import Cell, UnderWay
from bklog.search.line import Line, Rule
from bklog.search.shared_line import SharedLine
from bklog.search.turns import Bounds, Turns, queue_full
from tests.brokers import Broker
from tests.queues.workers import Site
from tests.sweep.at_broker import at_broker
from tests.waiting import wait_until

# Another web process: it takes its turns in the same line, says so, and works until its input ends.
OTHER = """
import django; django.setup()
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from bklog.queues.cell import Cell
from bklog.search.line import Rule
from bklog.search.shared_line import SharedLine
from bklog.search.turns import Bounds, Turns, queue_full
name, number, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
turns = Turns(Rule(2), Bounds(9, 9, 60, queue_full), SharedLine(Cell(name)))
for _ in range(number):
    turns.enter("other", seconds=seconds)
    print("entered", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with at_broker() as running:
        yield running


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


def turns_of(name: str, *, seconds: float = 60.0) -> Turns:
    return Turns(Rule(2), Bounds(9, 9, seconds, queue_full), SharedLine(Cell(name)))


def other(broker: Broker, home: Path, name: str, *arguments: object) -> subprocess.Popen[str]:
    environ = Site(home, broker.url).environ
    command = [sys.executable, "-c", OTHER, name, *map(str, arguments)]
    return subprocess.Popen(command, env=environ, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def claims(name: str) -> list[tuple[str, bool]]:
    return [(one.owner, one.has_place) for one in SharedLine(Cell(name)).change(lambda line, _: line).claims]


def test_places_are_counted_over_processes_and_those_of_a_dead_one_come_back(broker: Broker, tmp_path: Path, name: str) -> None:
    with other(broker, tmp_path, name, 2, 1.0) as process:
        assert process.stdout
        assert [process.stdout.readline() for _ in range(2)] == ["entered\n"] * 2
        assert claims(name) == [("other", True)] * 2
        process.send_signal(signal.SIGKILL)
    with turns_of(name).turn("ann", seconds=60):  # waits until the two would have ended, and a little
        assert claims(name)[-1] == ("ann", True)


def test_while_others_have_all_places_one_waits_and_is_refused_in_time(broker: Broker, tmp_path: Path, name: str) -> None:
    with other(broker, tmp_path, name, 2, 600.0) as process:
        assert process.stdout
        assert [process.stdout.readline() for _ in range(2)] == ["entered\n"] * 2
        with pytest.raises(Overloaded), turns_of(name, seconds=0.3).turn("ann", seconds=60):
            pass
        process.kill()
    assert claims(name) == [("other", True)] * 2


def test_of_two_that_change_a_cell_the_slower_one_looks_again(broker: Broker, name: str) -> None:
    cell = Cell(name)
    text, now = cell.read()
    assert (text, now > 1e9) == ("", True)
    assert cell.swap("", "one")
    assert not cell.swap("", "two")
    assert cell.read()[0] == "one"
    assert cell.swap("one", "超时")
    assert cell.read()[0] == "超时"


def test_what_is_under_way_is_called_off_anywhere_and_nothing_else(broker: Broker) -> None:
    here, there = UnderWay("probe", seconds=60), UnderWay("probe", seconds=60)
    assert not there.call_off("a")
    assert not here.show("a")
    assert not here.show("a")
    assert there.call_off("a")
    assert here.show("a")
    assert not here.show("b")
    here.end("a")
    assert not there.call_off("a")


def test_while_the_broker_is_away_each_process_has_its_own_line(tmp_path: Path, name: str) -> None:
    with ExitStack() as stack:
        broker = stack.enter_context(at_broker())
        line = SharedLine(Cell(name))
        turns = Turns(Rule(1), Bounds(9, 9, 60, queue_full), line)
        with turns.turn("before", seconds=0.1):  # it leaves while nobody hears of it: its place comes back when it runs out
            broker.kill()
            with turns.turn("after", seconds=60):
                assert [one.owner for one in line._here.change(_unchanged).claims] == ["after"]
        with pytest.raises(Unavailable, match="does not answer"):
            Cell(name).read()
        broker.start()
        line._away_until = 0.0
        wait_until(lambda: claims_or_none(name) is not None)
        with turns.turn("again", seconds=60):
            assert claims(name)[-1] == ("again", True)


def _unchanged(line: Line, _: float) -> Line:
    return line


def claims_or_none(name: str) -> Any:
    try:
        Cell(name).read()
    except Unavailable:
        return None
    return claims(name)
