"""The agent as a process, on real files, against an HTTP endpoint that fails on demand: no line lost, none doubled."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bklog.collect.agent.rules import add_input, remove_input
from tests.collect.agent.conftest import Bench
from tests.waiting import wait_until

pytestmark = pytest.mark.fleet
ROTATED_SECONDS = 0.7


def numbered(first: int, last: int) -> bytes:
    return b"".join(b"line %08d of the sequence\n" % number for number in range(first, last))


def expected(count: int) -> list[bytes]:
    return numbered(0, count).splitlines()


def assert_exactly(bench: Bench, count: int) -> None:
    """Every line once; and no key was ever used for other bytes."""
    lines = bench.endpoint.wait_for(count)
    assert sorted(lines) == expected(count)
    assert bench.endpoint.changed == []


class Writer:
    """Appends numbered lines in uneven pieces, also in the middle of a line, until told to stop.

    A file is rotated when the agent has sent of it: of one that comes and goes before anybody has looked no agent can know.
    """

    def __init__(self, bench: Bench, rotate: Callable[[Path], None] | None = None, *, waits_for_agent: bool = True) -> None:
        self.path = bench.logs / "app.log"
        self.rotate = rotate
        self.rotations = 0
        self.count = 0
        self._endpoint = bench.endpoint
        self._waits_for_agent = waits_for_agent
        self.halt = threading.Event()

    def run(self) -> None:
        file = self.path.open("ab", buffering=0)
        rotated_at, first = time.monotonic(), 0
        while not self.halt.is_set():
            piece = numbered(self.count, self.count + random.randint(1, 60))
            middle = random.randint(1, len(piece) - 1)
            file.write(piece[:middle])
            time.sleep(random.choice([0, 0.001]))
            file.write(piece[middle:])
            self.count += piece.count(b"\n")
            if self.rotate and time.monotonic() - rotated_at >= ROTATED_SECONDS and self._is_followed(first):
                rotated_at, first = time.monotonic(), self.count
                self.rotate(self.path)
                self.rotations += 1
                file.close()
                file = self.path.open("ab", buffering=0)
            time.sleep(0.002)
        file.close()

    def _is_followed(self, first: int) -> bool:
        """Whether lines have arrived of the file that began with this one: numbers are written with leading zeros."""
        begin = numbered(first, first + 1)
        return not self._waits_for_agent or any(kept.body >= begin for kept in list(self._endpoint.kept.values()))


@contextmanager
def writing(writer: Writer) -> Iterator[Writer]:
    thread = threading.Thread(target=writer.run)
    thread.start()
    try:
        yield writer
    finally:
        writer.halt.set()
        thread.join()


def rename_chain(path: Path) -> None:
    """As logrotate with `create` does: app.log -> app.log.1 -> app.log.2 …, none of which the glob matches."""
    for number in range(len(list(path.parent.glob(f"{path.name}.*"))), 0, -1):
        old = path.with_name(f"{path.name}.{number}")
        if old.exists():
            old.rename(path.with_name(f"{path.name}.{number + 1}"))
    path.rename(path.with_name(f"{path.name}.1"))


def delete(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    "rotate",
    [pytest.param(None, id="appended"), pytest.param(rename_chain, id="renamed"), pytest.param(delete, id="deleted")],
)
def test_lines_arrive_once_while_the_file_is_rotated_under_load(bench: Bench, rotate: Callable[[Path], None] | None) -> None:
    bench.start()
    with writing(Writer(bench, rotate)) as writer:
        wait_until(lambda: writer.rotations == 4 if rotate else len(bench.endpoint.lines()) > 5000, seconds=60)
    assert_exactly(bench, writer.count)
    assert {kept.path for kept in bench.endpoint.kept.values()} == {str(bench.logs / "app.log")}


@pytest.mark.parametrize("rotate", [pytest.param(None, id="appended"), pytest.param(rename_chain, id="renamed")])
def test_kill_9_at_any_moment_neither_loses_nor_doubles_a_line(bench: Bench, rotate: Callable[[Path], None] | None) -> None:
    # A generation that comes and goes while no agent runs is found only if the glob knows its later name.
    bench.configure(item={"paths": [str(bench.logs / "app.log*")]}, batch_bytes=4096)
    bench.endpoint.delay_seconds = 0.02
    with writing(Writer(bench, rotate, waits_for_agent=False)) as writer:
        for _ in range(10):
            process = bench.start()
            time.sleep(0.35 + random.random() * 0.5)
            process.send_signal(signal.SIGKILL)
            process.wait()
    bench.start()
    bench.endpoint.delay_seconds = 0
    assert_exactly(bench, writer.count)


def test_a_server_that_flaps_gets_every_line_once(bench: Bench) -> None:
    bench.configure(batch_bytes=8192)
    bench.endpoint.flap = 0.3
    bench.start()
    with writing(Writer(bench, rename_chain)) as writer:
        wait_until(lambda: writer.rotations >= 4 and bench.endpoint.repeated, seconds=60)
    bench.endpoint.flap = 0
    assert_exactly(bench, writer.count)


def test_an_answer_that_got_lost_is_asked_for_again_under_the_same_key(bench: Bench) -> None:
    bench.endpoint.failures = {1: "forget", 2: "drop", 3: 503, 4: 429}
    (bench.logs / "app.log").write_bytes(numbered(0, 100))
    bench.start()
    assert_exactly(bench, 100)
    assert bench.endpoint.repeated == 0 or len(bench.endpoint.kept) == 1


def test_copytruncate_starts_the_file_over(bench: Bench) -> None:
    app = bench.logs / "app.log"
    app.write_bytes(numbered(0, 1000))
    bench.start()
    bench.endpoint.wait_for(1000)
    (bench.logs / "app.log.1").write_bytes(app.read_bytes())
    with app.open("r+b") as file:
        file.truncate(0)
    time.sleep(0.2)
    with app.open("ab") as file:
        file.write(numbered(1000, 1500))
    assert_exactly(bench, 1500)


def test_copytruncate_is_seen_although_the_file_is_longer_again(bench: Bench) -> None:
    app = bench.logs / "app.log"
    app.write_bytes(numbered(0, 500))
    assert bench.run_once() == 0
    app.write_bytes(numbered(500, 2000))  # the same inode, other content
    assert bench.run_once() == 0
    assert_exactly(bench, 2000)


@pytest.mark.parametrize(
    "run", [pytest.param("restarts", id="while no agent runs"), pytest.param("goes on", id="while it runs")]
)
def test_other_content_of_the_same_length_is_seen(bench: Bench, run: str) -> None:
    app = bench.logs / "app.log"
    app.write_bytes(numbered(0, 10))
    process = bench.start()
    bench.endpoint.wait_for(10)
    if run == "restarts":
        bench.stop(process)
    app.write_bytes(numbered(10, 20))
    if run == "restarts":
        bench.start()
    assert_exactly(bench, 20)


def test_a_file_deleted_while_the_server_is_down_is_still_delivered(bench: Bench) -> None:
    bench.configure(batch_bytes=4096)
    bench.endpoint.fail_always = 503
    app = bench.logs / "app.log"
    app.write_bytes(numbered(0, 5000))
    bench.start()
    while bench.endpoint.requests < 2:
        time.sleep(0.02)
    app.unlink()
    bench.endpoint.fail_always = None
    assert_exactly(bench, 5000)


def test_a_file_renamed_while_no_agent_runs_is_read_to_its_end(bench: Bench) -> None:
    app = bench.logs / "app.log"
    app.write_bytes(numbered(0, 100))
    assert bench.run_once() == 0
    with app.open("ab") as file:
        file.write(numbered(100, 200))
    rename_chain(app)
    rename_chain_twice = bench.logs / "app.log.1"
    rename_chain_twice.rename(bench.logs / "app.log.2")
    app.write_bytes(numbered(200, 300))
    assert bench.run_once() == 0
    assert_exactly(bench, 300)


def test_an_unfinished_last_line_waits_in_place_and_is_shipped_once_rotated(bench: Bench) -> None:
    app = bench.logs / "app.log"
    app.write_bytes(b"whole\nhalf")
    bench.start()
    bench.endpoint.wait_for(1)
    time.sleep(0.8)
    assert bench.endpoint.lines() == [b"whole"]
    with app.open("ab") as file:
        file.write(b" and rest\nlast words")
    assert bench.endpoint.wait_for(2)[1] == b"half and rest"
    app.rename(bench.logs / "app.log.1")
    assert bench.endpoint.wait_for(3)[2] == b"last words"


def test_an_unfinished_line_of_a_rotated_file_waits_as_long_as_somebody_may_write(bench: Bench) -> None:
    app = bench.logs / "app.log"
    with app.open("ab", buffering=0) as file:
        file.write(b"first\nha")
        bench.start()
        bench.endpoint.wait_for(1)
        app.rename(bench.logs / "app.log.1")
        time.sleep(1)
        file.write(b"lf\n")
    assert bench.endpoint.wait_for(2) == [b"first", b"half"]


def test_two_hundred_files_and_those_that_appear_later(bench: Bench) -> None:
    bench.configure(item={"paths": ["../logs/**/*.log"], "exclude": ["*secret*"]})
    for number in range(200):
        folder = bench.logs / f"d{number % 7}"
        folder.mkdir(exist_ok=True)
        (folder / f"f{number}.log").write_bytes(numbered(number * 10, number * 10 + 10))
    (bench.logs / "secret.log").write_bytes(b"not for you\n")
    (bench.logs / "old.log.gz").write_bytes(b"not text\n")
    bench.start()
    bench.endpoint.wait_for(2000)
    (bench.logs / "new").mkdir()
    (bench.logs / "new" / "late.log").write_bytes(numbered(2000, 2010))
    assert_exactly(bench, 2010)


def test_a_second_agent_on_the_same_state_is_refused(bench: Bench) -> None:
    first = bench.start()
    (bench.logs / "app.log").write_bytes(numbered(0, 1))
    bench.endpoint.wait_for(1)
    second = bench.start()
    assert second.wait(timeout=30) == 5
    assert f"another agent (process {first.pid}) uses the state folder" in bench.said


def test_sigterm_finishes_the_request_in_flight_and_exits_with_0(bench: Bench) -> None:
    bench.endpoint.delay_seconds = 0.5
    (bench.logs / "app.log").write_bytes(numbered(0, 10))
    process = bench.start()
    while not bench.endpoint.requests:
        time.sleep(0.01)
    assert bench.stop(process) == 0
    assert_exactly(bench, 10)
    assert bench.run_once() == 0
    assert bench.endpoint.requests == 1


def test_sigterm_does_not_wait_for_a_server_that_never_answers(bench: Bench) -> None:
    bench.endpoint.delay_seconds = 30
    (bench.logs / "app.log").write_bytes(numbered(0, 10))
    process = bench.start()
    while not bench.endpoint.requests:
        time.sleep(0.01)
    assert bench.stop(process) == 0
    bench.endpoint.delay_seconds = 0
    assert bench.run_once() == 0
    assert_exactly(bench, 10)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: path.write_bytes(b""), id="empty"),
        pytest.param(lambda path: path.write_bytes(b"no database" * 1000), id="foreign"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-5000]), id="cut short"),
    ],
)
def test_damaged_checkpoints_stop_the_agent(bench: Bench, damage: Callable[[Path], None]) -> None:
    (bench.logs / "app.log").write_bytes(numbered(0, 10))
    assert bench.run_once() == 0
    damage(bench.home / "agent" / "state" / "checkpoints.sqlite")
    assert bench.run_once() == 7
    assert "are damaged" in bench.said
    assert bench.endpoint.requests == 1


def test_a_wrong_token_is_said_once_and_put_right_without_a_restart(bench: Bench) -> None:
    token = bench.home / "secrets" / "tokens" / "test"
    token.unlink()
    (bench.logs / "app.log").write_bytes(numbered(0, 10))
    bench.start()
    wait_until(lambda: "no ingest token can be read" in bench.said)
    time.sleep(0.5)
    assert bench.said.count("no ingest token can be read") == 1
    assert bench.endpoint.requests == 0


def test_sighup_reads_the_configuration_again(bench: Bench) -> None:
    (bench.logs / "app.log").write_bytes(numbered(0, 10))
    process = bench.start()
    bench.endpoint.wait_for(10)
    (bench.logs / "more.txt").write_bytes(numbered(10, 20))
    bench.configure(item={"paths": [str(bench.logs / "*.log"), str(bench.logs / "*.txt")]})
    process.send_signal(signal.SIGHUP)
    assert_exactly(bench, 20)
    bench.config.write_text("{}")
    process.send_signal(signal.SIGHUP)
    wait_until(lambda: "the configuration stays as it was" in bench.said)
    with (bench.logs / "app.log").open("ab") as file:
        file.write(numbered(20, 30))
    assert_exactly(bench, 30)


def test_a_configuration_that_takes_the_place_of_the_former_is_seen_without_a_signal(bench: Bench) -> None:
    (bench.logs / "app.log").write_bytes(numbered(0, 10))
    bench.start()
    bench.endpoint.wait_for(10)
    (bench.logs / "more.txt").write_bytes(numbered(10, 20))
    before = json.loads(bench.config.read_text())
    more = {**before["inputs"][0], "name": "more", "paths": [str(bench.logs / "*.txt")]}
    add_input(bench.config, more, home=bench.home)
    assert_exactly(bench, 20)
    assert remove_input(bench.config, "more", home=bench.home)
    assert json.loads(bench.config.read_text()) == before
    wait_until(lambda: bench.said.count("following 1 inputs") == 2)
    with (bench.logs / "more.txt").open("ab") as file:
        file.write(b"nobody follows this\n")
    with (bench.logs / "app.log").open("ab") as file:
        file.write(numbered(20, 30))
    assert_exactly(bench, 30)


def test_from_end_leaves_out_what_was_there_and_the_line_that_was_being_written(bench: Bench) -> None:
    bench.configure(item={"from": "end"})
    app = bench.logs / "app.log"
    app.write_bytes(b"old\nhal")
    bench.start()
    wait_until(lambda: places(bench) == [str(app)])
    with app.open("ab") as file:
        file.write(b"f\nnew\n")
    (bench.logs / "later.log").write_bytes(b"later\n")
    assert sorted(bench.endpoint.wait_for(2)) == [b"later", b"new"]


def places(bench: Bench) -> list[str]:
    """The files that an agent has seen, as its checkpoints say."""
    file = bench.home / "agent" / "state" / "checkpoints.sqlite"
    if not file.exists():
        return []
    try:
        with closing(sqlite3.connect(file, timeout=10)) as opened:
            return [place.decode() for (place,) in opened.execute("SELECT place FROM file")]
    except sqlite3.OperationalError:  # it is being made
        return []


def test_a_body_limit_is_met_by_cutting_at_newlines(bench: Bench) -> None:
    bench.endpoint.limit_bytes = 5000
    (bench.logs / "app.log").write_bytes(numbered(0, 2000))
    assert bench.run_once() == 0
    assert_exactly(bench, 2000)
    assert max(len(kept.body) for kept in bench.endpoint.kept.values()) <= 5000


def test_a_line_longer_than_a_batch_goes_out_whole_and_one_over_the_body_limit_with_its_head(bench: Bench) -> None:
    bench.configure(batch_bytes=1024)
    bench.endpoint.limit_bytes = 50_000
    (bench.logs / "app.log").write_bytes(b"before\n" + b"x" * 20_000 + b"\nbetween\n" + b"y" * 200_000 + b"\nafter\n")
    assert bench.run_once() == 0
    lines = bench.endpoint.lines()
    assert [line[:7] for line in lines] == [b"before", b"x" * 7, b"between", b"y" * 7, b"after"]
    assert len(lines[1]) == 20_000
    assert "only its head is sent" in bench.said


def test_a_refused_batch_is_kept_and_said(bench: Bench) -> None:
    bench.endpoint.fail_always = 400
    (bench.logs / "app.log").write_bytes(numbered(0, 10))
    process = bench.start()
    while not bench.endpoint.requests:
        time.sleep(0.02)
    time.sleep(0.5)
    assert bench.endpoint.requests == 1
    assert "told to fail with 400" in bench.said
    bench.stop(process)
    bench.endpoint.fail_always = None
    assert bench.run_once() == 0
    assert_exactly(bench, 10)
