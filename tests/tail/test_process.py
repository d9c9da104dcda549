"""A live tail through the entry port: it streams, it says what is wrong, and survives what happens to ingest."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
import urllib3

from config.environ import ROOT
from tests.tail.platform import TailPlatform, lines
from tests.waiting import wait_until

pytestmark = pytest.mark.fleet
SOON_SECONDS = 10  # how soon is a matter of the benchmark; here machines are shared
CHANGE_MASKING = """
import django; django.setup()
from bklog.collect.actions import set_masking
from bklog.collect.models import IndexSet
from bklog.query import Masking
set_masking(IndexSet.objects.get(name="shop"), Masking.from_list({rules}))
"""
DELETE_TOKEN = """
import django; django.setup()
from bklog.accounts.models import ApiToken
ApiToken.objects.filter(name="guest").delete()
"""
MAKE_TOKEN = """
import django; django.setup()
from bklog.accounts.tokens import replace_api_token
print(replace_api_token("guest"))
"""


def test_rows_come_at_once_and_many_viewers_hold_no_thread_of_the_entry_port(platform: TailPlatform) -> None:
    """Which has 8 of them."""
    followers = [platform.follow("order") for _ in range(20)]
    try:
        for follower in followers:
            assert (follower.status, follower.headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
            follower.wait(lambda follower: follower.of("open"))
        platform.send(lines(1, 2, more="日志"))
        acknowledged = time.monotonic()
        for follower in followers:
            follower.wait(lambda follower: follower.numbers == [1, 2])
            assert follower.came[-1] - acknowledged < SOON_SECONDS
        ready = urllib3.request("GET", f"http://127.0.0.1:{platform.entry_port}/readiness/", timeout=10, retries=False)
        assert ready.status == 200
    finally:
        for follower in followers:
            follower.close()


def test_a_viewer_that_goes_makes_room(platform: TailPlatform) -> None:
    """More than there may be at once, one after the other; the last of them is noticed by its heartbeat."""
    for _ in range(3):
        followers = [platform.follow("nobody") for _ in range(20)]
        for follower in followers:
            follower.wait(lambda follower: follower.of("open"))
            follower.close()
        wait_until(lambda: platform.viewers() == 0, seconds=15)


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"headers": {}}, 401, "token_missing"),
        ({"headers": {"Authorization": "Bearer nobody"}}, 401, "token_wrong"),
        ({"path": "999"}, 404, "no_index_set"),
        ({"json": {"query": "("}}, 400, "query_syntax"),
        ({"json": {"query": "nothing_has:this"}}, 400, "unknown_field"),
        ({"json": {"start": "now-1h"}}, 400, "search_request"),
        ({"json": ["order"]}, 400, "no_json"),
        ({"id": "garbage"}, 400, "event_id"),
        ({"json": {"masking": "no"}}, 400, "search_request"),
        ({"json": {"query": "x" * (2 << 20)}}, 413, "body_too_large"),
    ],
)
def test_what_is_wrong_is_said_before_any_event(platform: TailPlatform, asked: dict[str, Any], status: int, code: str) -> None:
    path = asked.get("path", platform.made["index_set"])
    headers = asked.get("headers", {"Authorization": f"Bearer {platform.made['reader']}"})
    if "id" in asked:
        headers = headers | {"Last-Event-ID": asked["id"]}
    answer = urllib3.request(
        "POST",
        f"http://127.0.0.1:{platform.port}/ingest/v1/tail/{path}",
        json=asked.get("json", {}),
        headers=headers,
        retries=False,
    )
    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (status, code)
    assert error["message"]
    assert error["hint"]


def test_a_browser_may_ask_with_get(platform: TailPlatform) -> None:
    addition = json.dumps([{"field": "level", "operator": "=", "value": ["error"]}])
    follower = platform.get(query="order", fields="n, level", addition=addition)
    follower.wait(lambda follower: follower.of("open"))
    platform.send(lines(1) + lines(2, level="error"))
    follower.wait(lambda follower: follower.rows)
    (row,) = follower.rows
    assert (row["level"], row["fields"]) == ("error", {"n": 2})
    assert set(row) == {"time", "ingest_time", "batch", "row", "level", "fields"}
    follower.close()


class Sender:
    """Sends numbered lines, three a batch, and each batch again under its key until it is acknowledged."""

    def __init__(self, platform: TailPlatform) -> None:
        self.sent: list[int] = []
        self._platform = platform
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        number = 1000
        while not self._stop.is_set():
            batch = (number, number + 1, number + 2)
            try:
                self._platform.send(lines(*batch), key=f"batch-{number}")
            except (urllib3.exceptions.HTTPError, AssertionError):
                time.sleep(0.05)
                continue
            self.sent += batch
            number += 3

    def stop(self) -> list[int]:
        self._stop.set()
        self._thread.join()
        return self.sent


def test_a_killed_ingest_loses_and_doubles_no_row(platform: TailPlatform) -> None:
    """Two connections, each broken off three times by kill -9 while lines come in, go on with their last id."""
    followers = [platform.follow("order"), platform.follow("order AND n:>=1000")]
    for follower in followers:
        follower.wait(lambda follower: follower.of("open"))
    told: list[list[int]] = [[], []]
    sender = Sender(platform)
    for _ in range(3):
        wait_until(lambda: all(follower.numbers for follower in followers))
        platform.ingest.kill()
        platform.ingest.wait()
        time.sleep(0.3)
        platform.start_ingest()
        for place, follower in enumerate(followers):
            wait_until(lambda follower=follower: follower.is_over)  # type: ignore[misc]
            told[place] += follower.numbers
            followers[place] = platform.follow(follower.query, last_id=follower.last_id)
    sent = sender.stop()
    for place, follower in enumerate(followers):
        follower.wait(lambda follower: sent[-1] in follower.numbers)
        assert sorted(told[place] + follower.numbers) == sent
        follower.close()


def test_what_another_ingest_takes_in_is_seen_and_a_viewer_may_go_on_there(platform: TailPlatform) -> None:
    port, other = platform.start_second_ingest()
    here, there = platform.follow("order"), platform.follow("order", port=port)
    for follower in (here, there):
        follower.wait(lambda follower: follower.of("open"))
    platform.send(lines(1), port=port)
    acknowledged = time.monotonic()
    here.wait(lambda follower: 1 in follower.numbers)
    assert here.came[-1] - acknowledged < SOON_SECONDS
    platform.send(lines(2))
    there.wait(lambda follower: 2 in follower.numbers)
    other.send_signal(signal.SIGTERM)
    there.wait(lambda follower: follower.is_over)
    assert other.wait(30) == 0
    assert there.of("end")[0]["code"] == "tail_stopping"
    platform.send(lines(3))
    here.wait(lambda follower: 3 in follower.numbers)
    again = platform.follow("order", last_id=there.last_id)
    platform.send(lines(4))
    again.wait(lambda follower: 4 in follower.numbers)
    assert (again.numbers, here.numbers) == ([3, 4], [1, 2, 3, 4])
    here.close()
    again.close()


def test_who_does_not_read_is_cut_off_by_a_stop(platform: TailPlatform) -> None:
    port, other = platform.start_second_ingest()
    body = json.dumps({"query": "*"})
    head = f"POST /ingest/v1/tail/{platform.made['index_set']} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as deaf:
        deaf.sendall(f"{head}Authorization: Bearer {platform.made['reader']}\r\n\r\n{body}".encode())
        answer = b""
        while b"event: open" not in answer:
            answer += deaf.recv(1 << 10)
        for _ in range(6):
            platform.send(lines(*range(1000), more="x" * 4000), port=port)
            time.sleep(0.3)
        other.send_signal(signal.SIGTERM)
        wait_until(lambda: "was cut off" in platform.log(), seconds=30)
    assert other.wait(30) == 0


def test_masking_that_begins_while_a_tail_runs_hides_within_seconds(platform: TailPlatform) -> None:
    follower = platform.follow("*")
    follower.wait(lambda follower: follower.of("open"))
    platform.send(lines(1))
    follower.wait(lambda follower: follower.numbers == [1])
    rules = [{"field": "message", "operator": "replace", "text": "hidden"}]
    platform.python(CHANGE_MASKING.format(rules=rules))
    follower.wait(lambda follower: follower.of("changed"))
    refused = platform.follow("*", masking=False)
    assert refused.status == 403
    raw = platform.follow("*", token=platform.made["trusted"], masking=False)
    raw.wait(lambda follower: follower.of("open"))
    platform.send(lines(2))
    for one in (follower, raw):
        one.wait(lambda follower: 2 in follower.numbers)
    assert [row["fields"]["message"] for row in follower.rows] == ["order 1 ", "hidden"]
    assert "order 2" not in json.dumps(follower.rows[1])
    assert [row["fields"]["message"] for row in raw.rows] == ["order 2 "]
    assert '"RawValuesRead"' in platform.log()
    platform.python(CHANGE_MASKING.format(rules=[]))
    follower.close()
    raw.close()


def test_a_token_that_is_deleted_ends_its_tail(platform: TailPlatform) -> None:
    follower = platform.follow("order", token=platform.python(MAKE_TOKEN).strip())
    follower.wait(lambda follower: follower.of("open"))
    platform.python(DELETE_TOKEN)
    follower.wait(lambda follower: follower.is_over)
    assert follower.of("error")[0]["code"] == "token_wrong"


class Command:
    """`bklog …` that goes on, and what it has printed."""

    def __init__(self, platform: TailPlatform, *words: str, **variables: str) -> None:
        asked = {
            "BKLOG_API_URL": f"http://127.0.0.1:{platform.entry_port}",
            "BKLOG_API_TOKEN": platform.made["reader"],
            "BKLOG_HOME": str(platform.folder / "elsewhere"),
        }
        self.said = platform.folder / f"said-{time.monotonic_ns()}"
        with self.said.open("wb") as errors:
            self.process = subprocess.Popen(
                # Tests that were begun in the background of a shell ignore ^C, and so would whatever they start.
                ["env", "--default-signal=INT", sys.executable, "-m", "bklog.cli", *words],
                env={**platform.environ, "BKLOG_STORE_URL": "", **asked, **variables},
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        platform.processes.append(self.process)  # so that it ends with the platform, whatever becomes of the test
        self.printed: list[str] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as lines:
            for line in lines:
                self.printed.append(line.rstrip("\n"))

    def end(self) -> int:
        code = self.process.wait(20)
        self._reading.join()
        return code

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.end()


def test_bklog_tail_goes_on_over_a_killed_ingest(platform: TailPlatform) -> None:
    tail = Command(platform, "tail", "shop", "order", "--json")

    def numbers() -> list[int]:
        found = [json.loads(line)["fields"]["n"] for line in list(tail.printed)]
        return [number for number in found if number]

    wait_until(lambda: platform.send(lines(0)) and tail.printed)  # it follows when it shows what comes in
    platform.send(lines(1, 2))
    wait_until(lambda: numbers() == [1, 2])
    platform.ingest.kill()
    platform.ingest.wait()
    platform.start_ingest()
    platform.send(lines(3))
    wait_until(lambda: numbers() == [1, 2, 3])
    assert tail.interrupt() == 130
    assert numbers() == [1, 2, 3]
    said = tail.said.read_text()
    assert "connecting again" in said
    assert "Traceback" not in said


def test_bklog_search_follow_prints_the_page_and_what_comes_in_once(platform: TailPlatform) -> None:
    platform.send(lines(10, 11, 12, more="followed"))
    follow = Command(platform, "search", "followed", "--index-set", "shop", "--follow", "--raw")
    wait_until(lambda: len(follow.printed) == 3)
    platform.send(lines(13, more="followed"))
    wait_until(lambda: len(follow.printed) == 4)
    assert [json.loads(line)["n"] for line in follow.printed] == [10, 11, 12, 13]
    assert follow.interrupt() == 130


def test_bklog_tail_says_what_is_wrong(platform: TailPlatform) -> None:
    refused = Command(platform, "tail", "shop", "(")
    assert refused.end() == 2
    assert "[query_syntax]" in refused.said.read_text()
    unknown = Command(platform, "tail", "nothing")
    assert unknown.end() == 4
    assert "[no_index_set]" in unknown.said.read_text()
